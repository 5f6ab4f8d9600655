# Large pictures, such as panoramas: maps in overlapping tiles, so that memory is bounded. Pictures keep their shape.
_base_ = './gradcam_ms.py'
size_factor = 1.0  # of the network's input to the picture: things should look as large as those it was trained on
tile_size = 512  # side of a tile in pixels of the network's input
tile_overlap = 0.25  # share of a tile that its neighbour covers too
scales = [1.0]
per_scale_min_max = False
batch_size = 1
fusion_step = dict(normalize=not per_scale_min_max)
pseudo = dict(
    pipeline=[dict(type='Resize', scale_factor=size_factor), dict(type='PackInputs')],
    batch_size=batch_size,
    generator=dict(
        scales=scales, per_scale_min_max=per_scale_min_max, tiles=dict(size=tile_size, overlap=tile_overlap)
    ),
    fusion=fusion_step,
)
