"""Killed at any moment, with one process and with two: the same command finishes, and nothing tells the difference."""

import errno
import os
import random
import shutil
import time

import pytest
from conftest import write_toy
from helpers import Launch, Moment, config, manifest, outcome, tree, write_checkpoint

from mmwsss.apis import make_pseudo
from mmwsss.structures import Manifest
from mmwsss.utils import files
from mmwsss.utils.files import file_sha256

KILLS = int(os.environ.get('MMWSSS_KILLS', '4'))
"""Number of kills a test; ``make soak`` sets many more."""
IMAGES, BATCH = 24, 4

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """Config, checkpoint, and what an uninterrupted run makes."""
    root = tmp_path_factory.mktemp('killed')
    toy = write_toy(root / 'toy', IMAGES)
    checkpoint = write_checkpoint(root / 'student.pth', toy)
    cfg = config(toy, batch_size=BATCH, save_cam=True, num_workers=0, workers=0)
    make_pseudo(cfg, checkpoint, root / 'whole')
    assert len(set(tree(root / 'whole').values())) > 10  # masks that differ, or nothing would be compared
    return cfg, checkpoint, root / 'whole'


def check_no_half_file(out):
    """Every record that says ok has its mask; what is no result does not look like one."""
    for path in out.rglob('*'):
        assert not path.is_file() or path.suffix in ('.png', '.npz', '.json', '.jsonl') or path.name == '.lock'
    masks = {str(path.relative_to(out)) for path in (out / 'masks').rglob('*.png') if not path.name.startswith('.')}
    assert masks == {record['mask_path'] for record in manifest(out)}


def check_records(out):
    """Whatever the moment: each record that says ok stands for a whole mask."""
    for path in out.glob('manifest*.jsonl'):
        for record in Manifest(path).read().values():
            assert record.status != 'ok' or file_sha256(out / record.mask_path) == record.checksum, record


def missing(out):
    """Number of images without a record."""
    made = {name for path in out.glob('manifest*.jsonl') for name in Manifest(path).read()}
    return IMAGES - len(made)


def check_the_same_command_finishes(work, out, world_size):
    cfg, checkpoint, whole = work
    check_records(out)
    assert Launch((cfg, checkpoint, out), world_size).wait() == [0] * world_size
    assert outcome(out) == outcome(whole)
    check_no_half_file(out)
    assert not list(out.glob('manifest.rank*'))


@pytest.mark.parametrize('world_size', [1, 2])
def test_killed_at_drawn_moments(work, tmp_path, world_size):
    """The n-th write, rename or lease of what is left to do; every kill lands."""
    cfg, checkpoint, whole = work
    rng = random.Random(world_size)
    out = tmp_path / 'out'
    for number in range(KILLS):
        if number % 4 == 3 or (out.exists() and not missing(out)):
            shutil.rmtree(out, ignore_errors=True)  # now and then from the very beginning
        left = missing(out)
        most = {'write': 3 * left, 'rename': 2 * left, 'renamed': 2 * left, 'lease': IMAGES // BATCH}
        name = rng.choice(list(most))
        moment = Moment(name, rng.randint(1, most[name]))
        launch = Launch((cfg, checkpoint, out), world_size, moment)
        assert launch.dies(), moment
        launch.kill()
        check_records(out)
    check_the_same_command_finishes(work, out, world_size)


AT = (1, 11, IMAGES) if KILLS >= 20 else (11,)
NAMED = [
    *(Moment('mask without record', number) for number in AT),
    *(Moment('half a record', number) for number in AT),
    Moment('before the merge'),
    Moment('merged but not renamed'),
    Moment('merged beside the old ones'),
    Moment('before the summary'),
]
HANDED_OVER = [
    *NAMED,
    Moment('opened but not said', rank=0),
    Moment('lease'),
    *(Moment('before it says done', rank=rank) for rank in (0, 1)),
    Moment('when all are done', rank=0),
    *(Moment('before it leaves', rank=rank) for rank in (0, 1)),
]


@pytest.mark.parametrize('world_size, moment', [*((1, m) for m in NAMED), *((2, m) for m in HANDED_OVER)], ids=str)
def test_killed_at_named_moments(work, tmp_path, world_size, moment):
    """Between a mask and its record, at the merge, while processes hand over to each other."""
    cfg, checkpoint, whole = work
    moment = Moment(moment.name, moment.number, moment.rank)
    launch = Launch((cfg, checkpoint, tmp_path / 'out'), world_size, moment)
    assert launch.dies(), moment
    launch.kill()
    check_the_same_command_finishes(work, tmp_path / 'out', world_size)


def test_one_of_two_is_killed(work, tmp_path):
    """As torchrun does: the other is stopped too, a little later; here one process alone finishes."""
    cfg, checkpoint, whole = work
    out = tmp_path / 'out'
    launch = Launch((cfg, checkpoint, out), 2, Moment('write', IMAGES))
    assert launch.dies()
    time.sleep(0.2)
    launch.kill()
    alone = make_pseudo(cfg, checkpoint, out)  # one process finishes what two began
    assert alone['ok'] == IMAGES and outcome(out) == outcome(whole)


def test_two_processes_give_the_bytes_of_one(work, tmp_path):
    cfg, checkpoint, whole = work
    assert Launch((cfg, checkpoint, tmp_path / 'out'), 2).wait() == [0, 0]
    assert outcome(tmp_path / 'out') == outcome(whole)


def test_two_runs_on_one_folder(work, tmp_path):
    """One of them is refused, whichever comes second, and the masks are those of one run."""
    cfg, checkpoint, whole = work
    launches = [Launch((cfg, checkpoint, tmp_path / 'out')) for _ in range(2)]
    codes = sorted(code for launch in launches for code in launch.wait())
    assert codes in ([0, 1], [0, 0])  # or the second came when the first was done
    assert outcome(tmp_path / 'out') == outcome(whole)


@pytest.mark.parametrize('moment', [3, 10, 25, 60])
def test_full_disk(work, tmp_path, monkeypatch, moment):
    cfg, checkpoint, whole = work
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
    cfg, checkpoint, whole = work
    out = shutil.copytree(whole, tmp_path / 'out')
    masks = sorted((out / 'masks').rglob('*.png'))
    masks[0].write_bytes(masks[0].read_bytes()[:-9])
    masks[7].unlink()
    masks[11].write_bytes(masks[12].read_bytes() + b' ')
    assert make_pseudo(cfg, checkpoint, out)['made_now'] == 3
    assert tree(out) == tree(whole)
