"""The tools that choose and measure, on toy frames: they read no mask, and keep what they saw."""

import json
import shutil
import subprocess
import sys

import pytest
from conftest import toy_data_file
from test_calibration import ROOT, load, trained  # noqa: F401

from mmwsss.apis.choosing import Candidate, choose_candidate, variations
from mmwsss.apis.evidence import EvidencePlan
from mmwsss.apis.measuring import measure_masks, without_pictures, write_measure_page
from mmwsss.apis.score_maps import data_split
from mmwsss.evaluation.choosing import choose
from mmwsss.evaluation.evidence import Evidence

PLAN = EvidencePlan(frames=5, composites=6)


def test_a_choice_is_that_of_the_evidence_and_reads_no_mask(trained, tmp_path):  # noqa: F811
    root, path = trained
    cfg, _ = load(root, path)
    crf, _ = load(root, path)
    crf.pseudo.refine = [{'type': 'mmwsss.CRFRefine', 'backend': 'torch', 'num_iters': 1}, *crf.pseudo.refine]
    candidates = [Candidate('plain', cfg, str(path)), Candidate('crf', crf, str(path), {'bg_exponent': 1})]
    shutil.move(root / 'ann', root / 'hidden')
    try:
        best, choice = choose_candidate(candidates, 'train', 'composites_then_own', PLAN, tmp_path)
    finally:
        shutil.move(root / 'hidden', root / 'ann')
    assert (
        choice.rule == 'composites_then_own'
        and not choice.reason
        and {row['candidate'] for row in choice.table} == {'plain', 'crf'}
    )
    kept = {name: Evidence.load(tmp_path / f'{name}.npz') for name in ('plain', 'crf')}
    again = choose(kept, choice.rule)
    assert (again.candidate, again.threshold) == (best.name, choice.threshold)
    assert not (kept['plain'].frames.area == kept['crf'].frames.area).all()
    assert choose_candidate(candidates[:1], 'train', plan=EvidencePlan(5, 0))[1].rule == 'otsu'
    blind = choose_candidate(candidates[:1], 'train', plan=PLAN)[1]  # a network that learned nothing
    assert blind.rule == 'otsu' and blind.reason.startswith('generated smoke says nothing of plain')
    with pytest.raises(ValueError, match='Expected candidates of different names'):
        choose_candidate(candidates[:1] * 2, 'train')
    with pytest.raises(ValueError, match="Expected views in the plan, or peers, for the rule 'agreement'"):
        choose_candidate(candidates, 'train', 'agreement', PLAN)
    with pytest.raises(KeyError, match='Expected a rule of'):
        choose_candidate(candidates, 'train', 'luck', PLAN)
    assert variations({}) == [{}]


def test_measured_with_pictures(trained, tmp_path):  # noqa: F811
    cfg, model = load(*trained)
    figures = measure_masks(cfg, model, data_split(cfg, 'train'), 0.5, PLAN, pictures=2)
    assert len(figures['missed']) == 2 and figures['missed'][0]['recall'] <= figures['missed'][1]['recall']
    write_measure_page(tmp_path / 'm.html', figures, 'toy')
    text = (tmp_path / 'm.html').read_text()
    assert text.count('<img') == 4 and 'IoU on composites' in text and 'False alarms by camera' in text
    assert 'data:' not in json.dumps(without_pictures(figures))


def test_the_tools(trained, tmp_path):  # noqa: F811
    root, path = trained
    shared = ['--data', str(toy_data_file(root)), '--split', 'train', '--frames', '4', '--composites', '4']
    shared += ['--out', str(tmp_path / 'out.json'), '--cfg-options', 'img_size=32', 'num_workers=0']

    def run(tool, *more):
        command = [sys.executable, f'tools/{tool}.py', 'configs/pseudo/segmentor.py', *map(str, more), *shared]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads((tmp_path / 'out.json').read_text())

    chosen = run('choose', '--checkpoints', path, '--vary', 'refiner=None,par', '--max-alarms', '0.5')
    assert chosen['checkpoint'] == str(path) and chosen['refiner'] in (None, 'par') and len(chosen['candidates']) == 2
    agreed = run('choose', '--checkpoints', path, '--peers', path, '--rule', 'agreement')
    assert agreed['rule'] == 'agreement' and agreed['candidates'][0]['score'] == pytest.approx(1)  # with itself
    measured = run('measure', path, '--threshold', chosen['threshold'], '--page', tmp_path / 'page.html')
    assert measured['threshold'] == chosen['threshold'] and 0 <= measured['iou']['value'] <= 1
    assert (tmp_path / 'page.html').is_file() and measured['split'] == chosen['split'] == 'train'
