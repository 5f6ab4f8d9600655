"""The review page in Chromium: real strokes, clicks and keys, and what the import makes of its download."""

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from browser import check_quiet, chromium, contrast_failures, fits, unnamed_controls, wait_for
from conftest import write_masks
from PIL import Image

from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.exports import MaskFolder, import_masks
from mmwsss.structures import Manifest
from mmwsss.visualization.kept_maps import doubt, read_maps
from mmwsss.visualization.review import write_review

CLASSES = ['smoke', 'fire']
SIZE = (96, 128)


def peak(y, x, spread):
    yy, xx = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.exp(-(((yy - y) ** 2 + (xx - x) ** 2) / spread**2)).astype(np.float32)


def keep_maps(folder, name, maps):
    path = folder / 'cams' / f'{name}.npz'
    path.parent.mkdir(exist_ok=True)
    classes = np.array(sorted(maps))
    rows = np.stack([maps[k] for k in classes]).astype(np.float16)
    np.savez_compressed(path, cam=rows, raw_max=np.ones(len(classes), np.float32), classes=classes)


@pytest.fixture
def folder(tmp_path):
    first = np.zeros(SIZE, np.uint8)
    first[10:30, 20:60] = 1
    first[50:60, 70:90] = IGNORE_LABEL
    masks = {'été/fumée 1.jpg': first, 'b.jpg': np.zeros((40, 30), np.uint8), 'c.png': np.full((20, 50), 2, np.uint8)}
    folder = write_masks(tmp_path, masks, CLASSES)
    (folder / 'cams' / 'été').mkdir(parents=True)
    keep_maps(folder, 'été/fumée 1', {0: peak(30, 40, 25), 1: peak(60, 90, 20)})
    return folder


class Page:
    """The page as a person has it before them."""

    def __init__(self, driver, path):
        self.driver, self.path = driver, path
        self.load()

    def load(self):
        self.driver.get(self.path.as_uri())
        self.ready()

    def find(self, name):
        return self.driver.find_element('id', name)

    def ready(self):
        wait_for(lambda: self.find('about').text, 'the page')

    def click(self, name):
        self.find(name).click()

    def keys(self, text, target=None):
        from selenium.webdriver.common.action_chains import ActionChains

        if target is not None:
            self.driver.execute_script(f"document.getElementById('{target}').focus()")
        ActionChains(self.driver, duration=0).send_keys(text).perform()

    def stroke(self, *points):
        """Press at the first point (x, y in pixels of the mask), drag over the others, let go."""
        from selenium.webdriver.common.action_chains import ActionChains

        canvas = self.find('canvas')
        width, height = self.driver.execute_script(
            'const i = data.images[index]; return [i.width, i.height]',
        )
        box = canvas.rect
        chain = ActionChains(self.driver, duration=20)
        for number, (x, y) in enumerate(points):
            dx, dy = x / width * box['width'] - box['width'] / 2, y / height * box['height'] - box['height'] / 2
            chain.move_to_element_with_offset(canvas, round(dx), round(dy))
            if number == 0:
                chain.click_and_hold()
        chain.release().perform()

    def name(self):
        return self.driver.execute_script('return open.image.name')

    def go_to(self, name):
        from selenium.webdriver.support.ui import Select

        choice = Select(self.find('image'))
        index = next(i for i, option in enumerate(choice.options) if name in option.text)
        choice.select_by_index(index)
        wait_for(lambda: self.name() == name, name)

    def mask(self):
        runs = self.driver.execute_script('return encodeRuns(open.mask)')
        height, width = self.driver.execute_script('return [open.image.height, open.image.width]')
        return np.repeat(np.array(runs[::2], np.uint8), runs[1::2]).reshape(height, width)

    def set_diameter(self, value):
        from selenium.webdriver.common.keys import Keys

        now = int(self.find('diameter').get_attribute('value'))
        self.keys((Keys.ARROW_RIGHT if value > now else Keys.ARROW_LEFT) * abs(value - now), 'diameter')
        assert self.find('diameter').get_attribute('value') == str(value)


