import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from mmwsss.models.affinity import AffinityNet
from mmwsss.models.data_samples import require_samples
from mmwsss.models.segmentors import SAMFinetuner


def test_samples_are_given_back():
    samples = [object()]
    assert require_samples(samples, 'loss') is samples and require_samples([], 'loss') == []


def test_models_name_the_mode_that_needs_samples(monkeypatch):
    """Without networks: what is tested comes before or after them."""
    for kind, output, modes in (('logits', SAMFinetuner, ('loss', 'predict')), ('features', AffinityNet, ('loss',))):
        model = output.__new__(output)
        nn.Module.__init__(model)
        assert isinstance(model, BaseModel)
        monkeypatch.setattr(output, kind, lambda self, inputs: inputs)
        image = torch.zeros(1, 1, 2, 2)
        assert model.forward(image) is image
        for mode in modes:
            with pytest.raises(ValueError, match=f"Expected data_samples in the mode '{mode}', but got None"):
                model.forward(image, mode=mode)
