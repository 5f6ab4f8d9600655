"""Knowledge-transfer losses as pure functions of two maps."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def check_maps(student_map: Tensor, teacher_map: Tensor) -> None:
    """Raise ValueError unless both maps are (B, C, h, w) with all dimensions equal; names the neck for channels."""
    for name, value in (('student_map', student_map), ('teacher_map', teacher_map)):
        if value.ndim != 4:
            raise ValueError(f'Expected {name} of shape (B, C, h, w), but got {tuple(value.shape)}.')
    if student_map.shape == teacher_map.shape:
        return
    hint = ''
    if student_map.shape[1] != teacher_map.shape[1]:
        hint = " Project one of them to the other's channels with FeatureProjectionNeck."
    raise ValueError(
        f'Expected student_map and teacher_map of one shape, '
        f'but got {tuple(student_map.shape)} and {tuple(teacher_map.shape)}.{hint}'
    )


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
    """
    check_maps(student_map, teacher_map)
    student, teacher = (m.mean((2, 3)) if pooled else m.flatten(1) for m in (student_map, teacher_map))
    return 1 - F.cosine_similarity(student, teacher, dim=1).mean()
