"""Properties of reading, over trees, label files, names, EXIF blocks, image modes and mask values drawn by hypothesis.

Every picture is read as a viewer shows it or named with a reason; the rows that go in are the items and the reasons
that come out; a second reading gives the same; nothing is written. ``MMWSSS_PROPERTY=10`` tries ten times as many
examples, not the same ones at every call (``make soak`` does).
"""

import csv
import io
import json
import os
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from helpers_of_exif import jpeg_with, orientation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mmwsss.datasets import ImageLabelDataset, ImageListDataset
from mmwsss.datasets.checks import check_data, folder_datasets
from mmwsss.datasets.converters.coco import convert_coco
from mmwsss.datasets.folder_scan import FolderScan
from mmwsss.datasets.masks import parse_mask_values, read_mask
from mmwsss.datasets.metainfo import IGNORE_LABEL
from mmwsss.datasets.pictures import BadPictureError, check_picture, read_header, read_picture
from mmwsss.datasets.spelling import spelling
from mmwsss.datasets.transforms import LoadPicture

TIMES = int(os.environ.get('MMWSSS_PROPERTY', '1'))
pytestmark = pytest.mark.filterwarnings('ignore')


def examples(number: int):
    """Seeded settings of ``number`` examples for the suite; other ones, and more, where they are asked for."""
    return settings(
        max_examples=number * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def folder():
    """An empty folder; what the block finds in it at the end is what it has put there."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield Path(name)


def snapshot(root: Path) -> dict:
    """Every entry below a folder, with its size and time of change."""
    found = {}
    for place, folders, files in os.walk(root):
        for name in [*folders, *files]:
            status = os.lstat(os.path.join(place, name))
            found[os.path.join(place, name)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


# ---------------------------------------------------------------------------------------------------- pictures

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
MODES = {'1': 'png', 'L': 'png', 'P': 'png', 'RGB': 'png', 'RGBA': 'png', 'LA': 'png', 'I;16': 'tif', 'F': 'tif'}


def values_of(mode: str, size: tuple[int, int], seed: int) -> tuple[Image.Image, np.ndarray]:
    """A picture of a mode, and what a viewer shows: float (H, W, 3)."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 256, size).astype(np.uint8)
    grey.flat[0] = 255
    colours = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    alpha = rng.integers(0, 256, size).astype(np.uint8)
    share = alpha[..., None] / 255
    spread = np.repeat(grey[..., None], 3, 2).astype(float)
    if mode == '1':
        return Image.fromarray(grey > 127), np.where(spread > 127, 255, 0)
    if mode == 'P':
        image = Image.fromarray(grey)
        table = rng.integers(0, 256, (256, 3)).astype(np.uint8)
        image.putpalette(table.tobytes())
        return image, table[grey]
    if mode == 'RGB':
        return Image.fromarray(colours), colours
    if mode == 'RGBA':
        return Image.fromarray(np.dstack([colours, alpha])), colours * share + 255 * (1 - share)
    if mode == 'LA':
        return Image.fromarray(np.dstack([grey, alpha])), spread * share + 255 * (1 - share)
    if mode == 'I;16':
        return Image.fromarray(grey.astype(np.uint16) * 257), spread
    if mode == 'F':
        return Image.fromarray(grey.astype(np.float32) / 255), spread
    return Image.fromarray(grey), spread


@examples(80)
@given(st.sampled_from(sorted(MODES)), sizes, st.integers(0, 2**32 - 1), st.integers(0, 9))
def test_every_mode_is_read_as_a_viewer_shows_it(mode, size, seed, turn):
    image, expected = values_of(mode, size, seed)
    exif = Image.Exif()
    exif[0x0112] = turn
    with folder() as root:
        path = root / f'a.{MODES[mode]}'
        image.save(path, **({'exif': exif} if MODES[mode] == 'png' else {}))
        shown = Image.fromarray(np.zeros(size, np.uint8))
        shown.getexif()[0x0112] = turn if MODES[mode] == 'png' else 1
        turned = [np.asarray(_turn(channel, shown)) for channel in np.moveaxis(np.asarray(expected, float), 2, 0)]
        img = read_picture(path)
        assert img.dtype == np.uint8 and np.abs(img - np.stack(turned, 2)).max() <= 1
        assert check_picture(path) is None
        header = read_header(path)
        assert (header.height, header.width) == img.shape[:2]
        assert np.array_equal(LoadPicture()({'img_path': path})['img'][..., ::-1], img)


def _turn(channel: np.ndarray, like: Image.Image) -> Image.Image:
    image = Image.fromarray(channel.astype(np.float32))
    image.getexif()[0x0112] = like.getexif().get(0x0112)
    return ImageOps.exif_transpose(image)


tags = st.tuples(
    st.sampled_from([0x0100, 0x010F, 0x011A, 0x011B, 0x0128, 0x0132, 0x8769, 0x8825, 0xA005, 0x9286, 0x02BC, 0xC4A5]),
    st.integers(0, 20),
    st.sampled_from([0, 1, 2, 3, 8, 1000, 2**31]),
    st.binary(max_size=24),
)


@examples(120)
@given(st.integers(0, 9), st.lists(tags, max_size=5), st.booleans(), st.booleans())
def test_orientation_counts_whatever_else_the_exif_block_holds(turn, entries, jfif, first):
    image = Image.new('RGB', (40, 24), 'black')
    image.paste('white', (0, 0, 20, 12))  # white at the upper left
    block = [orientation(turn), *entries] if first else [*entries, orientation(turn)]
    with folder() as root:
        path = root / 'a.jpg'
        path.write_bytes(jpeg_with(image, block, jfif))
        img = read_picture(path)
        corner = {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
        assert img.shape == ((40, 24, 3) if turn in (5, 6, 7, 8) else (24, 40, 3))
        row, column = corner.get(turn, (0, 0))
        assert img[-row * 3 + 1 * (not row), -column * 3 + 1 * (not column)].mean() > 200
        assert check_picture(path) is None
        assert (read_header(path).height, read_header(path).width) == img.shape[:2]


@examples(250)
@given(
    st.sampled_from(['JPEG', 'PNG', 'TIFF', 'BMP', 'GIF', 'WEBP', 'PPM', 'TGA', 'JPEG2000', 'ICO']),
    st.integers(0, 2**16),
    st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6),
)
def test_spoilt_files_are_read_or_named(kind, seed, spoils):
    image, _ = values_of('RGB', (16, 16), seed)
    buffer = io.BytesIO()
    image.save(buffer, kind)
    data = bytearray(buffer.getvalue())
    for what, where, more in spoils:
        at = int(where * len(data))
        if what == 0:
            data = data[:at]
        elif what == 1:
            data[at:at] = more
        elif what == 2:
            del data[at : at + len(more)]
        else:
            data[at : at + len(more)] = more
    with folder() as root:
        path = root / 'a.jpg'
        path.write_bytes(data)
        try:
            img = read_picture(path)
            assert img.dtype == np.uint8 and img.ndim == 3 and img.shape[2] == 3
            assert np.array_equal(read_picture(path), img)
            assert check_picture(path) is None or kind in ('JPEG', 'PNG', 'WEBP', 'BMP')
        except BadPictureError as error:
            assert 'a.jpg' in str(error) and '\n' not in str(error)
            with pytest.raises(BadPictureError):
                read_picture(path)
        reason = check_picture(path)
        assert reason is None or 'a.jpg' in reason


# ------------------------------------------------------------------------------------------------- trees and names

letters = st.characters(exclude_characters='/\0', exclude_categories=('Cs',))
plain_names = st.text(letters, min_size=1, max_size=8).filter(lambda name: name not in ('.', '..'))
names = st.one_of(
    plain_names,
    st.sampled_from(
        ['.hidden', '._x', '@eaDir', '__MACOSX', '.ipynb_checkpoints', 'masks', 'smoke', 'Smoke', 'no smoke']
    ),
    st.sampled_from(
        ['x' * 120, 'ü' * 60, os.fsdecode(b'\xff\xfe'), 'train', 'a,b', 'q"', 'line\nbreak', ' blank ', '-']
    ),
)
suffixes = st.sampled_from(['.jpg', '.JPG', '.png', '.pgm', '.jfif', '.txt', '.db', '.nef', '', '.json', '.tif'])
kinds = st.sampled_from(
    ['good', 'good', 'good', 'empty', 'text', 'cut', 'link in', 'link out', 'dangling', 'pipe', 'folder']
)
entries = st.tuples(st.lists(names, max_size=3), names, suffixes, kinds)


def fill(root: Path, outside: Path, tree: list) -> None:
    """A tree of files; what does not fit to what is there already is passed over."""
    good = io.BytesIO()
    Image.new('RGB', (6, 5), 'grey').save(good, 'PNG')
    outside.mkdir()
    (outside / 'x.png').write_bytes(good.getvalue())
    (root / 'first').mkdir(parents=True)
    (root / 'first' / 'x.png').write_bytes(good.getvalue())
    for parents, name, suffix, kind in tree:
        path = root.joinpath(*parents) / (name + suffix)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):
                continue
            if kind == 'folder':
                path.mkdir()
            elif kind == 'pipe':
                os.mkfifo(path)
            elif kind.startswith('link') or kind == 'dangling':
                targets = {'link in': root / 'first/x.png', 'link out': outside / 'x.png', 'dangling': root / 'nowhere'}
                path.symlink_to(targets[kind])
            else:
                data = {'good': good.getvalue(), 'empty': b'', 'text': b'hello', 'cut': good.getvalue()[:-20]}
                path.write_bytes(data[kind])
        except OSError:  # a name that is too long, or a file where a folder should be
            continue


