"""Masks of frames of any number: resumable, atomic, with a record of every frame that failed, in bounded memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from mmwsss.datasets.cameras import CameraMasks
from mmwsss.datasets.frame import Frame, FrameSource
from mmwsss.datasets.masks import read_mask
from mmwsss.datasets.metainfo import IGNORE_LABEL, palette
from mmwsss.exports.mask_folder import write_mask
from mmwsss.prediction.network import Network, Prediction
from mmwsss.prediction.outputs import Outputs, OutputSettings
from mmwsss.prediction.records import FrameRecords
from mmwsss.prediction.temporal import TemporalMedian
from mmwsss.structures import CamFile, ManifestRecord
from mmwsss.structures.output_folder import open_output
from mmwsss.utils.errors import InputError
from mmwsss.utils.files import file_sha256, read_json, write_json
from mmwsss.utils.progress import Progress
from mmwsss_lite import Event, class_figures, iso_time

_LEAST_SCORE = 0.05  # of a class whose scores are kept, where no pixel of the mask has it
_FPS = 10.0  # of a film of pictures, or of a camera that does not say

Item = tuple[Frame, Prediction | None]


@dataclass(frozen=True)
class PredictSettings:
    """How frames become masks.

    Attributes:
        out_dir: Output folder.
        median: Number of frames of the median over time; 1 for none.
        batch_size: Frames that go through the network together; always the same ones, so that a mask does not depend
            on interruptions.
        cameras: What of each camera's view is left out.
        outputs: What is written beside the masks.

    Raises:
        ValueError: If a value is out of its range.
    """

    out_dir: str | Path
    median: int = 1
    batch_size: int = 1
    cameras: CameraMasks | None = None
    outputs: OutputSettings = field(default_factory=OutputSettings)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise InputError(f'Expected batch_size >= 1, but got {self.batch_size}.')
        TemporalMedian(self.median)


class FramePredictor:
    """Make the masks of frames, or what is missing of them.

    ``run.json`` says what the folder is, ``manifest.jsonl`` what became of each frame, ``masks/`` holds indexed PNGs,
    ``area.csv`` and ``events.csv`` what was seen when, ``summary.json`` the counts and seconds. The layout is that of
    ``make_pseudo``, so that the exports and the review take it.

    Args:
        network: Gives the labels.
        source: Gives the frames.
        settings: See :class:`PredictSettings`.
        identity: What makes two runs the same, beside the classes: ``config_hash`` and ``checkpoint_sha256``.
    """

    def __init__(
        self, network: Network, source: FrameSource, settings: PredictSettings, identity: dict[str, Any]
    ) -> None:
        self.network, self.source, self.settings, self.identity = network, source, settings, identity
        self.out_dir = Path(settings.out_dir)
        self.steady = TemporalMedian[Item](settings.median)
        self._seconds = dict.fromkeys(('load', 'predict', 'write'), 0.0)
        self._seen_cameras: set[str] = set()

    def run(self, on_event: Callable[[Event], None] | None = None) -> dict[str, Any]:
        """Make what is missing.

        Args:
            on_event: Called with an event of a film or a camera when it begins and when it ends.

        Returns:
            dict: what stands in ``summary.json``.

        Raises:
            RunMismatchError: If the folder holds another run's masks, or another run works on it.
        """
        classes = self.network.classes
        content = {'classes': list(classes), 'palette': palette(len(classes)), **self.identity}
        with open_output(self.out_dir, content, ('config_hash', 'checkpoint_sha256', 'classes')):
            return self._run(on_event)

    def _run(self, on_event: Callable[[Event], None] | None) -> dict[str, Any]:
        start, live = time.perf_counter(), self.source.kind == 'camera'
        summary_path = self.out_dir / 'summary.json'
        end = self.source.end
        if end is None and not live and summary_path.exists():
            end = read_json(summary_path)['frames']
        records = FrameRecords(
            self.out_dir, self.source.index_of, self.steady.half, self.source.mask_name, None if live else end
        )
        first = len(records) if live else 0
        film = f'film_{first:06d}.mp4' if first else 'film.mp4'
        fps = self.source.fps or _FPS
        outputs = Outputs(self.out_dir, self.network.classes, self.settings.outputs, fps, film)
        counts = {'frames': 0, 'ok': 0, 'failed': 0, 'made_now': 0}
        total = None if self.source.total is None else self.source.total + first
        try:
            for index in range(first):  # a camera's earlier frames cannot be seen again
                record = records.record(index)
                self._add(counts, outputs, record, None, self._label(record, outputs), False)
            with Progress(total, 'frames', done=first or records.finished) as progress:
                try:
                    for record, frame, label, is_new in self._records(records, outputs, first):
                        changed = self._add(counts, outputs, record, frame, label, is_new)
                        if changed and live:
                            outputs.write_events()
                        if on_event is not None and is_new and record.frame['time_s'] is not None:
                            for event in changed:
                                if event.status == 'closed' or event.frames == self.settings.outputs.rule.need:
                                    on_event(event)
                        if is_new and not (not live and records.had_good(frame.index)):
                            progress.update()
                except KeyboardInterrupt:
                    if not live:
                        raise
        except BaseException:
            outputs.abandon()
            raise
        outputs.close()
        records.close(counts['frames'])
        wall = time.perf_counter() - start
        seconds = {'wall': round(wall, 2), **{key: round(value, 2) for key, value in self._seconds.items()}}
        unused = sorted(self.settings.cameras.cameras - self._seen_cameras) if self.settings.cameras else []
        summary = {**counts, 'events': len(outputs.events.found), 'seconds': seconds, 'cameras_without_frames': unused}
        write_json(summary_path, summary)
        return summary

    def _add(
        self,
        counts: dict[str, int],
        outputs: Outputs,
        record: ManifestRecord,
        frame: Frame | None,
        label: np.ndarray | None,
        is_new: bool,
    ) -> list[Event]:
        counts['frames'] += 1
        counts['ok' if record.status == 'ok' else 'failed'] += 1
        counts['made_now'] += is_new
        self._seen_cameras.add(record.frame.get('camera', ''))
        begin = time.perf_counter()
        changed = outputs.add(record, frame, label, is_new)
        self._seconds['write'] += time.perf_counter() - begin
        return changed

    def _records(
        self, records: FrameRecords, outputs: Outputs, first: int
    ) -> Iterator[tuple[ManifestRecord, Frame, np.ndarray | None, bool]]:
        """Each frame with its record and label, and whether they are new."""
        size = self.settings.batch_size

        def in_batch(index: int) -> bool:
            begin = index - (index - first) % size
            return any(records.must_predict(near) for near in range(begin, begin + size))

        def wants(index: int) -> bool:
            name = self.source.mask_name(index)
            return in_batch(index) or name is None or outputs.needs_picture(name)

        frames = self._timed(self.source.frames(wants, first))
        predicted = self._predicted(frames, in_batch)
        series = ((item, item[0].camera, item[1].label if item[1] and not item[1].reason else None)
                  for item in predicted)  # fmt: skip
        for (frame, prediction), label in self.steady(series):
            if not records.must_write(frame.index):
                record = records.record(frame.index)
                yield record, frame, self._label(record, outputs), False
                continue
            begin = time.perf_counter()
            if prediction is not None and label is not None:
                record, label = self._write(frame, prediction, label, outputs)
            else:
                reason = frame.reason or (prediction.reason if prediction else None) or 'There is no picture.'
                record = ManifestRecord(self._path(frame, outputs), 'failed', reason=reason, frame=_where(frame))
            records.append(frame.index, record)
            self._seconds['write'] += time.perf_counter() - begin
            yield record, frame, label, True

    def _label(self, record: ManifestRecord, outputs: Outputs) -> np.ndarray | None:
        """The mask of a finished frame, where it is needed; None of one that failed."""
        if record.mask_path is None or not outputs.needs_label:
            return None
        return read_mask(self.out_dir / record.mask_path)

    def _timed(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        iterator = iter(frames)
        while True:
            begin = time.perf_counter()
            frame = next(iterator, None)
            self._seconds['load'] += time.perf_counter() - begin
            if frame is None:
                return
            yield frame

    def _predicted(self, frames: Iterator[Frame], in_batch: Callable[[int], bool]) -> Iterator[Item]:
        """Frames with what the network says of them; None where nobody needs it."""
        while batch := list(islice(frames, self.settings.batch_size)):
            found: dict[int, Prediction] = {}
            if in_batch(batch[0].index):
                readable = [frame for frame in batch if frame.img is not None]
                begin = time.perf_counter()
                imgs = [frame.img for frame in readable if frame.img is not None]
                predictions = self.network.predict(imgs) if imgs else []
                self._seconds['predict'] += time.perf_counter() - begin
                found = {frame.index: prediction for frame, prediction in zip(readable, predictions)}
            for frame in batch:
                yield frame, found.get(frame.index)

    def _path(self, frame: Frame, outputs: Outputs) -> str:
        kept = 'frames' in self.settings.outputs.kinds
        return os.path.abspath(outputs.frame_path(frame.mask_name)) if kept else frame.img_path

    def _write(
        self, frame: Frame, prediction: Prediction, label: np.ndarray, outputs: Outputs
    ) -> tuple[ManifestRecord, np.ndarray]:
        score = prediction.score
        if label is not prediction.label:  # where the median says otherwise, the rest is left for its label
            score = np.where(label == prediction.label, score, 1 - score)
        if self.settings.cameras is not None:
            ignored = self.settings.cameras.ignored(frame.camera, label.shape[:2])
            if ignored is not None:
                label = np.where(ignored, np.uint8(IGNORE_LABEL), label)
        classes = self.network.classes
        figures = class_figures(label, score, classes)
        if 'maps' in self.settings.outputs.kinds and prediction.scores is not None:
            self._write_maps(frame.mask_name, label, prediction.scores[1:])
        path = self.out_dir / 'masks' / frame.mask_name
        write_mask(path, label, len(classes))
        shares = np.bincount(label.ravel(), minlength=IGNORE_LABEL + 1) / label.size
        found = [name for value, name in enumerate(classes, 1) if shares[value]]
        record = ManifestRecord(
            self._path(frame, outputs),
            'ok',
            mask_path=f'masks/{frame.mask_name}',
            labels=found,
            coverage={name: float(shares[classes.index(name) + 1]) for name in found},
            ignored=float(shares[IGNORE_LABEL]),
            checksum=file_sha256(path),
            frame={**_where(frame), 'figures': figures},
        )
        return record, label

    def _write_maps(self, mask_name: str, label: np.ndarray, scores: np.ndarray) -> None:
        """Keep the scores (K, H, W) of the classes that the mask shows or that might be there."""
        highest = scores.max((1, 2)).astype(np.float32)
        shown = [k for k, most in enumerate(highest) if most >= _LEAST_SCORE or (label == k + 1).any()]
        kept = CamFile(scores[shown], highest[shown], np.array(shown, np.int64))
        kept.save((self.out_dir / 'cams' / mask_name).with_suffix('.npz'))


def _where(frame: Frame) -> dict[str, Any]:
    """Where and when a frame was taken, as the tables say it."""
    seconds = None if frame.time_s is None else f'{frame.time_s:.3f}'
    where = {'index': frame.index, 'camera': frame.camera, 'source': frame.source, 'frame': frame.number}
    return {**where, 'time_s': seconds, 'time': iso_time(frame.time) or None}
