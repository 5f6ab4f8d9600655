# What context decoupling does for classifiers of several classes: teacher and control as they are, and trained anew
# with objects that the masks of the first teacher cut out (name_objects).
_base_ = './small_method.py'
compare = True  # False: without control

_first = {name: run for name in ('teacher', 'control') if (run := _base_.runs[name])}
runs = dict(
    _delete_=True,
    **_first,
    masks=dict(
        config=_first['teacher']['maps']['config'],
        options=dict(**_first['teacher']['maps']['options'], mask_threshold=0.5),
        of='teacher',
        match_crf=True,
    ),
    **{
        f'{name}_objects': dict(
            run, config=run['config'].replace('.py', '_objects.py'), inputs=dict(pseudo_root='masks')
        )
        for name, run in _first.items()
    },
)
