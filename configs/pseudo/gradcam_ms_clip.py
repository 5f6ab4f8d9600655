# Row "CLIP" of Table 4.4: the map times the similarity of patches and text. The prompts are the paper's one for smoke
# and ours against it.
_base_ = './gradcam_ms_crf.py'
clip_arch = 'ViT-B-32-quickgelu'  # OpenAI's own
clip_checkpoint = 'weights/ViT-B-32.pt'
positive_prompts = [['a photo of grey industrial smoke rising from factory chimneys']]  # one list a class
negative_prompts = ['a photo of a chimney', 'a photo of a factory', 'a photo of the sky', 'a photo of clouds']
clip_step = dict(
    type='mmwsss.CLIPRefine',
    arch=clip_arch,
    checkpoint=clip_checkpoint,
    positive_prompts=positive_prompts,
    negative_prompts=negative_prompts,
)
pseudo = dict(refine=[clip_step, _base_.cut_step])
