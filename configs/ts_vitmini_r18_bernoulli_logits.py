# Small sibling. Not in the paper: class by class KL divergence of the logits, the form that teaches with one class too.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True,
        type='mmwsss.KnowledgeTransferLoss',
        metric='bernoulli_kl',
        level='logits',
        loss_weight=_base_.kt_weight,
    )
)
