"""The report: tables and charts in Python, the gallery in Chromium."""

import json
import re

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from browser import check_quiet, chromium, contrast_failures, fits, unnamed_controls, wait_for

from mmwsss.evaluation import confusion_matrix
from mmwsss.visualization import GalleryRow, heat_overlay, mask_overlay, write_report
from mmwsss.visualization.charts import line_chart, read_training
from mmwsss.visualization.comparison import comparison_table
from mmwsss.visualization.report_tables import camera_of, camera_table, confusion_table, figure_table

IMG = np.full((8, 10, 3), 100, np.uint8)
CURVE = {'thresholds': [0, 0.5, 1], 'iou_dataset': [0.1, 0.2, 0.0]}


def test_overlays():
    cam = np.zeros((8, 10))
    cam[:, 5:] = 1
    heat = heat_overlay(IMG, cam)
    assert heat.shape == IMG.shape and heat[0, 9].sum() > heat[0, 0].sum() + 100
    mask = np.zeros((8, 10), np.uint8)
    mask[2:6, 2:6] = 1
    painted = mask_overlay(IMG, mask)
    assert painted[3, 4].tolist() == [114, 50, 50]  # half of the picture, half of (128, 0, 0)
    assert painted[0, 0].tolist() == [100, 100, 100] and painted[2, 2].tolist() == [255, 255, 255]


def summary(iou, classes=('smoke',)):
    figures = {'iou_image': iou, 'iou_dataset': iou, 'miou': iou}
    more = {
        'at_0.3': figures,
        'oracle': figures,
        'co_occurrence': 1.5,
        'false_alarms': {'pixels': 0.1},
        'seconds': 12345,
    }
    floor = {'floor_all_foreground': figures}
    chosen = {'threshold': 0.3, 'threshold_source': 'validation masks'}
    stages = {
        'teacher': {**figures, **more, **floor, **chosen},
        'student': {**figures, **more, **floor, **chosen},
        'pseudo': {
            'kind': 'pseudo',
            **figures,
            'unrefined': figures,
            'floor': figures,
            'seconds': 1.0,
            'label_source': 'image labels',
        },
        'segmentor': {**figures, 'seconds': 2.0},
    }
    return {'title': 'a <title>', 'seed': 0, 'classes': list(classes), 'stages': stages, 'versions': {'torch': '2'}}


def test_report_of_rows_without_maps(tmp_path):
    """The four arguments that have always been enough."""
    row = GalleryRow('<x>.jpg', 'worst', IMG, np.zeros((8, 10)), *[np.zeros((8, 10), np.uint8)] * 3, None, 0.25)
    done = write_report(tmp_path / 'r.html', summary(0.5), {'student': CURVE}, [row])
    html = (tmp_path / 'r.html').read_text()
    assert done == {'bytes': len(html.encode()), 'pictures': 1, 'picture_side': 512}
    assert '\\u003cx>.jpg' in html and 'a &lt;title&gt;' in html and '<x>' not in html
    assert 'was taken from its image labels' in html and '0.500' in html and html.count('data:image/jpeg') == 1


def test_report_without_pictures(tmp_path):
    write_report(tmp_path / 'empty.html', {**summary(0.5), 'classes': None}, {}, [])
    with chromium(tmp_path) as driver:
        driver.get((tmp_path / 'empty.html').as_uri())
        assert driver.find_element('id', 'nothing').is_displayed()
        assert not driver.find_element('id', 'controls').is_displayed()
        check_quiet(driver)


def test_figure_table():
    table = figure_table(summary(0.25)['stages'])
    assert [row['name'] for row in table['rows']] == [
        'teacher', 'floor: all foreground (of these maps)', 'student', 'pseudo: unrefined mask (training images)',
        'pseudo: refined mask (training images)', 'floor: all foreground (training images)', 'segmentor',
    ]  # fmt: skip
    by_name = {row['name']: dict(zip(table['columns'], row['cells'])) for row in table['rows']}
    assert by_name['teacher']['false alarms: pixels'] == '0.100' and by_name['teacher']['seconds'] == '12345'
    assert by_name['segmentor']['threshold'] == '–' and 'at 0.3: IoU of the set' in table['columns']
    stages = {'segmentor': {'iou_dataset': 0.5, 'iou_image': float('nan'), 'miou': True}}
    assert figure_table(stages)['columns'] == ['IoU of the set']


