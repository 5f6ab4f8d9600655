"""Studies of classifiers as pipelines: which run reads which."""

import pytest
from conftest import toy_variables, write_toy

from mmwsss.runs import Pipeline, load_pipeline


def runs_of(name, tmp_path, **options):
    write_toy(tmp_path)
    cfg = load_pipeline(f'configs/pipelines/{name}.py', {'work_dir': str(tmp_path / 'work'), **options})
    cfg.data_options.update(toy_variables(tmp_path))
    return Pipeline(cfg, lambda line: None).runs


def test_students_with_pairs_have_the_plain_teacher_and_one_has_the_teacher_with_pairs(tmp_path):
    runs = runs_of('pairs_smoke5k', tmp_path)
    for name, teacher in (('student', 'teacher'), ('student_pairs', 'teacher'), ('student_of_pairs', 'teacher_pairs')):
        assert runs[name].inputs['teacher_checkpoint'].run is runs[teacher]
    assert runs['teacher_composites'].options['pair_weight'] == 0 and 'pair_weight' not in runs['teacher_pairs'].options
    plain, pairs = (set(runs[name].options) for name in ('control', 'control_pairs'))
    assert plain - pairs == {'head_type'} and not pairs - plain  # nothing else differs


@pytest.mark.parametrize('compare', [True, False])
def test_pasted_objects_are_those_of_the_first_teacher(tmp_path, compare):
    runs = runs_of('objects_ccp', tmp_path, compare=compare)
    names = ['teacher', 'control'][: 1 + compare]
    for name in names:
        assert runs[f'{name}_objects'].inputs['pseudo_root'].run is runs['masks']
        assert runs[f'{name}_objects'].options == runs[name].options
    assert ('control_objects' in runs) == compare


def test_every_part_of_the_plume_model_reaches_the_transform(tmp_path):
    runs = runs_of('plume_parts', tmp_path)
    found = {}
    for name, run in runs.items():
        if run.action == 'train':
            (step,) = (s for s in run.load().train_dataloader.dataset.pipeline if s.type == 'mmwsss.PastePlume')
            found[name] = {key: value for key, value in step.items() if key not in ('type', 'prob', 'seed')}
    whole = found.pop('whole')
    assert found['no_texture']['ranges'] == {'texture': (0.0, 0.0)} and found['lookalikes']['lookalike'] == 0.3
    assert all(part != whole for part in found.values())
