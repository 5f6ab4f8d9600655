# Masks without any training: pictures and the names of the classes, or pictures with image labels, through CLIP.
#   python tools/pipeline.py configs/pipelines/clip.py --cfg-options clip=weights/ViT-B-16.pt images=/path/to/pictures \
#     class_names="['smoke']" background="['sky','cloud','chimney','tree','building']" --trust-checkpoints
# OpenAI publishes CLIP as a compiled network, which has to be trusted.
# With labels=labels.csv (path,label; relative to images) masks are of the labels' classes alone; without, of those that
# CLIP sees. segmentor=True trains an ordinary segmentor on the masks; pixels below the confidence teach it nothing (the
# confidence-guided loss of CLIP-ES).
kind = 'pipeline'
images = 'data/my_images'
labels = ''
negative_classes = ['negative', 'none', 'no_smoke', 'clear', 'background']  # of the labels: names that mean "no class"
class_names = ['smoke']  # without labels
clip = 'weights/ViT-B-16.pt'  # open_clip's weights: a file
clip_arch = 'ViT-B-16-quickgelu'  # OpenAI's own
background = None  # words for what is none of the classes; None: those of CLIP-ES for photographs
synonyms = None  # class -> words in its place, in one sentence: {'smoke': 'smoke plume,fume'}
templates = ['a clean origami {}.']  # sentences that a class stands in
confidence = 0.95  # least posterior of a pixel that is labelled
box_threshold = 0.4
segmentor = False
segmentor_epochs = 10
img_size = 192  # of the segmentor
batch_size = 16
work_dir = 'work_dirs/clip'
title = 'Masks by CLIP, without training'
seed = 42
threshold = 0.3  # of the unrefined maps that the masks are compared with

data = 'configs/data/image_folder.py'
data_options = (
    dict(dataset_root=images, train_ann=labels, negative_classes=negative_classes)
    if labels
    else dict(dataset_root=images)
)
_options = dict(
    clip_arch=clip_arch,
    confidence=confidence,
    box_threshold=box_threshold,
    threshold=threshold,
    templates=templates,
    **(dict(background=background) if background else {}),
    **(dict(synonyms=synonyms) if synonyms else {}),
)
runs = dict(
    clip=dict(action='weights', path=clip),
    masks=dict(
        config='configs/pseudo/clip_es.py' if labels else 'configs/pseudo/clip_unlabelled.py',
        of='clip',
        options=_options if labels else dict(_options, images=images, class_names=class_names),
    ),
    segmentor=dict(
        config='configs/seg/segformer_lite0_pseudo-192x192.py',
        masks='masks',
        options=dict(img_size=img_size, batch_size=batch_size, epochs=segmentor_epochs),
    )
    if segmentor
    else None,
)