@pytest.fixture
def page(folder, tmp_path):
    write_review(folder, tmp_path / 'review.html', order='manifest')
    downloads = tmp_path / 'downloads'
    downloads.mkdir()
    with chromium(downloads) as driver:
        page = Page(driver, tmp_path / 'review.html')
        page.downloads = downloads
        yield page
        check_quiet(driver)


def downloaded(page):
    page.click('download')
    path = page.downloads / 'corrections.json'
    return wait_for(lambda: path.exists() and path, 'the download')


def near(shape, points, radius):
    """Pixels whose centres lie within a radius of a line of points."""
    import cv2

    canvas = np.zeros((shape[0] * 8, shape[1] * 8), np.uint8)
    line = (np.array(points, float) * 8).astype(int)
    cv2.polylines(canvas, [line], False, 1, thickness=1)
    distance = cv2.distanceTransform(1 - canvas, cv2.DIST_L2, 5)[4::8, 4::8] / 8
    return distance <= radius


def test_strokes_verdicts_and_the_way_back(page, folder, tmp_path):
    before = {item.name: item.mask() for item in MaskFolder(folder).items}
    first = 'été/fumée 1.jpg'
    assert page.name() == first and (page.mask() == before[first]).all()
    page.set_diameter(9)
    points = [(70, 20), (100, 20), (100, 40)]
    page.stroke(*points)
    painted = page.mask()
    # a stroke paints the chosen class: all within its radius (a pixel less for rounding), nothing beyond it
    assert (painted[near(SIZE, points, 3.2)] == 1).all()
    outside = ~near(SIZE, points, 5.8)
    assert (painted[outside] == before[first][outside]).all()
    page.click('eraser')
    hole = [(30, 20), (40, 20)]
    page.stroke(*hole)
    assert (page.mask()[near(SIZE, hole, 3.2)] == 0).all() and page.mask()[12, 22] == 1
    page.keys('z')
    assert (page.mask() == painted).all()
    page.keys('zz')
    assert (page.mask() == before[first]).all() and not page.find('undo').is_enabled()
    page.keys('y')
    assert (page.mask() == painted).all()
    page.click('accept')
    wait_for(lambda: page.name() == 'b.jpg', 'the next image')
    assert page.find('counts').text == '1 of 3 judged'
    page.keys('w')
    wait_for(lambda: page.name() == 'c.png', 'the next image')
    page.load()  # work is kept, and the page opens at the first image that is not judged
    wait_for(lambda: page.name() == 'c.png', 'the image left to do')
    assert page.find('counts').text == '2 of 3 judged'
    page.go_to(first)
    assert (page.mask() == painted).all() and page.find('accept').get_attribute('aria-pressed') == 'true'
    content = json.loads(downloaded(page).read_text())
    assert [row['verdict'] for row in content['images']] == ['accept', 'wrong_label']
    counts = import_masks(page.downloads / 'corrections.json', folder, tmp_path / 'corrected', 'review')
    assert counts == {'corrected': 1, 'changed': 1, 'rejected': 1, 'untouched': 1}
    (item,) = MaskFolder(tmp_path / 'corrected').items
    np.testing.assert_array_equal(item.mask(), painted)
    rejected = [r for r in Manifest(tmp_path / 'corrected' / 'manifest.jsonl') if r.status == 'rejected']
    assert [(r.reason, r.provenance['verdict']) for r in rejected] == [('wrong label', 'wrong_label')]


def test_threshold_of_the_raw_maps(page, folder):
    """The page's mask is what PyTorch gives for the same maps, in the page's 255 steps."""
    from selenium.webdriver.common.keys import Keys

    folder = MaskFolder(folder)
    maps = [(value, np.round(row * 255)) for value, row in read_maps(folder, folder.items[0])]
    before = folder.items[0].mask()
    for presses, threshold in ((12, 0.42), (30, 0.72)):
        page.keys(Keys.ARROW_RIGHT * presses, 'threshold')
        assert page.find('threshold-now').text == f'{threshold:.2f}'
        stretched = [F.interpolate(torch.from_numpy(row)[None, None], SIZE, mode='bilinear')[0, 0] for _, row in maps]
        highest, which = torch.stack(stretched).max(0)
        expected = np.where(highest >= 255 * threshold, np.array([value for value, _ in maps])[which], 0)
        assert (expected == 1).sum() > 0 and (expected == 2).sum() > 0
        assert (page.mask() == before).all()  # so far it is only shown
        assert f'At this threshold: smoke {100 * (expected == 1).mean():.1f} %' in page.find('about').text
        page.click('use-threshold')
        np.testing.assert_array_equal(page.mask(), expected)
        page.click('undo')
        assert (page.mask() == before).all()
    page.go_to('b.jpg')
    assert page.find('no-maps').is_displayed() and not page.find('threshold').is_enabled()


