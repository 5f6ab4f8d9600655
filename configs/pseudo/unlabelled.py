# Masks of images without labels, of the classes that the classifier sees in them: a folder, or a text file of paths.
#   python tools/make_pseudo.py configs/pseudo/unlabelled.py CHECKPOINT --out FOLDER --cfg-options images=/path/to/them
_base_ = './gradcam_ms_crf.py'
images = 'data/images'
class_names = ['smoke']
pseudo = dict(
    dataset=dict(_delete_=True, type='mmwsss.ImageListDataset', source=images, classes=class_names),
    generator=dict(classes='predicted'),
)
