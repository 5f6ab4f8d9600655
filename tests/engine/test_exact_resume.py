"""Workers of the loader: other draws every epoch, and the same again in a resumed run."""

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner

from mmwsss.registry import DATASETS


@DATASETS.register_module(force=True)
class Draws(BaseDataset):
    """Items that are a draw of NumPy's generator, as augmentation is."""

    def load_data_list(self):
        return [{'number': number} for number in range(4)]

    def __getitem__(self, index):
        return {'inputs': torch.tensor(np.random.rand())}


class Recorder(BaseModel):
    seen: list = []

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode):
        if mode == 'predict':
            return []
        Recorder.seen += [float(value) for value in inputs]
        return {'loss': (self.weight**2).sum()}


def seen(folder, epochs, **kwargs):
    Recorder.seen = []
    loader = {
        'batch_size': 2,
        'num_workers': 2,
        'persistent_workers': False,
        'dataset': {'type': 'mmwsss.Draws'},
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    }
    Runner(
        Recorder(),
        str(folder),
        train_dataloader=loader,
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        custom_hooks=[{'type': 'mmwsss.ExactResumeHook'}],
        default_scope='mmengine',
        experiment_name=f'{folder.name}_{epochs}',
        **{'randomness': {'seed': 3}, **kwargs},
    ).train()
    return np.round(Recorder.seen, 6).tolist()


def test_workers_draw_anew_every_epoch_and_alike_after_a_resume(tmp_path):
    whole = seen(tmp_path / 'whole', 3)
    assert len(whole) == len(set(whole)) == 12  # by MMEngine's own seeds every epoch would be the first one again
    first = seen(tmp_path / 'parts', 1)
    rest = seen(tmp_path / 'parts', 3, resume=True)
    assert first + rest == whole
    assert not set(seen(tmp_path / 'other', 1, randomness={'seed': 4})) & set(whole)
