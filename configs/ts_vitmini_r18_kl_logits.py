# Small sibling. Table 4.9: KL divergence of softmax logits. With one class it is identically zero: this row is a
# control with lambda 0, kept as what it was. ts_*_bernoulli_logits.py is the form that teaches.
_base_ = './ts_vitmini_r18_cos_global_tokens.py'
model = dict(
    kt_loss=dict(
        _delete_=True, type='mmwsss.KnowledgeTransferLoss', metric='kl', level='logits', loss_weight=_base_.kt_weight
    )
)
