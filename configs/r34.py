# Small sibling of r101.py.
_base_ = './r18.py'
model = dict(init_cfg=None, backbone=dict(depth=34))  # no start from the smaller network