@examples(30)
@given(st.lists(entries, max_size=12), st.booleans())
def test_every_file_of_a_tree_is_read_or_named_or_left_out(tree, with_run):
    with folder() as top:
        root = top / 'data'
        fill(root, top / 'elsewhere', tree)
        if with_run:
            (root / 'out').mkdir(exist_ok=True)
            (root / 'out/run.json').write_text('{}')
        before = snapshot(top)
        scan = FolderScan(root)
        found = list(scan)
        counts, left_out = dict(scan.left_out), scan.notes()
        assert list(scan) == found and dict(scan.left_out) == counts and scan.notes() == left_out
        assert len(set(found)) == len(found)
        expected = _expected(root)
        assert (set(found), sum(counts.values())) == expected
        dataset = ImageListDataset(root, ['smoke'])
        assert len(dataset) == len(found)
        read, reasons = 0, 0
        for index in range(len(dataset)):
            info = dataset.get_data_info(index)
            assert os.path.relpath(info['img_path'], root) == found[index]
            try:
                assert LoadPicture()(info)['img'].shape == (5, 6, 3)
                read += 1
            except BadPictureError as error:
                reasons += 1
                assert info['img_path'] in str(error)
        assert read + reasons == len(found)
        _whole_look(root, found, read, reasons)
        assert snapshot(top) == before


