# CLIP-ES on COCO (--data configs/data/coco14.py): the published words, by COCO's names of the classes. Two words of the
# background are classes there.
_base_ = './clip_es.py'
background = [word for word in _base_.background if word not in ('keyboard', 'sign')]
box_threshold = 0.7
model = dict(
    background=background,
    box_threshold=box_threshold,
    synonyms={
        '_delete_': True,
        'person': 'person with clothes,people,human',
        'motorcycle': 'motorbike',
        'airplane': 'aeroplane',
        'bird': 'bird avian',
        'backpack': 'backpack,bag',
        'umbrella': 'umbrella,parasol',
        'handbag': 'handbag,purse',
        'tie': 'necktie',
        'baseball glove': 'glove',
        'spoon': 'dessertspoon',
        'chair': 'chair seat',
        'couch': 'sofa',
        'potted plant': 'pottedplant',
        'dining table': 'diningtable',
        'tv': 'tvmonitor screen',
        'remote': 'remote control',
        'hair drier': 'hairdrier,blowdrier',
    },
)
