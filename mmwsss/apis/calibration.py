"""A threshold with a bound on false alarms, from frames that are known to show nothing."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.model import BaseModel

from mmwsss.apis.score_maps import scored_frames, split_config, split_indices, split_name
from mmwsss.datasets.groups import Grouping
from mmwsss.datasets.image_dataset import ImageDataset
from mmwsss.evaluation.conformal import FalseAlarmBound, FalseAlarms
from mmwsss.utils.errors import InputError
from mmwsss.utils.spread import spread


def why_no_promise(cfg: Config, split: str | None, grouping: Grouping) -> str | None:
    """Why nothing can be promised on a split whatever its frames show; None where it can.

    Frames must have trained nothing, nor may others of their block: a frame that was kept aside one by one has its
    neighbours of the same minute in the training set.

    Args:
        cfg: A config with data sets.
        split: See :func:`~mmwsss.apis.score_maps.data_split`.
        grouping: What a block is.
    """
    name = split_name(cfg, split)
    if name == 'train':
        return 'there are no frames that trained nothing'
    if name != 'aside':
        return None
    kept = split_config(cfg, name)
    if not (kept.get('group_pattern') or kept.get('group_file')):
        return (
            'frames were kept aside one by one, so that others of the same day trained the network: blocks must say '
            'what repeats itself, such as a day of a camera'
        )
    if grouping.pattern is None and grouping.table is None:
        return 'blocks must say what repeats itself, as they did where frames were kept aside'
    return None


def collect_false_alarms(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset,
    grouping: Grouping | None = None,
    min_share: float = 0.001,
    limit: int | None = None,
    indices: list[int] | None = None,
) -> FalseAlarms:
    """Scores of the frames without any class, at their full size, ready for any bound.

    Args:
        cfg: A pseudo config; see :func:`~mmwsss.apis.score_maps.scored_frames`. A mask is ``best score > threshold``,
            the best over all classes, as where no image label is known.
        model: From :func:`~mmwsss.apis.inference.init_for_maps`.
        dataset: Frames that neither trained the network nor chose anything of it; those with a class are passed over.
        grouping: What a block is; by default a folder.
        min_share: See :class:`~mmwsss.evaluation.conformal.FalseAlarms`.
        limit: Frames at most, evenly spread.
        indices: Frames to take in the place of all without a class.

    Raises:
        ValueError: If every frame shows a class.
    """
    negative = split_indices(dataset)[1] if indices is None else indices
    if not negative:
        raise InputError(f'Expected frames without any class to calibrate on, but all {len(dataset)} show one.')
    chosen = spread(negative, limit)
    paths = [dataset.get_data_info(index)['img_path'] for index in chosen]
    blocks = {index: group.block for index, group in zip(chosen, (grouping or Grouping()).all(paths))}
    collected = FalseAlarms(min_share)
    for frame in scored_frames(cfg, model, dataset, chosen, label='frames without the class'):
        collected.update(frame.scores.max(0), blocks[frame.index])
    return collected


def calibrate(
    cfg: Config,
    model: BaseModel,
    dataset: ImageDataset,
    alpha: float,
    risk: str = 'frames',
    confidence: float | None = None,
    **collecting: Any,
) -> FalseAlarmBound:
    """The smallest threshold whose false alarms are bounded; see :mod:`mmwsss.evaluation.conformal`.

    Args:
        cfg: See :func:`collect_false_alarms`.
        model: Likewise.
        dataset: Likewise.
        alpha: The bound, in (0, 1).
        risk: ``'frames'`` or ``'pixels'``.
        confidence: None bounds the mean over calibrations, 0.95 the risk itself in 95 % of them.
        **collecting: Of :func:`collect_false_alarms`.

    Raises:
        TooFewBlocksError: If there are too few blocks for alpha; says how many are needed.
    """
    return collect_false_alarms(cfg, model, dataset, **collecting).bound(alpha, risk, confidence)
