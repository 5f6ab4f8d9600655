# CLIP-ES on COCO (--data configs/data/coco14.py): two words of the background are classes there.
_base_ = './clip_es.py'
background = [word for word in _base_.background if word not in ('keyboard', 'sign')]
box_threshold = 0.7
model = dict(background=background, box_threshold=box_threshold)
