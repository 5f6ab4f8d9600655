# One stage where half of each batch is smoke blended into smoke-free images, whose masks are known: they train the
# decoder from the first step on.
_base_ = './one_stage_lite0.py'
composites_share = 0.5
