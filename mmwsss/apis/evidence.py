"""Collects what frames say about a candidate without a mask, and chooses among candidates."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModel

from mmwsss.apis.judge import ERASERS, Judge, erase_and_keep
from mmwsss.apis.score_maps import scored_frames, split_indices
from mmwsss.datasets.composite_frames import CompositeFrames
from mmwsss.datasets.groups import Grouping
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.datasets.object_frames import ObjectFrames
from mmwsss.datasets.transforms import LoadPicture
from mmwsss.evaluation.evidence import CompositeCurves, CompositeCurvesBuilder, Evidence, FrameCurvesBuilder
from mmwsss.utils.errors import InputError
from mmwsss.utils.spread import spread

VIEWS = ('mirrored', 'scaled')
"""Second looks at a frame: its mirror image, or at three quarters of the size."""
_SCALED = 0.75


@dataclass(frozen=True)
class EvidencePlan:
    """Which frames are looked at, and how.

    Attributes:
        frames: Most frames with a class, and most without; evenly spread over the data set.
        composites: Composites on frames without a class; 0: none, where the class cannot be generated.
        views: A second look at every frame, one of :data:`VIEWS`; None: none.
        erase: How a judge's picture loses what a mask covers, one of :data:`~mmwsss.apis.judge.ERASERS`.
        class_index: Index of the class that composites show.
        grouping: What a block is.
        seed: Of the composites.
        objects: Output folder of ``make_pseudo`` whose masks cut objects, which are pasted in the place of generated
            smoke (:class:`~mmwsss.datasets.object_frames.ObjectFrames`); None: smoke.
        composer: Of :class:`~mmwsss.datasets.composites.Composer`.

    Raises:
        ValueError: If there is no such second look or way to erase.
    """

    frames: int = 300
    composites: int = 264
    views: str | None = None
    erase: str = 'fill'
    class_index: int = 0
    grouping: Grouping = field(default_factory=Grouping)
    seed: int = 0
    objects: str | None = None
    composer: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in (('views', (None, *VIEWS)), ('erase', tuple(ERASERS))):
            if getattr(self, name) not in known:
                raise InputError(f'Expected {name} of {list(known)}, but got {getattr(self, name)!r}.')


def composites_of(dataset: ImageDataset, wanted: int | None = None) -> int:
    """How many composites to look at: what is wanted, else 264 of data with one class; several are no smoke."""
    if wanted is not None:
        return wanted
    return EvidencePlan.composites if len(dataset.metainfo['classes']) == 1 else 0


class _Mirrored:
    """The frames of a data set, left and right exchanged."""

    def __init__(self, source: ImageDataset) -> None:
        self.source = source
        self._load = LoadPicture()

    @property
    def metainfo(self) -> Mapping[str, Any]:
        return self.source.metainfo

    def __len__(self) -> int:
        return len(self.source)

    def get_data_info(self, idx: int) -> dict[str, Any]:
        info = self.source.get_data_info(idx)
        info['img'] = np.ascontiguousarray(self._load(dict(info))['img'][:, ::-1])
        return info


def blocks_of(dataset: ImageDataset, indices: Sequence[int], grouping: Grouping) -> dict[int, str]:
    """The block of each of some images, by index."""
    groups = grouping.all([dataset.get_data_info(index)['img_path'] for index in indices])
    return {index: group.block for index, group in zip(indices, groups)}


def collect_evidence(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset,
    plan: EvidencePlan,
    judge: Judge | None = None,
    peer: BaseModel | None = None,
) -> Evidence:
    """Look at frames with one candidate; no mask is read.

    Args:
        cfg: A pseudo config; see :func:`~mmwsss.apis.score_maps.scored_frames`.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: Frames with image labels, best those that trained nothing.
        plan: Which of them, and how.
        judge: Also asked, where there is one; see :func:`~mmwsss.apis.judge.erase_and_keep`.
        peer: Another network of the same classes, such as the same training with another seed. Its scores of a frame
            are the second view, in the place of the candidate's own second look.

    Raises:
        ValueError: If no frame shows a class, or composites are wanted and every frame does.
    """
    positive, negative = split_indices(dataset)
    if not positive:
        raise InputError('Expected frames that show a class to choose by, but got none.')
    chosen = [*spread(positive, plan.frames), *spread(negative, plan.frames)]
    blocks = blocks_of(dataset, chosen, plan.grouping)
    builder = FrameCurvesBuilder()
    judged = _judged(dataset, chosen, plan.class_index) if judge is not None else set()
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    views = None
    if peer is not None:
        views = _scores_of_two(cfg, (model, peer), dataset, chosen)
    elif plan.views == 'mirrored':
        views = _mirrored_views(cfg, model, dataset, chosen)
    elif plan.views == 'scaled':
        views = _scaled_views(cfg, model, dataset, chosen)
    for frame in scored_frames(cfg, model, dataset, chosen, label='frames'):
        two = None if views is None else next(views)
        labels = set(frame.info['gt_label'].tolist())
        for index, score in enumerate(frame.scores):
            view = None if two is None else (two[0][index], two[1][index])
            builder.add(frame.info['img_path'], blocks[frame.index], index, index in labels, score, view)
        if frame.index in judged:
            kept.append((frame.img, frame.scores[plan.class_index]))
    erased = None if judge is None else erase_and_keep(judge, kept, plan.erase)
    return Evidence(builder.build(), collect_composites(cfg, model, dataset, plan), erased)


def _mirrored_views(
    cfg: Config, model: BaseModel, dataset: ImageDataset, chosen: Sequence[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores (K, H, W) of frames and of their mirror images; flips are not averaged, which would make them equal."""
    single = copy.deepcopy(cfg)
    single.pseudo.generator.flip = False
    pairs = zip(
        scored_frames(single, model, dataset, chosen, label='views'),
        scored_frames(single, model, _Mirrored(dataset), chosen, label='mirrored'),
    )
    for plain, mirrored in pairs:
        yield plain.scores, mirrored.scores[..., ::-1]


