"""A CNN teacher and a ViT student whose maps are trained to agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn as nn
from mmengine.model import BaseModel
from mmpretrain.structures import DataSample
from torch import Tensor

from mmwsss.models.classifiers import MapClassifier
from mmwsss.models.data_samples import require_samples
from mmwsss.models.distillers.teacher_cache import TeacherCache
from mmwsss.models.heads.image_label_head import image_label_loss
from mmwsss.registry import MODELS
from mmwsss.utils.errors import InputError, MissingFileError
from mmwsss.weights.checkpoints import load_weights, read_checkpoint, state_of, unwrapped

_TEACHER = 'teacher.'


def preprocessor_of(config: dict) -> dict:
    """Config of a classifier's data preprocessor, with its type."""
    return {'type': 'mmpretrain.ClsDataPreprocessor', **(config.get('data_preprocessor') or {})}


def _normalisation(preprocessor: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Mean and standard deviation of a data preprocessor, None where it does not normalise."""
    mean, std = getattr(preprocessor, 'mean', None), getattr(preprocessor, 'std', None)
    return None if mean is None or std is None else (mean, std)


@MODELS.register_module()
class CrossArchDistiller(BaseModel):
    """Cross-architecture consistency: a teacher with class maps guides a student through its patch tokens.

    ``loss = BCE(student) + lambda * KT(neck(student's patch map), teacher's class maps)``, and ``+ BCE(teacher)`` where
    both learn (arXiv 2507.21959, section 3.3).

    In the paradigm ``'ts'`` (teacher-student) the teacher is trained before, frozen, always in eval mode, sees the
    images in its own normalisation, and is absent from the saved checkpoint. In ``'co'`` (co-training) both learn, and
    the loss reaches both. To predict, and for CAMs, the distiller is its student.

    Args:
        student: Config of a :class:`~mmwsss.models.classifiers.MapClassifier` on a
            :class:`~mmwsss.models.backbones.TokenMapVisionTransformer`.
        teacher: Config of a MapClassifier whose head has class maps.
        neck: Config of a :class:`~mmwsss.models.necks.FeatureProjectionNeck` for the student's patch map; None compares
            the patch map itself.
        kt_loss: Config of a :class:`~mmwsss.models.losses.KnowledgeTransferLoss`; its ``loss_weight`` is lambda.
        student_map: What is compared with the teacher's maps: ``'patch_tokens'`` (the paper; through the neck), or
            ``'class_maps'``, those of a student whose head has some. The paper's loss reaches the CAM only through
            shared blocks; this one acts on the CAM itself.
        paradigm: ``'ts'`` or ``'co'``.
        teacher_checkpoint: Checkpoint of the trained teacher, by itself or inside of a model that trained it
            (:class:`~mmwsss.models.consistency.CounterfactualPairs`); needed in ``'ts'``.
        teacher_command: The command that makes ``teacher_checkpoint``, for the error where it is missing.
        cache_teacher: Keep a frozen teacher's maps in memory (4 bytes a value, a few kilobytes an image), so that from
            the second epoch on it costs next to nothing. For training without random augmentation, as the paper's: an
            image must look the same at every visit. Losses are the same.
        data_preprocessor: By default the student's.
        init_cfg: Of :class:`mmengine.model.BaseModel`.

    Raises:
        ValueError: If the paradigm is unknown, ``'ts'`` has no teacher checkpoint, or the classes of the two differ.
        FileNotFoundError: If the teacher's checkpoint is missing, with the command that makes it.
    """

    def __init__(
        self,
        student: dict,
        teacher: dict,
        kt_loss: dict,
        neck: dict | None = None,
        student_map: str = 'patch_tokens',
        paradigm: str = 'ts',
        teacher_checkpoint: str | None = None,
        teacher_command: str | None = None,
        cache_teacher: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        if paradigm not in ('ts', 'co'):
            raise InputError(f"Expected paradigm 'ts' or 'co', but got {paradigm!r}.")
        if student_map not in ('patch_tokens', 'class_maps'):
            raise InputError(f"Expected student_map 'patch_tokens' or 'class_maps', but got {student_map!r}.")
        if student_map == 'class_maps' and neck is not None:
            raise InputError('Expected no neck for student_map class_maps, which has one map a class already.')
        if cache_teacher and paradigm != 'ts':
            raise InputError('Expected the paradigm ts for cache_teacher: in co-training the teacher changes.')
        super().__init__(data_preprocessor or preprocessor_of(student), init_cfg)
        self.teacher_cache = TeacherCache() if cache_teacher else None
        self.paradigm, self.student_map = paradigm, student_map
        self.teacher_checkpoint, self.teacher_command = teacher_checkpoint, teacher_command
        self.student: MapClassifier = MODELS.build(student)
        self.teacher: MapClassifier = MODELS.build(teacher)
        if self.student.num_classes != self.teacher.num_classes:
            raise InputError(
                f'Expected student and teacher of the same classes, '
                f'but got {self.student.num_classes} and {self.teacher.num_classes}.'
            )
        self.neck = None if neck is None else MODELS.build(neck)
        self.kt_loss = MODELS.build(kt_loss)
        if paradigm == 'ts':
            self._freeze_teacher()

    def _freeze_teacher(self) -> None:
        self.teacher.requires_grad_(False)
        self.teacher.eval()
        self._register_state_dict_hook(self._drop_teacher)
        self._register_load_state_dict_pre_hook(self._keep_teacher)

    @staticmethod
    def _drop_teacher(module: CrossArchDistiller, state: dict, prefix: str, *_: Any) -> dict:
        for key in [key for key in state if key.startswith(prefix + _TEACHER)]:
            del state[key]
        return state

    def _keep_teacher(self, state: dict, prefix: str, *_: Any) -> None:
        """Let a checkpoint without the teacher load: the teacher keeps the weights of its own checkpoint."""
        for key, value in self.teacher.state_dict().items():
            state.setdefault(prefix + _TEACHER + key, value)

    def init_weights(self) -> None:
        """Initialise the student as its config says, and load the teacher."""
        if self.paradigm == 'ts':
            self.teacher._is_init = True  # its own checkpoint follows: no need of its pre-trained backbone
        super().init_weights()
        if self.paradigm == 'ts':
            self.load_teacher()
        elif self.teacher_checkpoint:
            self._load_teacher_file()

    def load_teacher(self) -> None:
        """Load the trained teacher into ``self.teacher``.

        Raises:
            ValueError: If no checkpoint is given or it does not fit the teacher.
            FileNotFoundError: If the file is missing.
        """
        if not self.teacher_checkpoint:
            raise InputError('Expected teacher_checkpoint for the paradigm ts, but got None.')
        self._load_teacher_file()

    def _load_teacher_file(self) -> None:
        path = str(self.teacher_checkpoint)
        if '://' not in path and not Path(path).is_file():
            how = f' Make it with: {self.teacher_command}' if self.teacher_command else ''
            raise MissingFileError(f'Expected the trained teacher in {path}, but there is no such file.{how}')
        state = unwrapped(state_of(read_checkpoint(path)), self.teacher.state_dict().keys())
        state = {key: value for key, value in state.items() if not key.startswith('data_preprocessor.')}
        load_weights(self.teacher, state, 'the teacher of this config', path)

    def train(self, mode: bool = True) -> CrossArchDistiller:
        """Set the mode; a frozen teacher stays in eval mode."""
        super().train(mode)
        if self.paradigm == 'ts':
            self.teacher.eval()
        return self

    @property
    def num_classes(self) -> int:
        """Number of classes K of the image labels."""
        return self.student.num_classes

    @property
    def cam_classifier(self) -> MapClassifier:
        """The classifier whose class activation maps are meant: the student."""
        return self.student

    def teacher_inputs(self, inputs: Tensor) -> Tensor:
        """From the distiller's normalisation to the teacher's."""
        ours, theirs = _normalisation(self.data_preprocessor), _normalisation(self.teacher.data_preprocessor)
        if ours is None or theirs is None:
            return inputs
        (mean, std), (teacher_mean, teacher_std) = ours, theirs
        if torch.equal(mean, teacher_mean) and torch.equal(std, teacher_std):
            return inputs
        return (inputs * std + mean - teacher_mean) / teacher_std

    def forward(
        self, inputs: Tensor, data_samples: list[DataSample] | None = None, mode: str = 'tensor'
    ) -> Tensor | list[DataSample] | dict[str, Tensor]:
        """Losses in mode ``'loss'``; otherwise what the student gives.

        Args:
            inputs: Normalised images (B, 3, H, W).
            data_samples: Samples with ``gt_score``; needed in mode ``'loss'``.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.
        """
        if mode == 'loss':
            return self.loss(inputs, require_samples(data_samples, mode))
        return self.student(inputs, data_samples, mode)

    def _teacher_maps(self, inputs: Tensor) -> Tensor:
        return self.teacher.head.class_maps(self.teacher.extract_feat(self.teacher_inputs(inputs)))

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict[str, Tensor]:
        """``loss_bce`` and ``loss_kt``, and ``loss_bce_teacher`` in co-training."""
        feats = self.student.extract_feat(inputs)
        if self.student_map == 'class_maps':
            student_map = self.student.head.class_maps(feats)
            logits = self.student.head.logits_of(student_map)
        else:
            student_map = feats[-1][0] if isinstance(feats[-1], (list, tuple)) else feats[-1]
            student_map = student_map if self.neck is None else self.neck(student_map)
            logits = self.student.head(feats)
        losses = {'loss_bce': image_label_loss(logits, data_samples)}
        if self.teacher_cache is None:
            with torch.set_grad_enabled(self.paradigm == 'co'):
                teacher_map = self._teacher_maps(inputs)
        else:
            with torch.no_grad():
                teacher_map = self.teacher_cache.maps(inputs, data_samples, self._teacher_maps)
        teacher_logits = self.teacher.head.logits_of(teacher_map)
        compared = (logits, teacher_logits) if self.kt_loss.on_logits else (student_map, teacher_map)
        losses['loss_kt'] = self.kt_loss(*compared)
        if self.paradigm == 'co':
            losses['loss_bce_teacher'] = image_label_loss(teacher_logits, data_samples)
        return losses