def test_small_maps_are_stretched_as_pytorch_does(page):
    script = 'return Array.from(stretch({width: 3, height: 2, values: [0, 100, 200, 255, 50, 10]}, 7, 5))'
    small = torch.tensor([[0.0, 100, 200], [255, 50, 10]])[None, None]
    expected = F.interpolate(small, (5, 7), mode='bilinear', align_corners=False).flatten()
    np.testing.assert_allclose(page.driver.execute_script(script), expected, atol=1e-4)


def test_keyboard_alone(page):
    from selenium.webdriver.common.keys import Keys

    page.go_to('c.png')
    page.set_diameter(3)
    page.keys('e')
    page.keys(Keys.ARROW_LEFT * 2 + ' ', 'canvas')  # the cross starts in the middle, (25, 10), and moves by two pixels
    mask = page.mask()
    assert np.argwhere(mask == 0).mean(0).tolist() == [10, 21] and 5 <= (mask == 0).sum() <= 9
    page.keys('r')
    wait_for(lambda: page.name() == 'été/fumée 1.jpg', 'the first image')
    assert 'painted' in page.driver.execute_script("return document.getElementById('image').options[2].textContent")
    page.keys('p', 'accept')
    wait_for(lambda: page.name() == 'c.png', 'the image before')
    page.keys('rz')  # taken back, and that undone
    assert page.find('reject').get_attribute('aria-pressed') == 'true'
    reached = set()
    for _ in range(40):
        page.keys(Keys.TAB)
        reached.add(page.driver.execute_script('return document.activeElement.id'))
    wanted = {'previous', 'image', 'next', 'canvas', 'accept', 'reject', 'wrong_label', 'brush', 'eraser', 'undo'}
    wanted |= {'class', 'diameter', 'original', 'show-mask', 'zoom-in', 'opacity', 'download', 'clear'}
    assert wanted <= reached


def test_start_over_and_nothing_to_download(page):
    page.click('download')
    assert page.find('message').text.startswith('Nothing is judged yet')
    page.keys('a')
    wait_for(lambda: page.find('counts').text == '1 of 3 judged', 'a verdict')
    page.click('clear')
    page.driver.switch_to.alert.accept()
    wait_for(lambda: page.find('counts').text == '0 of 3 judged', 'a new start')
    assert not page.find('undo').is_enabled()


def test_finger(folder, tmp_path):
    """Touch on a phone paints; the page does not scroll under it."""
    write_review(folder, tmp_path / 'review.html', order='manifest')
    with chromium(tmp_path, width=390, height=844, phone=True) as driver:
        driver.execute_cdp_cmd('Emulation.setTouchEmulationEnabled', {'enabled': True})
        page = Page(driver, tmp_path / 'review.html')
        before = page.mask()
        box = driver.execute_script(
            "const b = $('canvas').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]"
        )
        points = [(90, 20), (90, 50), (110, 50)]
        for number, (x, y) in enumerate(points):
            at = {'x': box[0] + x / SIZE[1] * box[2], 'y': box[1] + y / SIZE[0] * box[3]}
            kind = 'touchMove' if number else 'touchStart'
            driver.execute_cdp_cmd('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': [at]})
        driver.execute_cdp_cmd('Input.dispatchTouchEvent', {'type': 'touchEnd', 'touchPoints': []})
        wait_for(lambda: page.find('undo').is_enabled(), 'the stroke')
        painted = page.mask()
        assert (painted[near(SIZE, points, 6)] == 1).all()
        outside = ~near(SIZE, points, 9)
        assert (painted[outside] == before[outside]).all() and driver.execute_script('return scrollY') == 0