def test_confusion():
    truth = np.array([[0, 0, 1, 1], [2, 2, 255, 0]], np.uint8)
    pred = np.array([[0, 1, 1, 255], [2, 1, 1, 0]], np.uint8)
    matrix = confusion_matrix(pred, truth, 2)
    assert matrix.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 1, 1, 0]]
    table = confusion_table(matrix, ['smoke', 'fire'])
    assert table['columns'] == ['background', 'smoke', 'fire', 'left open']
    assert table['rows'][1] == {'name': 'smoke', 'pixels': 2, 'shares': [0, 0.5, 0, 0.5]}
    assert confusion_table(np.eye(3), ['a', 'b'])['columns'] == ['background', 'a', 'b']
    with pytest.raises(ValueError, match=r'Expected a confusion matrix of 3 rows and columns, but got \(2, 2\)'):
        confusion_table(np.eye(2), ['a', 'b'])
    with pytest.raises(ValueError, match='Expected masks of one size'):
        confusion_matrix(pred, truth[:1], 2)


def test_cameras():
    assert camera_of('/x/cam 7/a.jpg') == 'cam 7' and camera_of('a.jpg', r'(b)') == '?'
    assert camera_of('/x/site3_0001.jpg', r'/(\w+?)_\d+\.jpg') == 'site3'
    rows = camera_table(
        [
            {'img_path': 'n/1.jpg', 'score': 0.5, 'false_alarm': 0.1, 'coverage': 0.25},
            {'img_path': 'n/2.jpg', 'score': None, 'false_alarm': 0.3, 'coverage': 0.75},
            {'img_path': 'm/1.jpg', 'score': 0.25, 'false_alarm': None, 'coverage': 0.0},
            {'img_path': 'k/1.jpg', 'score': None},
        ]
    )
    assert [row['name'] for row in rows] == ['m', 'n', 'k']
    assert rows[1] == {'name': 'n', 'images': 2, 'score': '0.500', 'false_alarm': '0.200', 'coverage': '0.500'}
    assert rows[2]['score'] == rows[0]['false_alarm'] == '–'
    for pattern, message in [('(', 'Expected a regular expression for cameras'), ('a', r'Expected a group \(\.\.\.\)')]:
        with pytest.raises(ValueError, match=message):
            camera_of('x', pattern)


def test_training_curves(tmp_path):
    folder = tmp_path / '2026' / 'vis_data'
    folder.mkdir(parents=True)
    lines = [{'lr': 1, 'loss': 2.0, 'step': 10}, {'loss': 1.0, 'step': 20, 'time': 3}, {'mIoU': 50.0, 'step': 20}]
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)) + '\n{"loss": 0.')
    assert read_training(tmp_path) == {'loss': ([10.0, 20.0], [2.0, 1.0]), 'mIoU': ([20.0], [50.0])}
    assert read_training(tmp_path / 'gone') == {}
    svg = line_chart({'a <b>': ([0, 1], [1, 2])}, 'x "y" <z>', ('u', 'v'))
    assert svg.startswith('<svg role="img" aria-label="x &quot;y&quot; &lt;z&gt;"') and '<b>' not in svg
    assert '#000000' not in svg and 'currentColor' in svg
    write_report(
        tmp_path / 'r.html', summary(0.5), {}, [], training={'student': read_training(tmp_path), 'teacher': {}}
    )
    html = (tmp_path / 'r.html').read_text()
    assert (
        'Training of student, losses.' in html and 'Training of student, figures.' in html and 'of teacher' not in html
    )


def test_a_validation_after_an_epoch_stands_at_its_step(tmp_path):
    folder = tmp_path / '2026' / 'vis_data'
    folder.mkdir(parents=True)
    train = {'loss': 1.0, 'decode.acc_seg': 97.0}
    lines = [
        {**train, 'epoch': 1, 'iter': 30, 'step': 30},
        {'iou_dataset': 0.4, 'miou': 0.6, 'iou_smoke': 0.4, 'step': 1},
        {**train, 'epoch': 2, 'iter': 60, 'step': 60},
        {'iou_dataset': 0.5, 'miou': 0.7, 'iou_smoke': 0.5, 'step': 2},
    ]
    (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))
    curves = read_training(tmp_path)
    assert curves['iou_dataset'] == ([30.0, 60.0], [0.4, 0.5]) and curves['loss'] == ([30.0, 60.0], [1.0, 1.0])
    write_report(tmp_path / 'r.html', summary(0.5), {}, [], training={'seg': curves})
    html = (tmp_path / 'r.html').read_text()
    assert 'Training of seg, figures: iou_dataset, miou"' in html, 'shares, not the accuracy in percent'


