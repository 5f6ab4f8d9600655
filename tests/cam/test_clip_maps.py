"""Maps from text: a CLIP of toy size against a loop written from the formulas, and masks without any training."""

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
import torch.nn.functional as F
from conftest import toy_variables, write_toy
from PIL import Image

from mmwsss.apis import make_pseudo
from mmwsss.cam import CAMGenerator
from mmwsss.cam.clip_maps import attention_affinity
from mmwsss.config import load_config
from mmwsss.models.classifiers import CLIPClassifier
from mmwsss.runs import Pipeline, load_pipeline
from mmwsss.weights.checkpoints import read_checkpoint
from mmwsss.weights.trust import TRUST_VARIABLE

CLASSES, BACKGROUND = ['smoke', 'boat', 'cat'], ['sky', 'chimney', 'cloud', 'sea']
TEMPLATES = ['a clean origami {}.', 'a photo of {}']


@pytest.fixture(scope='module')
def weights(toy_clip):
    return toy_clip


def build(weights, **arguments):
    settings = {'background': BACKGROUND, 'templates': TEMPLATES, 'attention_blocks': 2, **arguments}
    return CLIPClassifier(weights, CLASSES, 'toy-text', **settings).eval()


@pytest.mark.filterwarnings('ignore')
def test_openais_own_files_are_compiled(weights, tmp_path, monkeypatch):
    clip = open_clip.create_model('toy-text', pretrained=weights).eval()
    image, text = torch.zeros(1, 3, *np.broadcast_to(clip.visual.image_size, 2)), torch.zeros(1, clip.context_length)
    for name in ('input_resolution', 'context_length', 'vocab_size'):
        vars(clip).pop(name, None)
        clip.register_buffer(name, torch.tensor(16))
    mask = clip.attn_mask
    del clip.attn_mask
    clip.attn_mask = mask  # no buffer at OpenAI's
    torch.jit.save(torch.jit.trace(clip, (image, text.long()), check_trace=False), tmp_path / 'ViT-B-16.pt')
    with pytest.raises(ValueError, match=r'a compiled network \(TorchScript\), .*--trust-checkpoints'):
        build(str(tmp_path / 'ViT-B-16.pt'))
    with pytest.raises(ValueError, match=r'a compiled network \(TorchScript\)'):
        read_checkpoint(tmp_path / 'ViT-B-16.pt')
    monkeypatch.setenv(TRUST_VARIABLE, '1')
    compiled, plainly = build(str(tmp_path / 'ViT-B-16.pt')).state_dict(), build(weights).state_dict()
    assert compiled.keys() == plainly.keys() and all(torch.equal(compiled[name], plainly[name]) for name in plainly)


