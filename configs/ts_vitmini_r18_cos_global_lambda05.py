# Small sibling. Table 4.10: lambda 0.5.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
kt_weight = 0.5
model = dict(kt_loss=dict(loss_weight=kt_weight))
