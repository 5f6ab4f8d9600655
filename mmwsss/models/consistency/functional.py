"""All-pairs consistency of attention as pure functions of tensors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mmwsss.models.consistency.views import View


def split_attention(attention: Tensor, patches: int) -> tuple[Tensor, Tensor]:
    """Class-to-patch and patch-to-patch attention: (B, M, M) to (B, N) and (B, N, N).

    Args:
        attention: (B, M, M), class token first, the last N tokens being the patches.
        patches: N.
    """
    return attention[:, 0, -patches:], attention[:, -patches:, -patches:]


def all_pairs_losses(
    first: Sequence[Tensor], second: Sequence[Tensor], grid: tuple[int, int], view: View
) -> tuple[Tensor, Tensor]:
    r"""Activation-map consistency and all-pairs affinity consistency of two views, mean over batch, blocks and entries.

    .. math:: L_{act} = \mathrm{mean} \, |a - P^{-1} a'|, \quad L_{aff} = \mathrm{mean} \, |S - P^{-1} S' P|

    with a the class token's attention to the patches, S the patches' attention to each other, and P the map of
    positions between the views. Source: ACR (Sun et al., ICCVW 2023, eq. 3 to 6).

    Args:
        first: Head means (B, M, M) of each block, of the image.
        second: Likewise of its view.
        grid: Rows and columns of the image's patches.
        view: How the second came from the first.

    Returns:
        Two scalars.

    Raises:
        ValueError: If the numbers of blocks or of tokens do not fit.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f'Expected attention of as many blocks in both views, but got {len(first)} and {len(second)}.')
    patches, second_grid = grid[0] * grid[1], view.grid(grid)
    second_patches = second_grid[0] * second_grid[1]
    for name, attention, number in (('image', first[0], patches), ('view', second[0], second_patches)):
        if attention.shape[-1] <= number:
            raise ValueError(
                f'Expected attention of a class token and {number} patches in the {name}, '
                f'but got {attention.shape[-1]} tokens.'
            )
    activation, affinity = first[0].new_zeros(()), first[0].new_zeros(())
    for one, other in zip(first, second):
        ours = view.compare_first(*split_attention(one, patches), grid)
        theirs = view.compare_second(*split_attention(other, second_patches), grid)
        activation = activation + (ours[0] - theirs[0]).abs().mean()
        affinity = affinity + (ours[1] - theirs[1]).abs().mean()
    return activation / len(first), affinity / len(first)
