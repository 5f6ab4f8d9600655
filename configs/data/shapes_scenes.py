# Generated scenes of several classes (export_scenes with kind='shapes'), each class with a surrounding of its own.
_base_ = './plume_scenes.py'
dataset_root = 'data/shapes_scenes'
num_classes = 4
classes = ['boat', 'car', 'tree', 'kite']
context_by_class = True
# what a pipeline or a table generates where it is run on them: see mmwsss.datasets.converters.scenes.export_scenes
generate = dict(kind='shapes', numbers=dict(train=800, val=100, test=160), size=64, seed=0, train_bias=(0.9, 0.1))
