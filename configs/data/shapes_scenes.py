# Generated scenes of several classes (export_scenes with kind='shapes'), each class with a surrounding of its own.
_base_ = './plume_scenes.py'
dataset_root = 'data/shapes_scenes'
num_classes = 4
classes = ['boat', 'car', 'tree', 'kite']
context_by_class = True