def make_row(index, size=(64, 80)):
    """A picture with two maps; scores fall and false alarms rise with the number."""
    rng = np.random.default_rng(index)
    yy, xx = np.mgrid[: size[0], : size[1]]
    maps = [(k + 1, np.exp(-((yy - y) ** 2 + (xx - x) ** 2) / 200.0)) for k, (y, x) in enumerate([(20, 20), (40, 60)])]
    truth = ((maps[0][1] > 0.4) + 2 * (maps[1][1] > 0.3)).astype(np.uint8)
    refined = truth.copy()
    refined[: 2 * index] = 1
    img = rng.integers(0, 255, (*size, 3), np.uint8)
    cam = np.maximum(maps[0][1], maps[1][1])
    score = None if index == 3 else 0.9 - 0.1 * index
    return GalleryRow(
        f'{index} "é".jpg', 'sample', img, cam, truth, refined, None, truth, score, f'/x/cam{index % 2}/{index}.jpg',
        maps, ['smoke', 'fire'],
    )  # fmt: skip


@pytest.fixture
def page(tmp_path):
    rows = [make_row(index) for index in (2, 0, 3, 1, 4)]
    write_report(tmp_path / 'r.html', summary(0.5, ['smoke', 'fire']), {'student': CURVE}, rows)
    with chromium(tmp_path) as driver:
        driver.get((tmp_path / 'r.html').as_uri())
        driver.execute_script("document.getElementById('controls').scrollIntoView()")
        wait_for(lambda: driver.execute_script('return data.rows[0].painted'), 'the first row')
        yield driver
        check_quiet(driver)


def names(driver):
    texts = driver.execute_script("return [...document.querySelectorAll('#gallery h3')].map((n) => n.textContent)")
    return [int(text.split()[0]) for text in texts]


def choose(driver, control, value):
    from selenium.webdriver.support.ui import Select

    Select(driver.find_element('id', control)).select_by_value(value)


def test_orders_and_cameras(page):
    assert names(page) == [2, 0, 3, 1, 4]
    for order, expected in [
        ('worst', [4, 2, 1, 0, 3]),  # what has no score comes last
        ('best', [0, 1, 2, 4, 3]),
        ('alarm', [4, 3, 2, 1, 0]),
        ('name', [0, 1, 2, 3, 4]),
        ('given', [2, 0, 3, 1, 4]),
    ]:
        choose(page, 'sort', order)
        assert names(page) == expected, order
    choose(page, 'camera', 'cam1')
    assert names(page) == [3, 1] and page.find_element('id', 'state').text == '2 of 5 pictures.'


def test_threshold_and_class(page):
    """IoU and shares beside the slider are those of an implementation in PyTorch and NumPy."""
    from selenium.webdriver.common.keys import Keys

    row = make_row(2)
    maps = torch.from_numpy(np.stack([np.round(values * 255) for _, values in row.maps]))[:, None].float()
    full = F.interpolate(maps, row.truth.shape, mode='bilinear')[:, 0].numpy()
    slider = page.find_element('id', 'threshold')
    slider.send_keys(Keys.ARROW_RIGHT * 25)
    for value in ('0', '2'):
        choose(page, 'class', value)
        if value == '0':
            mask = np.where(full.max(0) >= 255 * 0.55, full.argmax(0) + 1, 0)
            wanted = (1, 2)
        else:
            mask, wanted = np.where(full[1] >= 255 * 0.55, 2, 0), (2,)
        pairs = [(mask == k, row.truth == k) for k in wanted]
        iou = np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs])
        caption = page.execute_script("return data.rows[0].captions['map at the threshold'].textContent")
        assert caption == f'map at the threshold, IoU {iou:.3f}'
        label = page.execute_script("return data.rows[0].canvases.cut.getAttribute('aria-label')")
        assert f'fire {100 * (mask == 2).mean():.1f} %' in label and ('smoke' in label) == (value == '0')
    assert page.find_element('id', 'threshold-now').text == '0.55'


def test_masks_are_drawn_over_the_picture(page):
    """The canvas shows the class's colour inside the mask, not outside."""
    script = """
      const row = data.rows[0], canvas = Object.assign(document.createElement('canvas'), { width: 80, height: 64 });
      const context = canvas.getContext('2d', { willReadFrequently: true });
      const at = (x, y) => Array.from(context.getImageData(x, y, 1, 1).data.slice(0, 3));
      context.fillStyle = '#fff'; context.fillRect(0, 0, 80, 64);
      stamp(context, paintMask(row.decoded['ground truth'], 80, 64, data.colours, .5), 80, 64, false);
      return [at(20, 20), at(60, 40), at(2, 60)];
    """
    inside, other, outside = page.execute_script(script)
    assert (
        np.abs(np.subtract(inside, [191, 127, 127])).max() <= 2
        and np.abs(np.subtract(other, [127, 191, 127])).max() <= 2
    )
    assert outside == [255, 255, 255]