def _expected(root: Path) -> tuple[set[str], int]:
    """Images and the number of entries left out, by the rules in words."""
    from mmwsss.datasets.pictures import SUFFIXES

    images, left_out = set(), 0

    def walk(place: Path) -> None:
        nonlocal left_out
        entries = sorted(os.listdir(place))
        own = not {'run.json', '.mmwsss', 'last_checkpoint'}.isdisjoint(entries)
        if own and place != root:
            left_out += 1
            return
        for name in entries:
            path = place / name
            hidden = name.startswith('.') or name in ('@eaDir', '__MACOSX') or (own and name in ('masks', 'cams'))
            if hidden or (path.is_symlink() and path.is_dir()):
                left_out += 1
            elif path.is_dir():
                walk(path)
            elif path.suffix.lower() in SUFFIXES and name != path.suffix and (path.is_symlink() or path.is_file()):
                images.add(os.path.relpath(path, root))
            else:
                left_out += 1

    walk(root)
    return images, left_out


def _whole_look(root: Path, found: list[str], read: int, reasons: int) -> None:
    """Class folders, where they are some: the same pictures, the same reasons."""
    report = check_data(folder_datasets(root, negative_classes=['no smoke']), silent=True)
    text = str(report)
    json.dumps(report.to_dict())
    text.encode('utf-8', 'backslashreplace')
    if not report.splits:
        assert len(report.problems) == 1 and str(root) in report.problems[0]
        return
    split = report.splits['train']
    assert split.images == len(found) and split.unreadable == reasons and sum(split.kinds.values()) == read + reasons
    try:
        ImageLabelDataset(data_root=str(root), data_prefix='', negative_classes=['no smoke'])
        assert report.ok
    except ValueError as error:
        assert not report.ok and str(root) in str(error)


