"""Launchers, leases, and pace settings that change no mask."""

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist
from conftest import toy_data_file, write_toy
from helpers import VARIABLES, config, free_port, outcome, tree, write_checkpoint

import mmwsss
from mmwsss.apis import make_pseudo
from mmwsss.datasets.pictures import read_mask
from mmwsss.pseudo import PseudoMaskEngine, RefineSettings, WorkGroup, find_work_group
from mmwsss.pseudo.work_group import cores_of_this_process, cores_that_read, launch_environment

ROOT = Path(mmwsss.__file__).parents[1]
SOAK = pytest.mark.skipif(int(os.environ.get('MMWSSS_KILLS', '0')) < 20, reason='a long form: make soak')


def test_every_lease_is_given_out_once(tmp_path):
    store = dist.HashStore()
    first, second = (WorkGroup(rank, 2, dist.PrefixStore('run', store)) for rank in range(2))
    leases = [first.leases(7), second.leases(7)]
    taken = [next(leases[0]), next(leases[1]), next(leases[0]), *leases[1], *leases[0]]
    assert sorted(taken) == list(range(7))
    again = WorkGroup(0, 1, dist.PrefixStore('restarted', store))
    assert list(again.leases(3)) == [0, 1, 2] and list(WorkGroup().leases(3)) == [0, 1, 2]
    assert first.add('made', 2) == 2 and second.add('made', 3) == 5 and WorkGroup().add('made', 4) == 4


def test_the_others_hear_why_the_first_could_not_start():
    store = dist.HashStore()
    store.set_timeout(timedelta(seconds=5))
    first, second = (WorkGroup(rank, 2, store) for rank in range(2))

    def refuse():
        raise ValueError('the folder is taken')

    with pytest.raises(ValueError, match='the folder is taken'):
        first.open(refuse)
    with pytest.raises(ValueError, match='first process could not start: ValueError: the folder is taken'):
        second.open(refuse)
    with pytest.raises(ValueError, match=r'Expected rank in \[0, 2\) and a store'):
        WorkGroup(2, 2, store)


def test_launchers():
    master = {'MASTER_ADDR': 'host'}
    torchrun = {'RANK': '3', 'WORLD_SIZE': '8', 'LOCAL_RANK': '1', 'LOCAL_WORLD_SIZE': '4', 'MASTER_PORT': '1234'}
    assert launch_environment('pytorch', {**master, **torchrun}) == {**master, **torchrun}
    slurm = {
        'SLURM_PROCID': '5',
        'SLURM_NTASKS': '16',
        'SLURM_LOCALID': '1',
        'SLURM_NTASKS_PER_NODE': '8',
        'SLURM_NODELIST': 'node[3-4]',
    }
    found = launch_environment('slurm', slurm, lambda nodes: 'node3' if nodes == 'node[3-4]' else None)
    assert found['RANK'] == '5' and found['MASTER_ADDR'] == 'node3' and found['MASTER_PORT'] == '29500'
    mpi = {'OMPI_COMM_WORLD_RANK': '1', 'OMPI_COMM_WORLD_SIZE': '2', 'OMPI_COMM_WORLD_LOCAL_RANK': '1', **master}
    assert launch_environment('mpi', mpi)['LOCAL_RANK'] == '1'
    with pytest.raises(ValueError, match=r"Expected to be started by srun for --launcher slurm, but \['SLURM_PROCID'"):
        launch_environment('slurm', {})
    with pytest.raises(ValueError, match='Expected MASTER_ADDR for --launcher mpi'):
        launch_environment('mpi', {key: value for key, value in mpi.items() if key != 'MASTER_ADDR'})
    with pytest.raises(ValueError, match='Expected SLURM_NODELIST or MASTER_ADDR'):
        launch_environment('slurm', {'SLURM_PROCID': '0', 'SLURM_NTASKS': '1'})
    with pytest.raises(ValueError, match="Expected a launcher of .*, but got 'k8s'"):
        find_work_group('k8s')
    assert find_work_group().world_size == 1


