# Table 4.10: lambda 0.3.
_base_ = './ts_vitb_r50_cos_global.py'
kt_weight = 0.3
model = dict(kt_loss=dict(loss_weight=kt_weight))
