# Small CNN teacher with the paper's untrained extra map.
_base_ = './r18_pcm.py'
teacher_maps = 'classes_and_extra'
model = dict(head=dict(map_channels=teacher_maps))
