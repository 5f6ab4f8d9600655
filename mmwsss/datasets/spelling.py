"""How names of classes are compared, in label files, folders, options and ``negative_classes`` alike.

* Case does not matter (``Smoke`` is ``smoke``); blank, ``_`` and ``-`` are the same and are dropped at the ends
  (``no smoke``, ``No_Smoke``, ``no-smoke``); composed and decomposed accents are the same.
* A text where several names could stand is one name: ``classes='smoke'`` is ``('smoke',)``.
* Of several spellings of one class in a file the most frequent one is its name.
* Labels that are all ``0`` or ``1`` say whether the one class is there; see :mod:`mmwsss.datasets.label_file`.
* A name that can only mean "no class" is none (:func:`plain_negatives`), unless ``classes`` names it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from mmwsss.utils.errors import InputError

_BLANKS = re.compile(r'[\s_-]+')

USUAL_NEGATIVES = frozenset(
    [
        'no',
        'none',
        'negative',
        'negatives',
        'neg',
        'nothing',
        'normal',
        'clear',
        'clean',
        'background',
        'empty',
        'nan',
        'null',
        'n/a',
        'other',
        'without',
        'absent',
        'healthy',
    ]
)
"""Names that usually mean "no class"; a class that is called so is pointed out, and stays one unless
:func:`plain_negatives` has it."""

ABSENT_AND_PRESENT = (('0', '1'), ('no', 'yes'), ('false', 'true'))
"""Two names that say of one class whether it is there."""

_NOTHING = frozenset(['none', 'negative', 'negatives', 'background', 'nothing'])
_WITHOUT = ('no', 'not', 'non', 'without')
_SHORTEST = 3
"""Letters of a name that may follow ``no`` without a blank: ``nosmoke``."""

SPLIT_NAMES = frozenset(
    ['train', 'training', 'trainval', 'val', 'valid', 'validation', 'dev', 'test', 'testing', 'eval', 'evaluation']
)
"""Names of folders that are parts of a data set and not classes."""


@lru_cache(maxsize=4096)
def spelling(name: str) -> str:
    """The form in which names are compared."""
    return _BLANKS.sub(' ', unicodedata.normalize('NFC', name).casefold()).strip()


def names_of(given: str | Iterable[str] | None, what: str) -> tuple[str, ...]:
    """Names as a tuple; a text is one name, and an empty one is none.

    Raises:
        ValueError: If something is no text, or two names are spelled alike.
    """
    if given is None:
        return ()
    if isinstance(given, (str, int)):
        given = [given] if not isinstance(given, str) or given.strip() else []
    names = tuple(str(name).strip() if isinstance(name, (str, int)) else name for name in given)
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name:
            raise InputError(f'Expected names in {what}, but got {name!r}.')
        if spelling(name) in seen:
            raise InputError(f'Expected different names in {what}, but got {seen[spelling(name)]!r} and {name!r}.')
        seen[spelling(name)] = name
    return names


def main_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """The most frequent spelling of each name, by the form in which names are compared."""
    groups: dict[str, Counter] = {}
    for name, number in counts.items():
        groups.setdefault(spelling(name), Counter())[name] += number
    return {key: min(group, key=lambda name: (-group[name], name)) for key, group in groups.items()}


def plain_negatives(names: Iterable[str]) -> tuple[str, ...]:
    """Names of a data set that can only mean "no class": they are no classes, unless somebody says that they are.

    ``none``, ``negative``, ``background`` and ``nothing``; ``no``, ``not``, ``non`` or ``without`` and another name of
    the data set (``no smoke``, ``Non-Smoke``, ``nosmoke`` beside ``smoke``); ``0`` where the only other name is ``1``,
    ``no`` beside ``yes``, ``false`` beside ``true``. What is left where nothing else is named stays a class.

    >>> plain_negatives(['Smoke', 'No_Smoke', 'no fire', 'clear', 'None'])
    ('No_Smoke', 'None')
    """
    names = tuple(names)
    keys = {spelling(name) for name in names}
    absent = {pair[0] for pair in ABSENT_AND_PRESENT if keys == set(pair)}
    absent |= _NOTHING
    absent |= {f'{word} {key}' for key in keys for word in _WITHOUT}
    absent |= {f'{word}{key}' for key in keys if len(key) >= _SHORTEST for word in ('no', 'non')}
    return tuple(name for name in names if spelling(name) in absent)


def looks_negative(name: str) -> bool:
    """Whether a name usually means "no class": ``none``, ``clear``, ``no fire``, ``without smoke``, ``0``."""
    words = spelling(name).split(' ')
    return words[0] in ('no', 'not', 'non', 'without', '0') or spelling(name) in USUAL_NEGATIVES


def look_like_splits(names: Sequence[str]) -> bool:
    """Whether all names are parts of a data set."""
    return bool(names) and all(spelling(name) in SPLIT_NAMES for name in names)