def _scaled_views(
    cfg: Config, model: BaseModel, dataset: ImageDataset, chosen: Sequence[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores (K, H, W) of frames as they are seen and at three quarters of that size."""
    smaller = copy.deepcopy(cfg)
    smaller.pseudo.generator.scales = [_SCALED * scale for scale in cfg.pseudo.generator.scales]
    pairs = (scored_frames(one, model, dataset, chosen, label='of two sizes') for one in (cfg, smaller))
    for plain, small in zip(*pairs):
        yield plain.scores, small.scores


def _scores_of_two(
    cfg: Config, models: tuple[BaseModel, BaseModel], dataset: ImageDataset, chosen: Sequence[int]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scores (K, H, W) of frames by two networks."""
    pairs = (scored_frames(cfg, model, dataset, chosen, label='of two networks') for model in models)
    for one, other in zip(*pairs):
        yield one.scores, other.scores


_JUDGED = 60  # frames that a judge sees: it looks at each some 70 times


def _judged(dataset: ImageDataset, chosen: Sequence[int], class_index: int) -> set[int]:
    """Frames of the class, evenly spread."""
    return set(spread([i for i in chosen if class_index in dataset.get_data_info(i)['gt_label']], _JUDGED))


def composite_sets(dataset: ImageDataset, plan: EvidencePlan) -> tuple[CompositeFrames, CompositeFrames]:
    """Composites of a data set's frames without a class, and the same frames without the smoke.

    Raises:
        ValueError: If every frame shows a class.
    """
    negative = split_indices(dataset)[1]
    if not negative:
        raise InputError('Expected frames without any class to blend smoke into, but every frame shows one.')
    frames = spread(negative, plan.composites)
    repeat = max(math.ceil(plan.composites / len(frames)), 1)
    shared = {'class_index': plan.class_index, 'repeat': repeat, 'seed': plan.seed, **plan.composer}
    with_smoke, without = (CompositeFrames(dataset, frames, smoke, **shared) for smoke in (True, False))
    return with_smoke, without


def collect_composites(
    cfg: Config, model: BaseModel, dataset: ImageDataset, plan: EvidencePlan
) -> CompositeCurves | None:
    """Look at composites with one candidate; None where the plan has none."""
    if not plan.composites:
        return None
    composites: CompositeFrames | ObjectFrames
    without: CompositeFrames | ObjectFrames
    if plan.objects:
        composites = ObjectFrames(dataset, plan.objects, plan.composites, plan.seed)
        without = composites.without()
    else:
        composites, without = composite_sets(dataset, plan)
    blocks = blocks_of(dataset, composites.frames, plan.grouping)
    builder = CompositeCurvesBuilder()
    number = range(plan.composites)
    pairs = zip(
        scored_frames(cfg, model, composites, number, label='composites'),
        scored_frames(cfg, model, without, number, label='composites without'),
    )
    for made, clean in pairs:
        index = made.info.get('composite_class', plan.class_index)
        if index is None:  # no object fitted in
            continue
        matte = made.info['object_matte' if plan.objects else 'plume_matte']
        block = blocks[composites.frame_of(made.index)]
        builder.add(made.info['img_path'], block, made.scores[index], matte, clean.scores[index])
    return builder.build()
