"""Killed at any moment, with one process and with two: the same command finishes, and nothing tells the difference."""

import errno
import os
import random
import shutil
import time

import pytest
from conftest import write_toy
from helpers import Launch, config, manifest, outcome, tree, write_checkpoint

from mmwsss.apis import make_pseudo
from mmwsss.utils import files

KILLS = int(os.environ.get('MMWSSS_KILLS', '6'))
"""Number of kills a test; ``make soak`` sets many more."""

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Config, checkpoint, and what an uninterrupted run makes."""
    root = tmp_path_factory.mktemp('killed')
    toy = write_toy(root / 'toy', 40)
    checkpoint = write_checkpoint(root / 'student.pth', toy)
    cfg = config(toy, batch_size=4, save_cam=True)
    start = time.perf_counter()
    make_pseudo(cfg, checkpoint, root / 'whole')
    assert len(set(tree(root / 'whole').values())) > 10  # masks that differ, or nothing would be compared
    return cfg, checkpoint, root / 'whole', time.perf_counter() - start


def check_no_half_file(out):
    """Every record that says ok has its mask; what is no result does not look like one."""
    for path in out.rglob('*'):
        assert not path.is_file() or path.suffix in ('.png', '.npz', '.json', '.jsonl') or path.name == '.lock'
    masks = {str(path.relative_to(out)) for path in (out / 'masks').rglob('*.png') if not path.name.startswith('.')}
    assert masks == {record['mask_path'] for record in manifest(out)}


@pytest.mark.parametrize('world_size', [1, 2])
def test_killed_at_random_moments(work, tmp_path, world_size):
    cfg, checkpoint, whole, seconds = work
    rng = random.Random(world_size)
    killed = 0
    out = tmp_path / 'out'
    for number in range(KILLS):
        if number % 3 == 2:
            shutil.rmtree(out, ignore_errors=True)  # now and then from the very beginning
        launch = Launch((cfg, checkpoint, out), world_size)
        if launch.wait(rng.uniform(0.1, 0.6 + seconds)) is None:
            launch.kill()
            killed += 1
    assert killed >= KILLS // 3
    assert Launch((cfg, checkpoint, out), world_size).wait(120) == [0] * world_size
    assert outcome(out) == outcome(whole)
    check_no_half_file(out)
    assert not list(out.glob('manifest.rank*'))


def test_one_of_two_is_killed(work, tmp_path):
    """As torchrun does: the other is stopped too, and both are started again."""
    cfg, checkpoint, whole, seconds = work
    out = tmp_path / 'out'
    launch = Launch((cfg, checkpoint, out), 2)
    time.sleep(0.3 + seconds / 3)
    victim = Launch.__new__(Launch)
    victim.processes = [launch.processes.pop()]
    victim.kill()
    time.sleep(0.2)
    launch.kill()
    alone = make_pseudo(cfg, checkpoint, out)  # one process finishes what two began
    assert alone['ok'] == 40 and outcome(out) == outcome(whole)


def test_two_processes_give_the_bytes_of_one(work, tmp_path):
    cfg, checkpoint, whole, _ = work
    assert Launch((cfg, checkpoint, tmp_path / 'out'), 2).wait(120) == [0, 0]
    assert outcome(tmp_path / 'out') == outcome(whole)


def test_two_runs_on_one_folder(work, tmp_path):
    """One of them is refused, whichever comes second, and the masks are those of one run."""
    cfg, checkpoint, whole, _ = work
    launches = [Launch((cfg, checkpoint, tmp_path / 'out')) for _ in range(2)]
    codes = sorted(code for launch in launches for code in launch.wait(120))
    assert codes in ([0, 1], [0, 0])  # or the second came when the first was done
    assert outcome(tmp_path / 'out') == outcome(whole)


@pytest.mark.parametrize('moment', [3, 10, 25, 60])
def test_full_disk(work, tmp_path, monkeypatch, moment):
    cfg, checkpoint, whole, _ = work
    calls = 0

    def full(descriptor):
        nonlocal calls
        calls += 1
        if calls > moment:
            raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(files.os, 'fsync', full)
        with pytest.raises(OSError, match='No space left'):
            make_pseudo(cfg, checkpoint, tmp_path / 'out')
    assert not list((tmp_path / 'out').rglob('*.tmp'))
    make_pseudo(cfg, checkpoint, tmp_path / 'out')
    assert outcome(tmp_path / 'out') == outcome(whole)


def test_changed_masks_are_made_again(work, tmp_path):
    cfg, checkpoint, whole, _ = work
    out = shutil.copytree(whole, tmp_path / 'out')
    masks = sorted((out / 'masks').rglob('*.png'))
    masks[0].write_bytes(masks[0].read_bytes()[:-9])
    masks[7].unlink()
    masks[11].write_bytes(masks[12].read_bytes() + b' ')
    assert make_pseudo(cfg, checkpoint, out)['made_now'] == 3
    assert tree(out) == tree(whole)
