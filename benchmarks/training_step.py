"""A training step: student alone, with a frozen teacher, with the teacher's maps kept; and the all-pairs wrapper."""

from __future__ import annotations

import mmwsss  # noqa: F401  # isort: skip  (first: cures torchvision)

import copy
import tempfile
from pathlib import Path

import torch
from common import VITS, build, parser, side_by_side, start, table
from mmengine.optim import OptimWrapper
from mmpretrain.structures import DataSample

from mmwsss.config import load_config
from mmwsss.registry import MODELS


def step_of(config: dict, args, samples: list, inputs: torch.Tensor):
    """A function that takes one step."""
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(config))
    model.init_weights()
    model.to(args.device).train()
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = OptimWrapper(torch.optim.AdamW(parameters, lr=1e-5))
    data = {'inputs': list(inputs), 'data_samples': samples}
    return lambda: model.train_step(copy.copy(data), optimizer)


def main() -> None:
    """Entry point."""
    options = parser(__doc__)
    options.add_argument('--vit', default='small', choices=['tiny', 'small', 'base'])
    options.add_argument('--depth', type=int, default=50, help='of the teacher')
    options.add_argument('--size', type=int, default=224)
    options.add_argument('--batch', type=int, default=2)
    args = options.parse_args()
    start(args)
    variables = {'pretrained': False, 'img_size': args.size, 'teacher_checkpoint': ''}
    config = load_config('configs/ts_vitb_r50_cos_global.py', variables).model.to_dict()
    dims = {'tiny': 192, 'small': 384, 'base': 768}[args.vit]
    config['student']['backbone']['arch'] = VITS[args.vit]
    config['student']['head']['in_channels'] = config['neck']['in_channels'] = dims
    config['teacher']['backbone']['depth'] = args.depth
    if args.depth < 50:
        config['teacher']['head']['in_channels'] = (256, 512)
    samples = []
    for index in range(args.batch):
        sample = DataSample(metainfo={'img_path': f'{index}.jpg'})
        sample.set_gt_score(torch.ones(1))
        samples.append(sample)
    generator = torch.Generator().manual_seed(0)
    inputs = (torch.rand(args.batch, 3, args.size, args.size, generator=generator) * 255).byte()
    with tempfile.TemporaryDirectory() as folder:
        teacher = build(config['teacher'], 'cpu')
        torch.save({'state_dict': teacher.state_dict()}, Path(folder) / 'teacher.pth')
        config['teacher_checkpoint'] = str(Path(folder) / 'teacher.pth')
        cases = {
            'student alone': config['student'],
            'with a teacher': config,
            "with the teacher's maps kept": {**config, 'cache_teacher': True},
            'student with all-pairs consistency': {'type': 'mmwsss.AllPairsConsistency', 'model': config['student']},
        }
        steps = {name: step_of(case, args, samples, inputs) for name, case in cases.items()}
        found = side_by_side(steps, args.rounds, args.device)
    print(f'ViT-{args.vit}/16 and ResNet-{args.depth} + PCM, batch of {args.batch}, {args.size} x {args.size}')
    alone = found['student alone']
    table(('step', 'milliseconds', 'of the student alone'), [(k, 1000 * v, v / alone) for k, v in found.items()])


if __name__ == '__main__':
    main()
