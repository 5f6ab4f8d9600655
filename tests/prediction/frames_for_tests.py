"""A network that anybody can check, and clips and pictures for it."""

import cv2
import numpy as np
from PIL import Image

from mmwsss.datasets.frames import open_frames
from mmwsss.prediction.engine import FramePredictor, PredictSettings
from mmwsss.prediction.network import Prediction, failed
from mmwsss.prediction.outputs import OutputSettings
from mmwsss_lite import EventRule


class BrightIsSmoke:
    """Class 0 where a pixel is bright; the score is how bright. Counts the pictures that it sees."""

    classes = ('smoke', 'nuée')
    model = None

    def __init__(self, stop_after=None, nan_at=()):
        self.seen, self.stop_after, self.nan_at = 0, stop_after, nan_at

    def predict(self, imgs):
        made = []
        for img in imgs:
            if self.stop_after is not None and self.seen >= self.stop_after:
                raise InterruptedError
            grey = img.mean(2)
            label = (grey > 128).astype(np.uint8)
            score = (np.abs(grey - 128) / 256 + 0.5).astype(np.float32)
            made.append(failed('not finite') if self.seen in self.nan_at else Prediction(label, score))
            self.seen += 1
        return made


def picture(number, size=(48, 64), smoke=True):
    """A square that moves and a speck that flickers, on dark ground."""
    img = np.full((*size, 3), 20, np.uint8)
    if smoke:
        x = 4 + number % 30
        img[10:30, x : x + 20] = 220
    if number % 4 == 1:
        img[40:44, 2:6] = 250
    return img


def write_film(path, number=12, fps=10, size=(48, 64), code='MJPG', smoke=lambda number: True):
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, size[::-1])
    assert film.isOpened()
    for index in range(number):
        film.write(picture(index, size, smoke(index)))
    film.release()
    return path


def write_pictures(folder, names, size=(48, 64)):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(number, size)).save(folder / name)
    return folder


def predictor(source, out, network=None, kinds=(), rule=None, **settings):
    options = {key: settings.pop(key) for key in ('camera', 'every', 'start', 'frames', 'seconds') if key in settings}
    outputs = OutputSettings(kinds, rule or EventRule(0.01, 2, 3), tolerance=0)
    identity = {'config_hash': 'a', 'checkpoint_sha256': 'b'}
    return FramePredictor(
        network or BrightIsSmoke(),
        open_frames(source, **options),
        PredictSettings(out, outputs=outputs, **settings),
        identity,
    )


def content(out):
    """Bytes of everything that must not depend on interruptions."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob('*'))
        if path.is_file() and path.name not in ('.lock', 'manifest.jsonl', 'summary.json')
    }
