# CLIP-ES of pictures without labels: masks of the named classes that CLIP itself finds more likely than all background
# words. A folder of pictures, or a text file of paths.
#   python tools/make_pseudo.py configs/pseudo/clip_unlabelled.py weights/ViT-B-16.pt --out FOLDER --trust-checkpoints \
#     --cfg-options images=/path/to/them class_names="['smoke']"
_base_ = './clip_es.py'
images = 'data/images'
class_names = ['smoke']
pseudo = dict(
    dataset=dict(_delete_=True, type='mmwsss.ImageListDataset', source=images, classes=class_names),
    generator=dict(classes='predicted'),
)
