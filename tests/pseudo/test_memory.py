"""Memory does not grow with the number of images."""

import os
import traceback

import pytest
from conftest import write_toy
from helpers import config, write_checkpoint

from mmwsss.apis import make_pseudo

NUMBERS = tuple(int(number) for number in os.environ.get('MMWSSS_MEMORY', '60,600').split(','))
"""Images of the two runs; ``make soak`` has 500 and 5,000."""


def peak_memory(cfg, checkpoint, out):
    """Largest resident memory of a process that makes the masks, in bytes."""
    process = os.fork()
    if not process:
        try:
            make_pseudo(cfg, checkpoint, out)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    _, status, usage = os.wait4(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return usage.ru_maxrss * 1024


@pytest.mark.filterwarnings('ignore')
def test_peak_memory(tmp_path):
    checkpoint = write_checkpoint(tmp_path / 'student.pth', tmp_path)
    peaks = []
    for number in NUMBERS:
        toy = write_toy(tmp_path / f'toy{number}', number, (24, 20))
        peaks.append(peak_memory(config(toy, 'gradcam_ms'), checkpoint, tmp_path / f'out{number}'))
    assert peaks[1] <= 1.05 * peaks[0], peaks
