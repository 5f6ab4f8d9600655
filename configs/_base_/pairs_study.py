# What composites do for classifiers: teacher, control, student and, with acr=True, ACR; each as it is (name), with
# generated smoke in smoke-free images as further positives (name_composites), and with the counterfactual loss on these
# pairs (name_pairs). These students have the same teacher; that of student_of_pairs has the counterfactual loss too.
_base_ = './small_method.py'
compare = True  # False: without control and ACR
acr = False
alpha = 10.0  # of ACR

_plain = {name: run for name in ('teacher', 'control', 'student') if (run := _base_.runs[name])}
if acr and compare:
    _plain['acr'] = dict(
        _plain['control'],
        config='configs/acr_vitb_hybrid.py',
        options=dict(_plain['control']['options'], alpha=alpha),
    )
_of_config = {'head_type', 'student_map'}  # what the configs with pairs set themselves
_pairs = {
    name: dict(
        run,
        config=run['config'].replace('.py', '_pairs.py'),
        options={key: value for key, value in run['options'].items() if key not in _of_config},
    )
    for name, run in _plain.items()
}
runs = dict(
    _delete_=True,
    **_plain,
    **{f'{name}_pairs': run for name, run in _pairs.items()},
    student_of_pairs=dict(_pairs['student'], inputs=dict(teacher_checkpoint='teacher_pairs')),
    **{f'{name}_composites': dict(run, options=dict(run['options'], pair_weight=0.0)) for name, run in _pairs.items()},
)