@pytest.mark.parametrize('look', [{}, {'dark': True}, {'width': 390, 'height': 844, 'phone': True}])
def test_everybody_can_read_it(tmp_path, look):
    rows = [make_row(index) for index in range(3)]
    training = {'student': {'loss': ([1, 2, 3], [3, 2, 1])}}
    write_report(tmp_path / 'r.html', summary(0.5, ['smoke', 'fire']), {'student': CURVE}, rows, training=training)
    with chromium(tmp_path, **look) as driver:
        driver.get((tmp_path / 'r.html').as_uri())
        assert fits(driver) and contrast_failures(driver) == [] and unnamed_controls(driver) == []
        cut_off = driver.execute_script(
            "return [...document.querySelectorAll('.scroll')].filter((n) => n.scrollWidth > n.clientWidth).length"
        )
        assert cut_off == 0 if look.get('width', 1280) == 1280 else cut_off >= 1  # on a phone the table is scrolled
        check_quiet(driver)


def test_pages_stay_small(tmp_path):
    """Noise is the worst that JPEG can get: smaller pictures first, then fewer."""
    row = make_row(0)
    row.img = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), np.uint8)
    rows = [row] * 6
    sizes = [write_report(tmp_path / 'r.html', summary(0.5, ['smoke', 'fire']), {}, rows, limit_bytes=limit)
             for limit in (10_000_000, 600_000, 90_000)]  # fmt: skip
    assert [(done['picture_side'], done['pictures'] == 6) for done in sizes][0] == (512, True)
    assert sizes[1]['picture_side'] < 512 and sizes[1]['bytes'] <= 600_000 and sizes[1]['pictures'] == 6
    assert sizes[2]['pictures'] < 6 and sizes[2]['bytes'] <= 90_000
    assert f'{6 - sizes[2]["pictures"]} more pictures were left out' in (tmp_path / 'r.html').read_text()
    with pytest.raises(ValueError, match='Expected a report of at most 99 bytes'):
        write_report(tmp_path / 'r.html', summary(0.5), {}, [], limit_bytes=99)


def test_sixty_photographs_stay_below_ten_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    rows = [make_row(index) for index in range(60)]
    for row in rows:  # as rough as a photograph
        row.img = cv2.resize(rng.integers(0, 255, (75, 100, 3), np.uint8), (800, 600), interpolation=cv2.INTER_CUBIC)
    done = write_report(tmp_path / 'r.html', summary(0.5, ['smoke', 'fire']), {}, rows)
    assert done['pictures'] == 60 and done['bytes'] < 10_000_000 and done['picture_side'] >= 128


def test_corrections_are_told(tmp_path):
    told = summary(0.5)
    counts = {'corrected': 12, 'changed': 9, 'changed_share': 0.034, 'rejected': 2, 'unused': 1}
    told['stages']['segmentor'] = {'kind': 'segmentor', 'seconds': 1.0, 'corrections': counts}
    write_report(tmp_path / 'r.html', told, {}, [])
    text = ' '.join((tmp_path / 'r.html').read_text().split())
    assert (
        'segmentor learned from 12 corrected masks, of which 9 were changed, on average 3.4 % of their pixels' in text
    )
    assert '2 images were rejected, 1 corrections are of images that are not trained on' in text


def test_own_confusion_and_images(tmp_path):
    images = [{'img_path': f'{name}/x.jpg', 'score': 0.5, 'false_alarm': 0.1, 'coverage': 0.2} for name in 'ab']
    confusion = {'the segmentor (test)': np.array([[90, 10], [25, 75]])}
    write_report(tmp_path / 'r.html', summary(0.5), {}, [], confusion=confusion, images=images)
    html = (tmp_path / 'r.html').read_text()
    assert 'Confusion of the segmentor (test)' in html and '>75.0<' in html
    assert (
        re.search(r'<th scope="row">b</th><td>1</td><td>0\.500</td>', html) and 'Of the pictures below only' not in html
    )


def test_comparison(tmp_path):
    for index, iou in enumerate((0.2, 0.4)):
        (tmp_path / f'{index}.json').write_text(json.dumps(summary(iou)))
    table = comparison_table([tmp_path / '0.json', tmp_path / '1.json'])
    assert (
        '| student | 2 | 30.0 ± 14.1 |' in table
        and '| pseudo: refined mask (training images) | 2 | 30.0 ± 14.1 |' in table
    )
    assert '| student | 1 | 20.0 |' in comparison_table([tmp_path / '0.json'])
    with pytest.raises(ValueError, match='Expected at least one summary.json'):
        comparison_table([])
