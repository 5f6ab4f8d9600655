# As gradcam_ms_sam.py, with masks that any other generator made before: a folder with a JSON file for each image, or a
# COCO file (mmwsss.refine.made_masks says which forms are read).
_base_ = './gradcam_ms_crf.py'
mask_files = 'work_dirs/masks'
strategy = 'copy'  # 'and', 'or': combine the kept masks with the unrefined one
min_iou = 0.3  # of a mask with the unrefined one, to be kept
max_area = 0.5  # share of the picture that a mask may cover
masks_step = dict(type='mmwsss.SAMRefine', masks=mask_files, strategy=strategy, min_iou=min_iou, max_area=max_area)
pseudo = dict(refine=[masks_step, _base_.cut_step])
