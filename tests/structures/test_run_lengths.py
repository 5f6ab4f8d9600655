"""Run lengths of other people's files: read as pycocotools writes them, refused where it would read other memory."""

import numpy as np
import pytest

from mmwsss.structures.run_lengths import counts_of_text, decode_run_lengths, from_counts


@pytest.mark.parametrize('share', [0.0, 0.003, 0.5, 0.997, 1.0])
@pytest.mark.parametrize('size', [(1, 1), (12, 16), (301, 17)])
def test_codes_of_pycocotools(share, size):
    coder = pytest.importorskip('pycocotools.mask')
    mask = np.random.default_rng(int(1000 * share)).random(size) < share
    code = coder.encode(np.asfortranarray(mask, np.uint8))
    counts = counts_of_text(code['counts'].decode())
    for form in (code['counts'], code['counts'].decode(), counts, tuple(counts)):
        assert np.array_equal(decode_run_lengths({'size': list(size), 'counts': form}, *size), mask)


@pytest.mark.parametrize(
    'counts, said',
    [
        ([], r'add up to 192, but got 0'),
        ('', r'add up to 192, but got 0'),
        ([5], r'add up to 192, but got 5'),
        ([5, 5, 5], r'add up to 192, but got 15'),
        ([100, 93], r'add up to 192, but got 193'),
        ([-1, 193], r'run lengths in \[0, 192\], but got \[-1, 193\]'),
        ([2**70], r'run lengths in \[0, 192\]'),
        ([192.0], r'run lengths in \[0, 192\]'),
        ([None], r'run lengths in \[0, 192\]'),
        ('P', 'the text ends within a number'),
        ('P' * 99, 'the text ends within a number'),
        ('\xff', "but got the character 'ÿ'"),
        (b'\0', 'but got the character'),
        (7, "counts as a list or a text, but got '7'"),
        (None, 'counts as a list or a text'),
    ],
)
def test_broken_codes(counts, said):
    with pytest.raises(ValueError, match=said):
        decode_run_lengths({'size': [12, 16], 'counts': counts}, 12, 16)


def test_other_sizes():
    for size in ([16, 12], [10**9, 10**9], None, 'ab', [12]):
        with pytest.raises(ValueError, match=r'of the size \[12, 16\], but got'):
            decode_run_lengths({'size': size, 'counts': [192]}, 12, 16)
    with pytest.raises(ValueError, match='with size and counts'):
        decode_run_lengths({'counts': [192]}, 12, 16)
    assert from_counts([], 0).shape == (0,)
