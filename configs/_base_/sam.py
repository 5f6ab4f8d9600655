# segment-anything's automatic masks; made once an image and kept below sam_cache.
sam_arch = 'vit_h'
sam_checkpoint = 'weights/sam_vit_h_4b8939.pth'
sam_cache = 'work_dirs/sam_masks'
points_per_side = 32
strategy = 'copy'  # 'and', 'or': combine the kept masks with the seed
sam_step = dict(
    type='mmwsss.SAMRefine',
    arch=sam_arch,
    checkpoint=sam_checkpoint,
    cache_dir=sam_cache,
    points_per_side=points_per_side,
    strategy=strategy,
)
