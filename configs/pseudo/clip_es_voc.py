# CLIP-ES on PASCAL VOC (--data configs/data/voc12.py): words beside the names of four classes, in one sentence, as
# published.
_base_ = './clip_es.py'
model = dict(
    synonyms=dict(
        _delete_=True,
        person='person with clothes,people,human',
        bird='bird avian',
        chair='chair seat',
        tvmonitor='tvmonitor screen',
    )
)
