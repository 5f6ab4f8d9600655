"""How a batch size shrinks to the data."""

from __future__ import annotations

from dataclasses import dataclass

from mmwsss.utils.errors import InputError


@dataclass(frozen=True)
class FittedBatches:
    """Batches that a training set can fill.

    Attributes:
        batch_size: Images a batch and process.
        drop_last: Whether the last batch is left out where it is smaller.
        repeats: How often each image stands in an epoch; more than once where a batch would have a single one.
        note: What was changed and why, in one line; None where nothing was.
    """

    batch_size: int
    drop_last: bool
    repeats: int = 1
    note: str | None = None


def plan_batches(images: int, batch_size: int, drop_last: bool = True, processes: int = 1) -> FittedBatches:
    """Shrink batches to the data: there is at least one, and none of a single image where more were asked for.

    Args:
        images: Images of the training set.
        batch_size: Images a batch and process that were asked for.
        drop_last: Whether a smaller last batch is left out.
        processes: Processes that share the images.

    Raises:
        ValueError: If a number is not positive.
    """
    for name, value in (('images', images), ('batch_size', batch_size), ('processes', processes)):
        if value < 1:
            raise InputError(f'Expected {name} >= 1, but got {value}.')
    share = -(-images // processes)  # samplers round up
    notes, repeats = [], 1
    size = min(batch_size, share)
    if share == 1 < batch_size:
        repeats = -(-2 * processes // images)
        size = share = -(-images * repeats // processes)
        notes.append(
            f'the training set has {images} image{"s" * (images > 1)}, and batch norm cannot learn from a single one: '
            f'each stands {repeats} times in a batch of {size} instead of {batch_size}'
        )
    elif size < batch_size:
        of_each = f' ({share} for each of {processes} processes)' if processes > 1 else ''
        notes.append(f'batches of {size} instead of {batch_size}: the training set has {images} images{of_each}')
    if not drop_last and size > 1 and share % size == 1:
        drop_last = True  # batch norm cannot learn from one image
        notes.append('the last batch is left out: it would have a single image')
    if size == 1:
        notes.append('a batch has a single image: batch norm has nothing to compare it with')
    return FittedBatches(size, drop_last, repeats, '; '.join(notes) or None)
