# What the pipelines share: the ways from images with labels to a segmentor. A pipeline says what its data are and what
# differs. Without more it is the method (small_method.py).
#
# With method=False, for any classes (scale 'small' alone): a classifier, pseudo masks of its class maps, a segmentor.
#
# With plumes=True, for smoke, steam and dust: a segmentor learns from generated plumes that are blended into images
# whose label says that they have none; its masks of images with smoke, half of each batch beside further composites,
# train the next one. A plume is generated, so that its mask is known, and nothing else differs in the same image with
# and without it. Which round is the last one, and above which probability a pixel is smoke, is chosen without a mask on
# frames kept aside or the validation set; `final` is a segmentor whose plain masks are those above that threshold.
_base_ = './small_method.py'
plumes = False
method = True
composite_epochs = 20  # of 30 steps: the segmentor that sees generated plumes alone
round_epochs = 15  # of 30 steps: each of the two rounds after it; without plumes, the segmentor
last_size = 192  # img_size of the last round, and of a classifier without teacher and student
round_cuts = (0.1, 0.4)  # of the second round's masks: background, class
max_alarms = None  # most of the smoke-free frames that may have a mask above 1 % of the area at the chosen threshold
features_first = False  # without plumes, spread maps over patches with like features: better on smoke, worse on objects
position_prior = False  # in its place: weigh maps by where their class mostly is, for things that have their place
blocks = None  # regular expression on paths, what repeats itself: '(?P<camera>cam\\d+)_(?P<day>\\d{8})'
block_table = None  # in its place a CSV below the data's folder, with
block_columns = ['path', 'block']  # these columns of the image and of its block

# The cuts of the first masks are chosen by image labels: the first segmentor has never seen smoke and is unsure of it.
# The next one has learned from labelled images and is not: the threshold with the highest expected Dice, by its own
# probabilities, is about 0.4 (half of that Dice: Lipton, Elkan and Narayanaswamy, 2014); 0.1 and 0.4 were the better of
# what was tried on the validation crops of smoke5k_wsss.
_size = dict(img_size=_base_.img_size, batch_size=_base_.batch_size, num_workers=_base_.num_workers)
_corrected = dict(corrections=_base_.corrections, corrections_repeat=_base_.corrections_repeat)
_round = dict(**_size, epochs=round_epochs)
_scores = dict(
    config='configs/pseudo/segmentor.py',
    options=dict(img_size=last_size, scales=[1.0], flip=False, alternate=False, batch_size=_base_.batch_size),
)
_masks = dict(config='configs/pseudo/segmentor.py', options=dict(batch_size=_base_.batch_size))
_blocks = dict(blocks=blocks, **(dict(block_table=block_table, block_columns=block_columns) if block_table else {}))
_frames = _blocks if blocks or block_table else dict(blocks=r'([^/]+)$')  # each frame is a block where nothing tells
_rounds = dict(
    _delete_=True,
    segmentor_0=dict(config='configs/seg/lite0_plumes.py', options=dict(**_size, epochs=composite_epochs)),
    masks_1=dict(**_masks, of='segmentor_0'),
    segmentor_1=dict(
        config='configs/seg/lite0_plumes_pseudo.py',
        masks='masks_1',
        options=_round,
        inputs=dict(segmentor_init='segmentor_0'),
    ),
    masks_2=dict(
        config='configs/pseudo/segmentor.py',
        of='segmentor_1',
        options=dict(
            batch_size=_base_.batch_size, cut_posteriors=None, ignore_band=round_cuts, save_cam=_base_.save_cam
        ),
    ),
    segmentor_2=dict(
        config='configs/seg/lite0_plumes_pseudo.py',
        masks='masks_2',
        options=dict(_round, img_size=last_size, **_corrected),
        inputs=dict(segmentor_init='segmentor_1'),
        scores=_scores,
    ),
    chosen=dict(
        **_scores,  # one view, as in what comes of it
        action='choose',
        of=['segmentor_1', 'segmentor_2'],
        settings=dict(_frames, max_alarms=max_alarms),
    ),
    final=dict(
        config='configs/seg/lite0_plumes_pseudo.py',
        action='at_threshold',
        of='chosen',
        options=dict(_round, img_size=last_size),
    ),
)

# Without plumes: maps of a picture that is half as large again are finer; averaged over neighbours of like colour. A
# second segmentor on the first one's masks gave nothing (docs/results.md).
_first = 'features_' if features_first else 'position_' if position_prior else ''
_simple = dict(
    _delete_=True,
    classifier=dict(
        config='configs/r50.py',
        options=dict(
            **dict(_size, img_size=last_size),
            epochs=_base_.epochs,
            lr=_base_.lr,
            crop_ratio=_base_.crop_ratio,
            jitter=_base_.jitter,
        ),
    ),
    pseudo=dict(
        config=f'configs/pseudo/gradcam_ms_{_first}par.py',
        of='classifier',
        options=dict(
            img_size=last_size,
            scales=[1.5],
            flip=True,
            method='cam',
            per_scale_min_max=False,
            par_iters=10 if features_first else 20,
            mask_threshold=0.5 if _base_.threshold == 'val' else _base_.threshold,
            batch_size=_base_.batch_size,
            save_cam=_base_.save_cam,
        ),
    ),
    segmentor=dict(
        config='configs/seg/lite0_pseudo.py',
        masks='pseudo',
        options=dict(**_round, by_class=True, crop_ratio=0.8, **_corrected),
    ),
)
runs = _rounds if plumes else dict() if method or _base_.scale == 'paper' else _simple