# ---------------------------------------------------------------------------------------------------- label files

files = ['a.jpg', 'b c.jpg', 'sub/ü.png', 'sub/d,e.jpg', './a.jpg', 'sub/../a.jpg', 'gone.jpg', '../out.jpg']
words = st.sampled_from(['smoke', 'Smoke', 'SMOKE ', 'fire', 'Fire-', 'dark smoke', 'dark_smoke', 'none', 'NONE'])
rows = st.lists(st.tuples(st.sampled_from(files), st.lists(words, max_size=3)), min_size=1, max_size=8)
forms = st.tuples(
    st.sampled_from(['csv', 'CSV', 'json', 'JSON']), st.booleans(), st.booleans(), st.sampled_from(['\n', '\r\n'])
)


def write_labels(path: Path, table: list, mark: bool, header: bool, end: str) -> None:
    encoding = 'utf-8-sig' if mark else 'utf-8'
    if path.suffix.lower() == '.csv':
        with open(path, 'w', encoding=encoding, newline='') as handle:
            writer = csv.writer(handle, lineterminator=end)
            writer.writerows([['path', 'label']] * header)
            writer.writerows([name, ';'.join(labels)] for name, labels in table)
        return
    classes = sorted({spelling(word): word.strip() for _, labels in table for word in labels}.values()) or ['smoke']
    entries = [{'img_path': name, 'gt_label': list(labels)} for name, labels in table]
    path.write_text(json.dumps({'metainfo': {'classes': classes}, 'data_list': entries}), encoding=encoding)


def joined(table: list) -> dict[str, set[str]] | None:
    """Labels by picture; None where rows contradict, or one names a word twice in a JSON list."""
    found: dict[str, set[str]] = {}
    for name, labels in table:
        wanted = {spelling(word) for word in labels}
        if 'none' in wanted and len(wanted) > 1:
            return None
        wanted -= {'none'}
        key = os.path.normpath(name)
        if key in found and bool(found[key]) != bool(wanted):
            return None
        found.setdefault(key, set()).update(wanted)
    return found