def test_a_full_store_is_said(page):
    page.driver.execute_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
    )
    page.keys('w')
    wait_for(lambda: page.find('counts').text == '1 of 3 judged', 'a verdict')
    page.go_to('c.png')
    page.keys('e')
    page.stroke((10, 10), (20, 10))
    assert page.find('message').text.startswith('The browser cannot keep more.')


@pytest.mark.parametrize('look', [{}, {'dark': True}, {'width': 390, 'height': 844, 'phone': True}])
def test_everybody_can_use_it(folder, tmp_path, look):
    write_review(folder, tmp_path / 'review.html')
    with chromium(tmp_path, **look) as driver:
        Page(driver, tmp_path / 'review.html')
        assert fits(driver)
        assert contrast_failures(driver) == [] and unnamed_controls(driver) == []
        check_quiet(driver)


def test_no_text_of_the_data_becomes_markup(tmp_path):
    folder = write_masks(tmp_path, {'x <script>alert(1)<!--.jpg': np.ones((4, 4), np.uint8)}, ['</script><b>'])
    write_review(folder, tmp_path / 'r.html')
    html = (tmp_path / 'r.html').read_text()
    assert html.count('</script>') == 2 and '<b>' not in html and 'x <script>' not in html
    assert "default-src 'none'" in html and 'http' not in html.replace('http-equiv', '')


def _names(page):
    text = page.read_text().partition('<script type="application/json"')[2].partition('>')[2].partition('</script>')[0]
    return [image['name'] for image in json.loads(text)['images']]


def test_order_limit_and_errors(folder, tmp_path):
    maps = [(1, np.array([[0.0, 0.3, 0.9, 0.21]]))]
    assert doubt(maps, 0.3) == 2 / 3 and doubt([], 0.3) is None and doubt([(1, np.zeros((2, 2)))], 0.3) == 1
    assert doubt([(1, np.array([[0.7, 0.9, 0.95, 1.0]]))], 0.88) == 1 / 3  # above a high threshold there is little room
    done = write_review(folder, tmp_path / 'r.html', limit=2, positives_only=True)
    assert (done['images'], done['available'], done['with_maps']) == (2, 2, 1)
    assert done['bytes'] == (tmp_path / 'r.html').stat().st_size
    keep_maps(folder, 'b', {0: np.ones((40, 30), np.float32)})  # its mask is empty: nothing looks worse
    for order, first in [('dice', 'b.jpg'), ('doubt', 'été/fumée 1.jpg'), ('manifest', 'été/fumée 1.jpg')]:
        write_review(folder, tmp_path / 'r.html', order=order)
        assert _names(tmp_path / 'r.html')[0] == first
    for arguments, message in [
        ({'limit': 0}, 'Expected limit >= 1, but got 0'),
        ({'order': 'size'}, "Expected an order of .*, but got 'size'"),
        ({'threshold': 2}, r'Expected threshold in \[0, 1\], but got 2'),
    ]:
        with pytest.raises(ValueError, match=message):
            write_review(folder, tmp_path / 'r.html', **arguments)
    (folder / 'cams' / 'été' / 'fumée 1.npz').write_bytes(b'x')
    with pytest.raises(ValueError, match='Expected kept maps'):
        write_review(folder, tmp_path / 'r.html')
    (folder / 'cams' / 'été' / 'fumée 1.npz').unlink()
    item = MaskFolder(folder).items[1]
    Image.new('RGB', (5, 5)).save(item.img_path)
    with pytest.raises(ValueError, match=r'Expected a picture of \(40, 30\) \(H, W\) in .*b.jpg, but got \(5, 5\)'):
        write_review(folder, tmp_path / 'r.html')


def test_maps_of_an_older_run(folder):
    """Files that hold a map for each class of the run."""
    np.savez(folder / 'cams' / 'c.npz', cam=np.stack([np.zeros((2, 2)), np.ones((2, 2))]), raw_max=[0, 1], labels=[1])
    folder = MaskFolder(folder)
    ((value, row),) = read_maps(folder, folder.items[2])
    assert value == 2 and row.min() == 1
