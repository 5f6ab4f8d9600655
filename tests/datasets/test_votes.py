"""Labels with votes and doubts: targets of the loss, labels of maps, and what cannot be meant."""

import numpy as np
import pytest
import torch
from helpers_of_images import save_picture
from mmpretrain.structures import DataSample

from mmwsss.datasets import ImageLabelDataset
from mmwsss.datasets.votes import probability_of
from mmwsss.models.heads.image_label_head import image_label_loss
from mmwsss.runs.keys import data_hash

ROWS = 'path,label,votes_for,votes_against\na.jpg,smoke,2,1\nb.jpg,no_smoke,2,0\nc.jpg,smoke,0,2\nd.jpg,no_smoke,0,1\ne.jpg,smoke,,\n'  # noqa: E501


@pytest.fixture
def folder(tmp_path):
    for name in 'abcde':
        save_picture(tmp_path / f'{name}.jpg')
    return tmp_path


def build(folder, text, **more):
    (folder / 'l.csv').write_text(text)
    return ImageLabelDataset('l.csv', str(folder), '', **{'negative_classes': ['no_smoke'], **more}, pipeline=[])


def test_votes_are_targets_of_the_loss_and_majorities_the_labels(folder):
    dataset = build(folder, ROWS)
    infos = [dataset.get_data_info(index) for index in range(5)]
    targets = [float(info['gt_score'][0]) for info in infos]
    assert targets == pytest.approx([0.625, 1 / 6, 1 / 6, 0.75, 1.0])
    assert [info['gt_label'].tolist() for info in infos] == [[0], [], [], [0], [0]]
    tested = build(folder, ROWS, test_mode=True)
    assert [float(tested.get_data_info(index)['gt_score'][0]) for index in range(5)] == [1, 0, 0, 1, 1]


def test_a_probability_column(folder):
    dataset = build(folder, 'path,label,probability\na.jpg,smoke,0.9\nb.jpg,,0.8\nc.jpg,smoke,\n')
    assert [float(dataset.get_data_info(i)['gt_score'][0]) for i in range(3)] == pytest.approx([0.9, 0.2, 1.0])


def test_several_classes(folder):
    text = 'path,label,probability\na.jpg,smoke;fire,0.9\nb.jpg,no_smoke,0.8\nc.jpg,fire,0.3\n'
    dataset = build(folder, text)
    scores = np.stack([dataset.get_data_info(index)['gt_score'] for index in range(3)])
    assert dataset.metainfo['classes'] == ('fire', 'smoke')
    assert np.allclose(scores, [[0.9, 0.9], [0.1, 0.1], [0.3, 0]])
    with pytest.raises(ValueError, match='Expected a label that says which class is there in .*line 3'):
        build(folder, 'path,label,probability\na.jpg,smoke;fire,0.9\nb.jpg,no_smoke,0.2\n')


def test_the_loss_is_least_at_the_votes_share():
    """The best logit for a target of 0.625 has the probability 0.625."""
    sample = DataSample().set_gt_score(torch.tensor([0.625]))
    logits = torch.linspace(-3, 3, 601)
    losses = [image_label_loss(logit.view(1, 1), [sample]).item() for logit in logits]
    assert torch.sigmoid(logits[int(np.argmin(losses))]).item() == pytest.approx(0.625, abs=0.003)


def test_votes_are_part_of_what_names_a_result(folder):
    config = {'type': 'mmwsss.ImageLabelDataset', 'ann_file': 'l.csv', 'data_root': str(folder), 'data_prefix': '',
              'negative_classes': ['no_smoke'], 'pipeline': []}  # fmt: skip
    hashes = []
    for votes in ('2,1', '3,1', '2,1'):
        build(folder, f'path,label,votes_for,votes_against\na.jpg,smoke,{votes}\nb.jpg,,1,0\n')
        hashes.append(data_hash([config]))
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('path,label,votes_for,votes_against\na.jpg,smoke,x,1\n', r"Expected votes >= 0 .* line 2, but got 'x,1'"),
        ('path,label,votes_for,votes_against\na.jpg,smoke,-1,1\n', "but got '-1,1'"),
        ('path,label,votes_for,votes_against\na.jpg,smoke,1\n', 'Expected "path,label.*,votes_for,votes_against" in'),
        ('path,label,votes_for,votes_against\na.jpg,smoke,1,\n', "but got '1,'"),
        ('path,label,probability\na.jpg,smoke,1.5\n', r'Expected a probability in \[0, 1\] .* line 2'),
        ('path,label,probability\na.jpg,smoke,nan\n', r'Expected a probability in \[0, 1\] .* line 2'),
        ('path,label,score\na.jpg,smoke,1\n', "Expected nothing, votes_for and votes_against, .* but got 'score'"),
        ('path,label,probability\na.jpg,smoke,0.9\na.jpg,smoke,0.8\n', 'line 2 and .*line 3 differ'),
    ],
)
def test_what_cannot_be_meant(folder, text, message):
    with pytest.raises(ValueError, match=message):
        build(folder, text)


def test_probabilities_of_votes():
    assert probability_of(0, 0) == 0.5 and probability_of(1000, 0) < 1
    with pytest.raises(ValueError, match='Expected votes >= 0, but got nan'):
        probability_of(float('nan'), 1)
