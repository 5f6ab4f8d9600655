# ccp_wsss: street fashion photographs, 11 classes of clothing; tags of people to train on, masks for val and test.
dataset_root = 'data/ccp_wsss'
num_classes = 11
classes = None
negative_classes = []
train_masks = None
val_context = 'context_dir/val'
test_context = 'context_dir/test'
group_file = None