def test_cores_are_shared(monkeypatch):
    alone = cores_of_this_process()
    monkeypatch.setenv('LOCAL_WORLD_SIZE', str(2 * alone))
    assert cores_of_this_process() == 1


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('pace', [{'channels_last': True}, {'num_workers': 2}, {'precision': 'bfloat16'}])
def test_pace(toy, tmp_path, pace):
    checkpoint = write_checkpoint(tmp_path / 'student.pth', toy)
    make_pseudo(config(toy, 'gradcam_ms'), checkpoint, tmp_path / 'plain')
    make_pseudo(config(toy, 'gradcam_ms', **pace), checkpoint, tmp_path / 'fast')
    plain, fast = tree(tmp_path / 'plain'), tree(tmp_path / 'fast')
    assert set(plain) == set(fast) and len(set(plain.values())) > 5
    if 'num_workers' in pace:
        assert plain == fast
    masks = [[read_mask(tmp_path / kind / name) for name in plain] for kind in ('plain', 'fast')]
    alike = np.mean([(one == other).mean() for one, other in zip(*masks)])
    assert alike > (0.9 if 'precision' in pace else 0.99)


def test_unknown_precision(toy, tmp_path):
    checkpoint = write_checkpoint(tmp_path / 'student.pth', toy)
    with pytest.raises(ValueError, match=r"Expected a precision of .*, but got 'int8'"):
        make_pseudo(config(toy, precision='int8'), checkpoint, tmp_path / 'out')


@SOAK
@pytest.mark.filterwarnings('ignore')
def test_torchrun_starts_again_what_died(tmp_path):
    toy = write_toy(tmp_path / 'toy', 300)
    checkpoint = write_checkpoint(tmp_path / 'student.pth', toy)
    make_pseudo(config(toy), checkpoint, tmp_path / 'one')
    options = [f'{key}={value}' for key, value in VARIABLES.items()]
    command = ['tools/dist_make_pseudo.sh', 'configs/pseudo/gradcam_ms_crf.py', str(checkpoint), '2']
    command += [
        '--out',
        str(tmp_path / 'two'),
        '--workers',
        '0',
        '--data',
        str(toy_data_file(toy)),
        '--cfg-options',
        *options,
    ]
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    environment = {**os.environ, 'PORT': str(free_port()), 'PATH': path, 'OMP_NUM_THREADS': '1'}
    run = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    part = tmp_path / 'two/manifest.rank1.jsonl'
    while not (part.exists() and part.stat().st_size > 2000):
        time.sleep(0.02)
    subprocess.run(['pkill', '-9', '-n', '-f', f'make_pseudo.py .*{tmp_path}/two'], check=True)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0 and 'exitcode: -9' in said, said
    assert outcome(tmp_path / 'two') == outcome(tmp_path / 'one')


@SOAK
@pytest.mark.filterwarnings('ignore')
def test_compiled_blocks_give_nearly_the_same_maps(toy, tmp_path):
    checkpoint = write_checkpoint(tmp_path / 'student.pth', toy)
    make_pseudo(config(toy, 'gradcam_ms'), checkpoint, tmp_path / 'plain')
    make_pseudo(config(toy, 'gradcam_ms', compile_blocks=True), checkpoint, tmp_path / 'compiled')
    names = tree(tmp_path / 'plain')
    masks = [[read_mask(tmp_path / kind / name) for name in names] for kind in ('plain', 'compiled')]
    assert np.mean([(one == other).mean() for one, other in zip(*masks)]) > 0.99


def test_pools_are_sized_to_the_cores(monkeypatch, toy, tmp_path):
    def sized(cores, number, name='gradcam_ms_crf'):
        monkeypatch.setattr('mmwsss.pseudo.work_group.cores_of_this_process', lambda: cores)
        monkeypatch.setattr('mmwsss.pseudo.engine.cores_of_this_process', lambda: cores)
        refine = [step.to_dict() for step in config(toy, name).pseudo.refine]
        unrefined = {'type': 'mmwsss.ThresholdMask'}
        settings = RefineSettings(tmp_path / 'out', ['smoke'], None, unrefined, refine)
        engine = PseudoMaskEngine(settings, {}, workers=None)
        return cores_that_read(), engine._number_of_workers(number)

    assert sized(1, 1000) == (0, 0) and sized(2, 1000) == (0, 1) and sized(16, 1000) == (4, 11)
    assert sized(16, 10) == (4, 0) and sized(16, 1000, 'gradcam_ms') == (4, 0)
