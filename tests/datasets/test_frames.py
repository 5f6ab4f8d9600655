"""Where frames come from: pictures, lists, films, cameras, and what is none of them."""

import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest
from PIL import Image

from mmwsss.datasets.films import FilmSource
from mmwsss.datasets.frames import PictureSource, open_frames
from mmwsss.datasets.live_camera import CameraSource
from mmwsss.utils.errors import MissingFileError

EVERY = lambda index: True  # noqa: E731


def write_film(path, number=10, fps=10):
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), fps, (32, 24))
    for index in range(number):
        film.write(np.full((24, 32, 3), 20 * index, np.uint8))
    film.release()
    return path


def write_picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((24, 32, 3), 90, np.uint8)).save(path)
    return path


def test_pictures_keep_folders_and_times(tmp_path):
    for name in ('north/20240731_140509.png', 'south/b.png', 'c.png'):
        write_picture(tmp_path / name)
    source = open_frames(tmp_path)
    frames = list(source.frames(EVERY))
    assert source.kind == 'pictures' and source.end == 3
    assert [(frame.camera, frame.source, frame.mask_name) for frame in frames] == [
        ('', 'c.png', 'c.png'),
        ('north', 'north/20240731_140509.png', 'north/20240731_140509.png'),
        ('south', 'south/b.png', 'south/b.png'),
    ]
    assert frames[1].time == datetime(2024, 7, 31, 14, 5, 9, tzinfo=timezone.utc) and frames[0].time is None
    assert frames[0].img.shape == (24, 32, 3)
    assert [frame.camera for frame in open_frames(tmp_path, camera='hill').frames(EVERY)] == ['hill'] * 3
    assert all(frame.img is None and frame.reason is None for frame in source.frames(lambda index: False))


def test_a_list_and_a_single_picture(tmp_path):
    write_picture(tmp_path / 'été' / 'a b.png')
    (tmp_path / 'list').write_text('été/a b.png\nété/gone.png\n', encoding='utf-8')  # a list by its content
    frames = list(open_frames(tmp_path / 'list').frames(EVERY))
    assert frames[0].img is not None and 'there is no such file' in frames[1].reason
    (frame,) = open_frames(tmp_path / 'été' / 'a b.png').frames(EVERY)
    assert frame.img is not None


def test_pictures_of_a_list_lie_in_another_folder(tmp_path):
    path = write_picture(tmp_path / 'photos' / 'north' / 'a.png')
    (tmp_path / 'lists').mkdir()
    (tmp_path / 'lists' / 'list.txt').write_text(f'{path}\nnorth/a.png\n')
    refused = [frame.reason for frame in open_frames(tmp_path / 'lists' / 'list.txt').frames(EVERY)]
    assert 'lies outside the image folder' in refused[0]
    source = open_frames(tmp_path / 'lists' / 'list.txt', image_root=tmp_path / 'photos')
    assert [(frame.camera, frame.reason, frame.img is None) for frame in source.frames(EVERY)] == [
        ('north', None, False)
    ] * 2
    with pytest.raises(ValueError, match='Expected --image-root for a list of pictures alone, but .*photos is none'):
        open_frames(tmp_path / 'photos', image_root=tmp_path)


def test_a_films_times_are_those_of_its_frames(tmp_path):
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    source = open_frames(write_film(tmp_path / 'f.avi').rename(tmp_path / 'film'), start=start)  # known by its content
    assert isinstance(source, FilmSource) and source.total == 10 and source.fps == 10
    frames = list(source.frames(lambda index: index == 7))
    assert [frame.time_s for frame in frames] == pytest.approx([number / 10 for number in range(10)])
    assert frames[5].time.isoformat() == '2024-01-01T00:00:00.500000+00:00'
    assert [frame.index for frame in frames if frame.img is not None] == [7]
    assert abs(int(frames[7].img.mean()) - 140) < 5
    thin = open_frames(tmp_path / 'film', every=0.25)
    assert [frame.number for frame in thin.frames(EVERY)] == [0, 3, 5, 8] and thin.fps == 4


class _Stream(BaseHTTPRequestHandler):
    """Five pictures as motion JPEG, then the end of the stream."""

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=part')
        self.end_headers()
        for number in range(5):
            _, code = cv2.imencode('.jpg', np.full((24, 32, 3), 40 * number, np.uint8))
            head = f'--part\r\nContent-Type: image/jpeg\r\nContent-Length: {len(code)}\r\n\r\n'
            self.wfile.write(head.encode() + code.tobytes() + b'\r\n')
            self.wfile.flush()

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    server = ThreadingHTTPServer(('127.0.0.1', 0), _Stream)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f'http://user:secret@127.0.0.1:{server.server_port}/stream.mjpg'
    server.shutdown()
    server.server_close()


def test_a_camera(address):
    """A stream that ends is sought again; its end is a broken frame; the password is shown nowhere."""
    source = open_frames(address, frames=4)
    assert isinstance(source, CameraSource) and source.kind == 'camera' and source.end is None
    source.retries = 1
    frames = list(source.frames(EVERY, first=7))
    assert len(frames) <= 4 and frames[0].index == 7 and frames[0].img.shape == (24, 32, 3)
    assert [frame.index for frame in frames] == list(range(7, 7 + len(frames)))
    shown = address.replace('user:secret@', '')
    assert all((frame.reason is None) == (frame.img is not None) for frame in frames)
    assert {frame.reason for frame in frames} <= {None, f'The connection to {shown} was lost.'}
    assert all('secret' not in f'{frame.img_path}{frame.mask_name}{frame.camera}{frame.source}' for frame in frames)
    assert 'secret' not in str(source.identity())
    now = datetime.now(timezone.utc)
    assert abs((now - frames[0].time).total_seconds()) < 100


def test_what_is_none_of_them(tmp_path):
    film, picture = write_film(tmp_path / 'f.avi'), write_picture(tmp_path / 'p.png')
    (tmp_path / 'junk').write_bytes(b'\0' * 99)
    (tmp_path / 'empty').write_bytes(b'')
    for arguments, message in [
        ((tmp_path / 'junk',), 'a film that OpenCV reads in .*junk, but it is none of'),
        ((tmp_path / 'empty',), 'Expected at least one image in .*empty'),
        ((picture, None, 2.0), 'Expected --every for a film alone, but .*p.png is none'),
        ((film, None, -1.0), 'Expected seconds > 0 between two frames .* but got -1.0'),
        ((film, None, None, None, 5), 'Expected --max-frames for a camera alone'),
        (('http://127.0.0.1:9/none',), 'Expected a camera that OpenCV opens at http://127.0.0.1:9/none'),
        (('rtsp://a:b@127.0.0.1:9/none',), 'opens at rtsp://127.0.0.1:9/none, but it does not answer'),
        (('rtsp://127.0.0.1:9/none', None, None, datetime.now()), 'Expected no --start for a camera'),
    ]:
        with pytest.raises(ValueError, match=message):
            open_frames(*arguments)
    with pytest.raises(MissingFileError, match='or the address of a camera in .*gone'):
        open_frames(tmp_path / 'gone')
    with pytest.raises(ValueError, match='Expected at least one image'):
        PictureSource(tmp_path / 'empty')
