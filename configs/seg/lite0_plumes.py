# A segmentor of smoke without any mask: it learns from smoke blended into images whose label says that they have none.
# No image with smoke is looked at. `lite0_plumes_pseudo.py` goes on from its masks.
_base_ = './lite0_plumes_pseudo.py'
needs = dict(_delete_=True)

train_dataloader = dict(dataset=dict(_delete_=True, **_base_.composites))