@examples(60)
@given(rows, forms)
def test_rows_are_items_or_reasons(table, form):
    suffix, mark, header, end = form
    with folder() as top:
        for name in files[:4]:
            (top / 'img' / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', (4, 4)).save(top / 'img' / name)
        Image.new('RGB', (4, 4)).save(top / 'out.jpg')
        path = top / f'labels.{suffix}'
        write_labels(path, table, mark, header, end)
        before = snapshot(top)
        expected = joined(table)
        repeats = suffix.lower() == 'json' and any(
            len({spelling(word) for word in labels}) < len(labels) for _, labels in table
        )

        def read():
            return ImageLabelDataset(
                path.name, str(top), 'img', negative_classes='None', test_mode=True, serialize_data=False
            )

        shows = expected is not None and any(expected.values())
        no_names = expected is not None and not shows and suffix.lower() == 'csv'
        only_negative = not shows and any(labels for _, labels in table)
        if expected is None or repeats or no_names or only_negative:
            with pytest.raises(ValueError) as caught:
                read()
            assert path.name in str(caught.value)
            with pytest.raises(ValueError):
                read()
            assert snapshot(top) == before
            return
        dataset = read()
        classes = [spelling(name) for name in dataset.metainfo['classes']]
        items = [dataset.get_data_info(index) for index in range(len(dataset))]
        labels = {
            os.path.normpath(os.path.relpath(item['img_path'], top / 'img')): {classes[k] for k in item['gt_label']}
            for item in items
        }
        assert labels == expected
        again = [item['img_path'] for item in (read().get_data_info(index) for index in range(len(dataset)))]
        assert again == [item['img_path'] for item in items]
        merged = sum(int(note.split()[0]) for note in dataset.notes if 'joined' in note)
        assert len(items) + merged == len(table)
        bad = {'gone.jpg', '../out.jpg'}
        for item, name in ((item, os.path.normpath(os.path.relpath(item['img_path'], top / 'img'))) for item in items):
            try:
                LoadPicture()(item)
                assert name not in bad
            except BadPictureError as error:
                assert name in bad and os.path.basename(name) in str(error)
        assert snapshot(top) == before


# -------------------------------------------------------------------------------------------------------- masks


@examples(120)
@given(
    st.lists(st.sampled_from([0, 1, 2, 3, 100, 128, 254, 255]), min_size=1, max_size=5),
    st.dictionaries(st.sampled_from([0, 1, 2, 100, 128, 255]), st.sampled_from([0, 1, 2, IGNORE_LABEL]), max_size=4),
    st.sampled_from(['error', 'ignore', None]),
    st.sampled_from(['L', 'P', 'RGB', 'I;16']),
)
def test_masks_are_read_by_their_values_or_named(values, mapping, other, mode):
    raw = np.array([values], np.uint8)
    given_values = None if other is None else {**mapping, 'other': other}
    with folder() as root:
        image = Image.fromarray(
            np.dstack([raw] * 3) if mode == 'RGB' else raw.astype(np.uint16) if mode == 'I;16' else raw
        )
        if mode == 'P':
            image.putpalette(bytes(range(256)) * 3)
        image.save(root / 'm.png')
        known = {0: 0, 1: 1, 2: 2, 255: 255} if other is None else {0: 0, **mapping}
        expected = [known.get(value, IGNORE_LABEL if other == 'ignore' else None) for value in values]
        parsed = parse_mask_values(given_values, 2)
        if None in expected:
            with pytest.raises(BadPictureError, match=r'm\.png'):
                read_mask(root / 'm.png', parsed, 2)
        else:
            assert read_mask(root / 'm.png', parsed, 2).tolist() == [expected]


# --------------------------------------------------------------------------------------------------------- COCO

numbers = st.one_of(st.integers(-2, 9), st.none(), st.text(max_size=2), st.floats())
corners = st.one_of(st.floats(-50, 50), st.integers(0, 30), st.floats(), st.integers())
segmentations = st.one_of(
    st.none(),
    st.just([]),
    st.lists(st.lists(st.one_of(st.floats(-50, 50), st.integers(0, 30)), max_size=10), max_size=2),
    st.lists(st.lists(corners, max_size=10), max_size=2),
    st.fixed_dictionaries(
        {
            'counts': st.one_of(st.text(max_size=6), st.lists(st.integers(-1, 200), max_size=4)),
            'size': st.sampled_from([[12, 16], [12, 16], [16, 12], [10**9, 10**9], None]),
        }
    ),
    st.text(max_size=3),
)
annotations = st.fixed_dictionaries(
    {
        'id': st.integers(0, 9),
        'image_id': st.sampled_from([0, 1, 2, 7, None, 'x']),
        'category_id': st.sampled_from([1, 2, 9]),
    },
    optional={
        'segmentation': segmentations,
        'area': numbers,
        'bbox': st.one_of(st.none(), st.lists(numbers, max_size=5)),
    },
)


@examples(40)
@given(st.lists(annotations, max_size=8))
def test_coco_files_give_labels_and_masks_or_counts(entries):
    pictures = [f'cam{n % 2}/0{".jpg" if n < 2 else ".png"}' for n in range(3)]
    with folder() as root:
        for name in pictures:
            (root / 'set' / name).parent.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', (16, 12)).save(root / 'set' / name)
        (root / 'annotations').mkdir()
        content = {
            'images': [{'id': n, 'file_name': name} for n, name in enumerate(pictures)],
            'categories': [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'b'}],
            'annotations': entries,
        }
        (root / 'annotations/instances_set.json').write_text(json.dumps(content))
        before = snapshot(root)
        found = convert_coco(root, root / 'out', 'set')
        written = json.loads((root / 'out/annotations/set.json').read_text())['data_list'] if found['images'] else []
        lost = found['left_out'].get('images whose annotations are all of a category that is not listed', {'count': 0})
        assert len(written) + lost['count'] == 3
        known = {
            (e['image_id'], e['category_id']) for e in entries if e['image_id'] in (0, 1, 2) and e['category_id'] != 9
        }
        for item in written:
            number = pictures.index(item['img_path'])
            assert item['gt_label'] == sorted(category - 1 for image, category in known if image == number)
        masks = sorted((root / 'out/ann_dir').rglob('*.png')) if written else []
        assert len(masks) == len(written)
        assert all(set(np.unique(read_mask(path, None, 2))) <= {0, 1, 2, IGNORE_LABEL} for path in masks)
        after = {path: state for path, state in snapshot(root).items() if not path.startswith(f'{root}/out')}
        assert after == before
