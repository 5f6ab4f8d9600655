# Row "+ multi-scale" of Table 4.4: no refinement but the threshold.
_base_ = './gradcam_ms_crf.py'
pseudo = dict(
    refine=[
        dict(type='mmwsss.LayerFusion', normalize=not _base_.per_scale_min_max),
        dict(type='mmwsss.ThresholdMask', threshold=_base_.mask_threshold, ignore_band=_base_.ignore_band),
    ]
)
