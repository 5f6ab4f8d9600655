# smoke5k_wsss: crops of the public SMOKE5K photos after tools/dataset_converters/smoke5k.py; the data of all configs
# where no other is named.
_base_ = '../_base_/data_variables.py'
dataset_root = 'data/smoke5k_wsss'
negative_classes = ['no_smoke']
train_masks = 'train_masks_FOR_EVALUATION_OF_PSEUDO_MASKS_ONLY'
group_file = 'provenance/provenance_test.csv'
