# ccp_wsss: street fashion photographs, 11 classes of clothing; tags of people to train on, masks for val and test.
_base_ = '../_base_/data_variables.py'
dataset_root = 'data/ccp_wsss'
num_classes = 11
val_context = 'context_dir/val'
test_context = 'context_dir/test'
