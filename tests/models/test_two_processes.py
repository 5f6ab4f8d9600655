"""Two processes that share a batch take the step of one with all of it: distillation, co-training, ACR, both."""

import copy
import os
import traceback

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmpretrain.structures import DataSample
from test_distiller import config  # noqa: F401  (a fixture)

from mmwsss.registry import MODELS


def freeze_batch_norm(model):
    """Statistics of half a batch are not those of the whole; on GPUs SyncBN mends that."""
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def step(settings, half=None, wrap=False):
    """Weights after one step of gradient descent on a batch, or on a half of it."""
    torch.manual_seed(5)
    model = MODELS.build(copy.deepcopy(settings))
    model.init_weights()
    model.train()
    freeze_batch_norm(model)
    generator = torch.Generator().manual_seed(7)
    inputs = [(torch.rand(3, 32, 32, generator=generator) * 255).byte() for _ in range(4)]
    samples = []
    for index in range(4):
        sample = DataSample(metainfo={'img_path': f'{index}.jpg'})
        sample.set_gt_score(torch.tensor([float(index % 2)]))
        samples.append(sample)
    part = slice(None) if half is None else slice(2 * half, 2 * half + 2)
    wrapped = MMDistributedDataParallel(model, device_ids=None, broadcast_buffers=False) if wrap else model
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = OptimWrapper(torch.optim.SGD(parameters, lr=0.5))
    wrapped.train_step({'inputs': inputs[part], 'data_samples': samples[part]}, optimizer)
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def run_rank(rank, settings, folder):
    try:
        dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=2)
        torch.save(step(settings, half=rank, wrap=True), folder / f'{rank}.pth')
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def acr(model):
    return {'type': 'mmwsss.AllPairsConsistency', 'model': model, 'activation_weight': 5.0, 'affinity_weight': 5.0}


CASES = {
    'distillation': lambda plain: plain,
    'co-training': lambda plain: {**plain, 'paradigm': 'co'},
    'acr': lambda plain: acr(plain['student']),
    'acr and distillation': lambda plain: acr(plain),
    'cached teacher': lambda plain: {**plain, 'cache_teacher': True},
}


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('case', CASES)
def test_step_of_one_with_the_joint_batch(case, config, tmp_path):  # noqa: F811
    settings = CASES[case](config)
    expected = step(settings)
    children = []
    for rank in range(2):
        process = os.fork()
        if not process:
            run_rank(rank, settings, tmp_path)
        children.append(process)
    codes = [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in children]
    assert codes == [0, 0]
    assert expected
    for rank in range(2):
        found = torch.load(tmp_path / f'{rank}.pth')
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert torch.allclose(found[name], value, atol=2e-6), (name, (found[name] - value).abs().max())
