# Generated plume scenes as tools/dataset_converters/plume_scenes.py writes them: masks of smoke and of chimneys.
_base_ = '../_base_/data_variables.py'
dataset_root = 'data/plume_scenes'
classes = ['smoke']
train_ann = 'annotations/train.csv'
train_masks = 'ann_dir/train'
train_context = 'context_dir/train'
val_ann = 'annotations/val.csv'
val_context = 'context_dir/val'
test_ann = 'annotations/test.csv'
test_context = 'context_dir/test'
# what a pipeline or a table generates where it is run on them: see mmwsss.datasets.converters.scenes.export_scenes
generate = dict(kind='plumes', numbers=dict(train=800, val=100, test=160), size=96, seed=0, train_bias=(0.7, 0.4))