def plain(weights, image, own, label):
    """One image and class by PyTorch's own attention layers: the map before and after the spreading, min-max scaled."""
    clip = open_clip.create_model('toy-text', pretrained=weights).eval()
    tokenizer, visual = open_clip.get_tokenizer('toy-text'), clip.visual
    rows, columns = -(-image.shape[1] // 8), -(-image.shape[2] // 8)
    image = F.interpolate(image[None], (8 * rows, 8 * columns), mode='bicubic', align_corners=False)
    grid = visual.positional_embedding[1:].T.reshape(1, 24, 4, 4)
    grid = F.interpolate(grid, (rows, columns), mode='bilinear', align_corners=False).reshape(24, -1).T
    x = visual.conv1(image)[0].reshape(24, -1).T + grid
    x = torch.cat([(visual.class_embedding + visual.positional_embedding[0])[None], x])
    x = visual.ln_pre(x)[None]
    attentions = []
    for number, block in enumerate(visual.transformer.resblocks):
        normed = block.ln_1(x)
        if number == 2:
            normed = normed.detach().requires_grad_()
        out, attention = block.attn(normed, normed, normed, need_weights=True, average_attn_weights=True)
        x = x + out
        x = x + block.mlp(block.ln_2(x))
        attentions.append(attention[0, 1:, 1:].detach().numpy().astype(float))
    pooled = (visual.ln_post(x)[0, 1:].mean(0) @ visual.proj)[None]
    words = [CLASSES[k] for k in own] + BACKGROUND
    cosines = []
    for word in words:
        vectors = [F.normalize(clip.encode_text(tokenizer([text.format(word)])), dim=1) for text in TEMPLATES]
        cosines.append(F.cosine_similarity(pooled, sum(vectors)))
    score = torch.softmax(clip.logit_scale.exp() * torch.cat(cosines), 0)[own.index(label)]
    (gradient,) = torch.autograd.grad(score, normed)
    weight = gradient[0, 1:].mean(0)
    cam = (normed.detach()[0, 1:] @ weight).clamp(min=0).numpy().astype(float)
    cam = (cam - cam.min()) / np.ptp(cam)
    mean = (attentions[1] + attentions[2]) / 2  # the last two of three blocks
    for _ in range(3):
        mean = mean / mean.sum(0, keepdims=True)
        mean = mean / mean.sum(1, keepdims=True)
    affinity = (mean + mean.T) / 2
    square = cam.reshape(rows, columns) > 0.4
    inside = np.zeros_like(square)
    waiting, seen = list(zip(*np.nonzero(square))), set()
    for start in waiting:  # flood fill
        if start in seen:
            continue
        component, stack = [], [start]
        while stack:
            y, x_ = stack.pop()
            if (y, x_) in seen or not (0 <= y < rows and 0 <= x_ < columns) or not square[y, x_]:
                continue
            seen.add((y, x_))
            component.append((y, x_))
            stack += [(y + dy, x_ + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        ys, xs = zip(*component)
        inside[min(ys) : max(ys) + 1, min(xs) : max(xs) + 1] = True
    squared = affinity @ affinity
    squared[:, ~inside.ravel()] = 0
    spread = squared @ cam
    return cam.reshape(rows, columns), ((spread - spread.min()) / np.ptp(spread)).reshape(rows, columns)


@pytest.mark.parametrize('size', [(32, 32), (43, 56)])
def test_maps_equal_a_plain_loop(weights, size):
    model = build(weights)
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))
    labels = torch.tensor([[True, False, True], [False, True, False]])
    for place, method in enumerate(('clip_unrefined', 'clip')):
        cams = CAMGenerator(method, per_scale_min_max=True, size_divisor=1)(model, images, labels)
        assert cams.maps.shape == (3, 1, *size) and cams.scores.shape == (2, 3)
        for number, (image, label) in enumerate([(0, 0), (0, 2), (1, 1)]):
            expected = plain(weights, images[image], labels[image].nonzero().flatten().tolist(), label)[place]
            large = F.interpolate(torch.from_numpy(expected)[None, None], size, mode='bilinear')[0, 0]
            assert np.allclose(cams.maps[number, 0], large, atol=2e-3), (method, number)
            assert 0 < cams.raw_max[number] != pytest.approx(1)  # what min-max scaling takes away


def test_a_block_is_that_of_open_clip_and_scores_are_softmaxes(weights):
    model = build(weights)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        tokens, grid = model.embed(images)
        assert grid == (4, 4)
        for block in model.visual.transformer.resblocks:
            ours, attention = model.run_block(block, tokens)
            assert torch.allclose(ours, block(tokens), atol=1e-5)
            assert torch.allclose(attention.sum(-1), torch.ones(2, 17), atol=1e-5)
            tokens = ours
        texts = model.text_logits(tokens)
        for label in range(3):
            share = torch.cat([texts[:, label : label + 1], texts[:, 3:]], 1).softmax(1)[:, 0]
            assert torch.allclose(model(images).sigmoid()[:, label], share, atol=1e-5)
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_own_classes_and_background_decide(weights):
    """The softmax has the image's own classes and the background words, and no others."""
    images = torch.randn(1, 3, 32, 32)
    alone = CAMGenerator('clip_unrefined')(build(weights), images, torch.tensor([[True, False, False]]))
    both = CAMGenerator('clip_unrefined')(build(weights), images, torch.tensor([[True, True, False]]))
    other = build(weights, background=['a chimney'])
    other = CAMGenerator('clip_unrefined')(other, images, torch.tensor([[True, False, False]]))
    assert not torch.allclose(alone.maps[0], both.maps[0], atol=1e-3)
    assert not torch.allclose(alone.maps[0], other.maps[0], atol=1e-3)
    fused = build(weights, synonyms={'smoke': 'smoke plume,fume'})
    assert not torch.allclose(fused.texts[0], build(weights).texts[0], atol=1e-3)
    assert torch.allclose(fused.texts[1:], build(weights).texts[1:])


def test_affinity_is_symmetric_and_nearly_doubly_stochastic():
    attention = torch.rand(9, 9, generator=torch.Generator().manual_seed(0)).softmax(1)
    affinity = attention_affinity(attention)
    assert torch.equal(affinity, affinity.T)
    assert torch.allclose(affinity.sum(0), torch.ones(9), atol=1e-2)


def test_masks_without_any_training(weights, tmp_path):
    data = toy_variables(write_toy(tmp_path / 'toy'))
    options = {'clip_arch': 'toy-text', 'background': BACKGROUND, 'attention_blocks': 2, 'confidence': 0.6}
    cfg = load_config('configs/pseudo/clip_es.py', options, data=data)
    assert cfg.pseudo.generator.size_divisor == 1  # the network itself rounds sides up, bicubic, as CLIP-ES does
    make_pseudo(cfg, weights, tmp_path / 'out')
    rows = [json.loads(line) for line in (tmp_path / 'out' / 'manifest.jsonl').read_text().splitlines()]
    assert [row['status'] for row in rows] == ['ok'] * 12
    shown = [np.array(Image.open(tmp_path / 'out' / row['mask_path'])) for row in rows if row['labels']]
    assert len(shown) == 8 and {0, 1, 255} >= set(np.unique(shown).tolist()) >= {0, 1}
    again = make_pseudo(cfg, weights, tmp_path / 'out')
    assert again['made_now'] == 0
    cfg.pop('model')
    with pytest.raises(ValueError, match=r'Expected model=dict\(type="mmwsss.CLIPClassifier"\) beside pseudo in'):
        make_pseudo(cfg, weights, tmp_path / 'other')


@pytest.mark.parametrize('labelled', [False, True])
def test_a_pipeline_without_any_training(labelled, weights, tmp_path):
    """Pictures and names of classes, or labels, and weights: masks and a report; other weights, other masks."""
    root = write_toy(tmp_path / 'toy') / 'img' / 'train'
    own = tmp_path / 'own.pt'
    own.write_bytes(Path(weights).read_bytes())
    options = {
        'images': str(root), 'clip': str(own), 'clip_arch': 'toy-text', 'background': BACKGROUND, 'confidence': 0.6,
        'work_dir': str(tmp_path / 'work'),
    }  # fmt: skip
    if labelled:
        rows = [f'sub{index % 2}/picture {index}.jpg,{"boat" if index % 3 else "none"}' for index in range(12)]
        (root / 'labels.csv').write_text('\n'.join(['path,label', *rows]))
        options['labels'] = 'labels.csv'
    else:
        options['class_names'] = ['boat', 'cat']
        options['synonyms'] = {'boat': 'boat ship'}
    lines = []
    summary = Pipeline(load_pipeline('configs/pipelines/clip.py', options), lines.append).run()
    assert summary['classes'] == (['boat'] if labelled else ['boat', 'cat']) and list(summary['stages']) == ['masks']
    assert summary['stages']['masks']['ok'] == 12 and not list(tmp_path.glob('work/**/*.pth'))
    assert (tmp_path / 'work' / 'report.html').exists()
    records = [json.loads(line) for line in (tmp_path / 'work' / 'masks' / 'manifest.jsonl').read_text().splitlines()]
    if labelled:
        assert sum(bool(record['labels']) for record in records) == 8
    lines.clear()
    Pipeline(load_pipeline('configs/pipelines/clip.py', options), lines.append).run()
    assert sum('(stands)' in line for line in lines) == 2
    if labelled:  # and an ordinary segmentor of the masks, in which pixels below the confidence teach nothing
        more = {'segmentor': True, 'segmentor_epochs': 1, 'img_size': 32, 'batch_size': 4}
        cfg = load_pipeline('configs/pipelines/clip.py', {**options, **more})
        cfg.runs.segmentor.options.update({'pretrained': False, 'num_workers': 0})
        assert list(Pipeline(cfg, lines.append).run()['stages']) == ['masks', 'segmentor']
        assert (tmp_path / 'work' / 'segmentor' / 'epoch_1.pth').is_file()
        assert 0 < np.mean([record['ignored'] for record in records if record['labels']]) < 1
    state = torch.load(own)
    state['visual.proj'] = -state['visual.proj']
    torch.save(state, own)
    state = Pipeline(load_pipeline('configs/pipelines/clip.py', options), lines.append).plan()
    assert 'clip' in state and '0 of 2 runs stand' in state
    own.unlink()
    with pytest.raises(
        FileNotFoundError, match=r'Expected the weights of clip in .*own\.pt, but there is no such file'
    ):
        Pipeline(load_pipeline('configs/pipelines/clip.py', options), lines.append).run()


def test_what_is_refused(weights, tmp_path):
    model, images, labels = build(weights), torch.randn(1, 3, 32, 32), torch.tensor([[True, False, False]])
    with pytest.raises(ValueError, match=r"methods \['clip', 'clip_unrefined'\] .* CLIPClassifier for 'gradcam'"):
        CAMGenerator('gradcam')(model, images, labels)
    with pytest.raises(ValueError, match="Expected the name of an open_clip network, but got 'toy-nothing'"):
        CLIPClassifier(weights, CLASSES, 'toy-nothing', BACKGROUND)
    with pytest.raises(ValueError, match='Expected an image tower that is a plain ViT'):
        build_resnet(tmp_path)
    with pytest.raises(ValueError, match='Expected classes, background words and templates with {}'):
        build(weights, background=[])
    with pytest.raises(ValueError, match=r"Expected synonyms of the classes .* but got some of \['dog'\]"):
        build(weights, synonyms={'dog': 'puppy'})
    with pytest.raises(ValueError, match=r'box_threshold in \[0, 1\) and attention_blocks >= 1, but got 1 and 2'):
        build(weights, box_threshold=1)
    with pytest.raises(ValueError, match="Expected mode 'tensor' of a classifier that does not learn, but got 'loss'"):
        model(images, mode='loss')
    with pytest.raises(FileNotFoundError, match=r'CLIPClassifier needs the weights .*ViT-B-16\.pt.*openaipublic'):
        CLIPClassifier(str(tmp_path / 'ViT-B-16.pt'), CLASSES, background=BACKGROUND)


def build_resnet(folder):
    """A toy CLIP with a ResNet."""
    config = {
        'embed_dim': 16,
        'vision_cfg': {'image_size': 32, 'layers': [1, 1, 1, 1], 'width': 8},
        'text_cfg': {'context_length': 77, 'vocab_size': 49408, 'width': 16, 'heads': 2, 'layers': 1},
    }
    (folder / 'toy-resnet.json').write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    torch.save(open_clip.create_model('toy-resnet').state_dict(), folder / 'resnet.pt')
    return CLIPClassifier(str(folder / 'resnet.pt'), CLASSES, 'toy-resnet', BACKGROUND)


def test_words_of_voc_and_coco_are_those_of_the_paper():
    settings = load_config('configs/pseudo/clip_es_voc.py', {}, data='configs/data/voc12.py').model
    assert settings.synonyms['chair'] == 'chair seat' and len(settings.background) == 25
    settings = load_config('configs/pseudo/clip_es_coco.py', {}, data='configs/data/coco14.py').model
    assert len(settings.background) == 23 and not {'keyboard', 'sign'} & set(settings.background)
    assert settings.box_threshold == 0.7
    assert settings.synonyms['tie'] == 'necktie' and len(settings.synonyms) == 17
