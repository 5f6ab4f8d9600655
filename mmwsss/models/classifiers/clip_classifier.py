"""A classifier that nobody trains: CLIP's image tower against the texts of classes and of backgrounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from mmwsss.registry import MODELS
from mmwsss.utils.dependencies import require
from mmwsss.utils.errors import InputError
from mmwsss.weights.clip import load_clip


@MODELS.register_module()
class CLIPClassifier(BaseModel):
    """CLIP as a classifier of any classes by their names, for maps from text (CLIP-ES: Lin et al., CVPR 2023).

    A class's vector is the mean of the unit vectors of its sentences, one a template. Images of any size are scaled up
    to the next multiples of the patch, with resized position embeddings. Parameters do not learn.

    Args:
        checkpoint: Local file of open_clip's weights, or a tag that open_clip fetches.
        classes: Names of the K classes.
        arch: Name of an open_clip network whose image tower is a plain ViT.
        background: Words for what is not one of the classes; whatever stands beside them belongs here (chimney, cloud).
        synonyms: From a class to the words that stand in its place in the sentence, all in one sentence:
            ``{'person': 'person with clothes,people,human'}``.
        templates: Sentences with ``{}``.
        attention_blocks: Number of the last blocks whose attention spreads the maps (the paper: 8 of 12).
        box_threshold: Share of a map's maximum above which boxes are drawn around it (the paper: 0.4, COCO 0.7).

    Raises:
        ImportError: If open_clip is missing, with the install line.
        FileNotFoundError: If the weights are missing; says where they come from.
        ValueError: If the network or an argument is none of those above.
    """

    def __init__(
        self,
        checkpoint: str,
        classes: Sequence[str],
        arch: str = 'ViT-B-16-quickgelu',
        background: Sequence[str] = (),
        synonyms: Mapping[str, str] | None = None,
        templates: Sequence[str] = ('a clean origami {}.',),
        attention_blocks: int = 8,
        box_threshold: float = 0.4,
    ) -> None:
        package = require('open_clip', type(self).__name__)
        if arch not in package.list_models():
            raise InputError(f'Expected the name of an open_clip network, but got {arch!r}.')
        if not classes or not background or not templates or not all('{}' in text for text in templates):
            raise InputError(
                f'Expected classes, background words and templates with {{}}, '
                f'but got {list(classes)}, {list(background)} and {list(templates)}.'
            )
        unknown = sorted(set(synonyms or {}) - set(classes))
        if unknown:
            raise InputError(f'Expected synonyms of the classes {list(classes)}, but got some of {unknown}.')
        if not 0 <= box_threshold < 1 or attention_blocks < 1:
            raise InputError(
                f'Expected box_threshold in [0, 1) and attention_blocks >= 1, '
                f'but got {box_threshold} and {attention_blocks}.'
            )
        clip: Any = load_clip(package, arch, checkpoint, type(self).__name__).requires_grad_(False)
        visual = clip.visual
        if not hasattr(visual, 'transformer') or getattr(visual, 'attn_pool', None) is not None or visual.proj is None:
            raise InputError(f'Expected an image tower that is a plain ViT with a projection, but {arch} has another.')
        mean = getattr(visual, 'image_mean', None) or package.OPENAI_DATASET_MEAN
        std = getattr(visual, 'image_std', None) or package.OPENAI_DATASET_STD
        super().__init__(
            {
                'type': 'mmpretrain.ClsDataPreprocessor',
                'mean': [255 * value for value in mean],
                'std': [255 * value for value in std],
                'to_rgb': True,
            }
        )
        self.visual = visual
        self.patch_size: int = visual.conv1.kernel_size[0]
        self.num_classes, self.class_names = len(classes), tuple(classes)
        self.attention_blocks, self.box_threshold = attention_blocks, box_threshold
        tokenizer = package.get_tokenizer(arch)
        words = [*((synonyms or {}).get(name, name) for name in classes), *background]
        with torch.no_grad():
            vectors = [
                F.normalize(clip.encode_text(tokenizer([text.format(w) for w in words])), dim=1) for text in templates
            ]
            texts = F.normalize(torch.stack(vectors).mean(0), dim=1) * clip.logit_scale.exp()
        self.register_buffer('texts', texts, persistent=False)

    @property
    def cam_classifier(self) -> CLIPClassifier:
        """The classifier whose class activation maps are meant: itself."""
        return self

    def embed(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Tokens (B, 1 + h * w, D) before the first block, class token first, and the grid (h, w).

        Args:
            images: Normalised (B, 3, H, W) of any size; scaled up to multiples of the patch size.
        """
        grid = (math.ceil(images.shape[2] / self.patch_size), math.ceil(images.shape[3] / self.patch_size))
        size = (grid[0] * self.patch_size, grid[1] * self.patch_size)
        if size != tuple(images.shape[2:]):
            images = F.interpolate(images, size, mode='bicubic', align_corners=False)
        patches = self.visual.conv1(images).flatten(2).transpose(1, 2)
        token = self.visual.class_embedding.expand(len(images), 1, -1)
        tokens = torch.cat([token, patches], 1) + self._positions(grid)
        return self.visual.ln_pre(tokens), grid

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        """Position embeddings, those of the patches resized to a grid, bilinear as in CLIP-ES."""
        positions = self.visual.positional_embedding
        rows, columns = self.visual.grid_size
        if grid == (rows, columns):
            return positions
        square = positions[1:].view(1, rows, columns, -1).permute(0, 3, 1, 2)
        resized = F.interpolate(square, grid, mode='bilinear', align_corners=False)
        return torch.cat([positions[:1], resized.flatten(2)[0].T])

    @staticmethod
    def run_block(block: Any, tokens: Tensor, normed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One block of the image tower, and its attention, mean over heads (B, N, N).

        Args:
            block: Of open_clip's transformer.
            tokens: (B, N, D).
            normed: Output of the block's first norm, where it is there already.
        """
        attn = block.attn
        normed = block.ln_1(tokens) if normed is None else normed
        batch, number, _ = tokens.shape
        joint = F.linear(normed, attn.in_proj_weight, attn.in_proj_bias)
        query, key, value = joint.view(batch, number, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
        attention = (query @ key.transpose(2, 3) * query.shape[-1] ** -0.5).softmax(-1)
        attended = attn.out_proj((attention @ value).transpose(1, 2).reshape(tokens.shape))
        tokens = tokens + block.ls_1(attended)
        return tokens + block.ls_2(block.mlp(block.ln_2(tokens))), attention.mean(1)

    def text_logits(self, tokens: Tensor) -> Tensor:
        """Scaled cosines (B, K + M) with all texts, classes first, of the mean of the last block's patch tokens."""
        pooled = self.visual.ln_post(tokens)[:, 1:].mean(1) @ self.visual.proj
        return F.normalize(pooled, dim=1) @ self.texts.T

    def against_background(self, text_logits: Tensor) -> Tensor:
        """Logits (B, K) of each class alone against all background words: their sigmoid is that softmax."""
        return text_logits[:, : self.num_classes] - text_logits[:, self.num_classes :].logsumexp(1, keepdim=True)

    def forward(self, inputs: Tensor, data_samples: Any = None, mode: str = 'tensor') -> Tensor:
        """Logits (B, K) of each class alone against the background.

        Raises:
            ValueError: If the mode is another: there is nothing to train.
        """
        if mode != 'tensor':
            raise ValueError(f"Expected mode 'tensor' of a classifier that does not learn, but got {mode!r}.")
        tokens, _ = self.embed(inputs)
        for block in self.visual.transformer.resblocks:
            tokens, _ = self.run_block(block, tokens)
        return self.against_background(self.text_logits(tokens))
