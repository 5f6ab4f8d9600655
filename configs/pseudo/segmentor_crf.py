# The same with a CRF on the segmentor's probabilities.
_base_ = './segmentor.py'
bg_exponent = 1.0  # a larger one keeps weaker probabilities
crf_preset = 'supervised'
crf_max_side = None
crf_backend = 'auto'
pseudo = dict(
    refine=[
        dict(
            type='mmwsss.CRFRefine',
            preset=crf_preset,
            bg_exponent=bg_exponent,
            max_side=crf_max_side,
            backend=crf_backend,
        ),
        *_base_.pseudo.refine,
    ]
)
