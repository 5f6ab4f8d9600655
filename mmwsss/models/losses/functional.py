"""Knowledge-transfer losses as pure functions of two maps.

A *level* says which vectors of the maps are compared, a *metric* how two vectors are; Tables 4.7 to 4.9 of
arXiv 2507.21959 are combinations of the two.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

METRICS = ('cosine', 'l1', 'l2', 'mse', 'kl', 'bernoulli_kl')
LEVELS = ('global', 'spatial', 'channel', 'spatial_map', 'inner', 'logits')


def check_maps(student_map: Tensor, teacher_map: Tensor, same_channels: bool = True) -> None:
    """Raise ValueError unless both maps are (B, C, h, w) with all dimensions equal; names the neck for channels.

    Args:
        student_map: Checked.
        teacher_map: Checked.
        same_channels: Whether C must be equal as well.
    """
    for name, value in (('student_map', student_map), ('teacher_map', teacher_map)):
        if value.ndim != 4:
            raise ValueError(f'Expected {name} of shape (B, C, h, w), but got {tuple(value.shape)}.')
    ours, theirs = list(student_map.shape), list(teacher_map.shape)
    if not same_channels:
        ours[1] = theirs[1]
    if ours == theirs:
        return
    hint = ''
    if ours[1] != theirs[1]:
        hint = " Project one of them to the other's channels with FeatureProjectionNeck."
    raise ValueError(
        f'Expected student_map and teacher_map of one shape, '
        f'but got {tuple(student_map.shape)} and {tuple(teacher_map.shape)}.{hint}'
    )


def vector_distance(student: Tensor, teacher: Tensor, metric: str, normalize_l2: bool = True) -> Tensor:
    r"""Mean distance of vectors (..., D), over all but the last dimension.

    ``cosine``: :math:`1 - \cos`; ``l1``: mean absolute difference; ``mse``: mean squared difference; ``l2``:
    :math:`\lVert s - t \rVert_2 / \sqrt{D}`, or without the division (the paper's code), which grows with the map.

    Args:
        student: (..., D).
        teacher: (..., D).
        metric: One of the four.
        normalize_l2: Whether ``l2`` is divided by the root of D.

    Returns:
        Tensor: scalar.

    Raises:
        ValueError: If the metric is none of the four, or a cosine of single numbers is asked for: that is a sign, and
            has no gradient.

    >>> ours, theirs = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]])
    >>> float(vector_distance(ours, theirs, 'l1')), float(vector_distance(ours, theirs, 'l2', normalize_l2=False))
    (3.5, 5.0)
    """
    if metric == 'cosine':
        if student.shape[-1] < 2:
            raise ValueError('Expected vectors of at least 2 numbers for a cosine, but got 1: it would be a sign only.')
        return 1 - F.cosine_similarity(student, teacher, dim=-1).mean()
    if metric == 'l1':
        return F.l1_loss(student, teacher)
    if metric == 'mse':
        return F.mse_loss(student, teacher)
    if metric == 'l2':
        norm = torch.linalg.vector_norm(student - teacher, dim=-1).mean()
        return norm / student.shape[-1] ** 0.5 if normalize_l2 else norm
    raise ValueError(f"Expected metric 'cosine', 'l1', 'l2' or 'mse', but got {metric!r}.")


def cosine_global(student_map: Tensor, teacher_map: Tensor, pooled: bool = False) -> Tensor:
    r"""One minus the cosine of the whole maps, mean over the batch.

    .. math:: L = 1 - \frac{1}{B} \sum_b \frac{\langle s_b, t_b \rangle}{\lVert s_b \rVert \, \lVert t_b \rVert}

    Source: arXiv 2507.21959, section 3.3. Its text and its code flatten (C, h, w) to one vector; its eq. 3.2 pools
    over positions first, which is ``pooled``.

    Args:
        student_map: (B, C, h, w).
        teacher_map: (B, C, h, w).
        pooled: Average over positions before the cosine.

    Returns:
        Tensor: scalar in [0, 2].

    Raises:
        ValueError: If the shapes differ.

    >>> student_map = torch.rand(2, 8, 4, 4)
    >>> round(float(cosine_global(student_map, -3 * student_map)), 4)  # whatever the scale
    2.0
    """
    return map_distance(student_map, teacher_map, 'cosine', 'global', pooled=pooled)


def cosine_channel_pairs(student_map: Tensor, teacher_map: Tensor) -> Tensor:
    """One minus the cosine over positions, mean over **all** pairs of a student's and a teacher's channel.

    Source: the paper's code at the level ``channel``. Cross pairs count as well, so with several channels it cannot
    reach zero unless the teacher's channels agree with each other.

    Args:
        student_map: (B, C, h, w).
        teacher_map: (B, D, h, w); D may differ from C.

    Returns:
        Tensor: scalar in [0, 2].
    """
    check_maps(student_map, teacher_map, same_channels=False)
    student, teacher = (F.normalize(m.flatten(2), dim=2, eps=1e-8) for m in (student_map, teacher_map))
    return 1 - torch.einsum('bcl,bdl->bcd', student, teacher).mean()


def gram(feature_map: Tensor) -> Tensor:
    """Inner products of channels, mean over positions: (B, C, h, w) to (B, C, C).

    >>> gram(torch.tensor([[[[1.0, 1.0]], [[2.0, 0.0]]]])).tolist()
    [[[1.0, 1.0], [1.0, 2.0]]]
    """
    flat = feature_map.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def map_distance(
    student_map: Tensor,
    teacher_map: Tensor,
    metric: str,
    level: str,
    pairs: str = 'all',
    map_reduce: str = 'mean',
    normalize_l2: bool = True,
    pooled: bool = False,
) -> Tensor:
    """Distance of two maps at a level.

    ==============  ====================================================================================
    level           vectors that are compared
    ==============  ====================================================================================
    global          the whole map, C * h * w numbers (``pooled``: its mean over positions, C numbers)
    spatial         the C numbers of each position
    channel         the h * w numbers of each channel, with the same channel or with all
    spatial_map     the mean or the maximum over channels, h * w numbers
    inner           the columns of the Gram matrix of the channels, C numbers each
    ==============  ====================================================================================

    Args:
        student_map: (B, C, h, w).
        teacher_map: (B, C, h, w).
        metric: See :func:`vector_distance`.
        level: One of the table.
        pairs: At the level ``channel``: ``'all'`` (the paper's code; cosine only) or ``'matched'``.
        map_reduce: At the level ``spatial_map``: ``'mean'`` (the paper's code) or ``'max'``.
        normalize_l2: See :func:`vector_distance`.
        pooled: At the level ``global``: eq. 3.2 of the paper.

    Returns:
        Tensor: scalar.

    Raises:
        ValueError: If the shapes differ where the level needs them equal, or the level is unknown.
    """
    if level == 'channel' and pairs == 'all' and metric == 'cosine':
        return cosine_channel_pairs(student_map, teacher_map)
    check_maps(student_map, teacher_map, same_channels=level != 'spatial_map')

    def vectors(feature_map: Tensor) -> Tensor:
        if level == 'global':
            return feature_map.mean((2, 3)) if pooled else feature_map.flatten(1)
        if level == 'spatial':
            return feature_map.flatten(2).transpose(1, 2)
        if level == 'channel':
            return feature_map.flatten(2)
        if level == 'spatial_map':
            return (feature_map.mean(1) if map_reduce == 'mean' else feature_map.amax(1)).flatten(1)
        if level == 'inner':
            return gram(feature_map)  # symmetric: its rows are its columns
        raise ValueError(f'Expected a level of maps, {LEVELS[:-1]}, but got {level!r}.')

    return vector_distance(vectors(student_map), vectors(teacher_map), metric, normalize_l2)


def softmax_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    r"""KL divergence of softmax distributions, :math:`T^2 \, KL(\sigma(t / T) \,\|\, \sigma(s / T))`, mean over images.

    With one logit it is identically zero: the softmax of a single number is 1.

    Args:
        student_logits: (B, K).
        teacher_logits: (B, K).
        temperature: T.
    """
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits / temperature, dim=1)
    return F.kl_div(student, teacher, reduction='batchmean', log_target=True) * temperature**2


def bernoulli_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float = 1.0) -> Tensor:
    r"""KL divergence of each class's Bernoulli distribution, times :math:`T^2`, mean over images and classes.

    The meaningful form for multi-label problems, with one class too.

    Args:
        student_logits: (B, K).
        teacher_logits: (B, K).
        temperature: T.
    """
    student, teacher = student_logits / temperature, teacher_logits / temperature
    share = teacher.sigmoid()
    positive = share * (F.logsigmoid(teacher) - F.logsigmoid(student))
    negative = (1 - share) * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return (positive + negative).mean() * temperature**2


def counterfactual_loss(
    map_with: Tensor, map_without: Tensor, matte: Tensor, scale: float = 4.0, empty_weight: float = 1.0
) -> Tensor:
    r"""Loss of class maps on pairs of frames: their difference is the smoke, and the clean frame's map is empty.

    .. math:: L = \mathrm{mean} \left| \frac{M(x^+) - M(x^0)}{s} - \alpha \right|
        + \lambda_0 \, \mathrm{mean} \frac{\max(M(x^0), 0)}{s}

    with M a signed class map, :math:`x^+` the frame with smoke, :math:`x^0` the same frame without, :math:`\alpha` the
    smoke's opacity (matte) averaged over the map's cells, and s the scale. Means are over batch and positions. What
    both frames show (chimney, horizon, camera) cancels in the first part and is kept down by the second.

    Args:
        map_with: (B, h, w), of the frames with smoke.
        map_without: (B, h, w), of the same frames without.
        matte: (B, H, W) in [0, 1].
        scale: s, what the map should gain where the smoke is opaque.
        empty_weight: :math:`\lambda_0`.

    Returns:
        Tensor: scalar >= 0.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if map_with.ndim != 3 or map_with.shape != map_without.shape:
        raise ValueError(
            f'Expected maps of one shape (B, h, w), but got {tuple(map_with.shape)} and {tuple(map_without.shape)}.'
        )
    if matte.ndim != 3 or matte.shape[0] != map_with.shape[0]:
        raise ValueError(f'Expected a matte ({map_with.shape[0]}, H, W), but got {tuple(matte.shape)}.')
    opacity = F.adaptive_avg_pool2d(matte[:, None].to(map_with), (map_with.shape[1], map_with.shape[2]))[:, 0]
    difference = ((map_with - map_without) / scale - opacity).abs().mean()
    return difference + empty_weight * map_without.relu().mean() / scale
