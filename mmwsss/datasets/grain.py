"""Sensor noise, blur and compression of a frame, measured and added to what is pasted into it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmwsss.datasets.plumes import luminance

_BLOCK = 8
_CLIPPED = (4.0, 251.0)  # mean grey levels beyond which a block is black or white and shows no noise


@dataclass(frozen=True)
class Grain:
    """Noise of a frame.

    Attributes:
        sigma: Standard deviation, grey levels of [0, 255].
        blur: Standard deviation of the Gaussian, in pixels, that makes white noise as smooth as this one; frames that
            were enlarged or compressed have a large one.
    """

    sigma: float
    blur: float


def measure_grain(img: np.ndarray) -> Grain:
    """Noise of the flattest third of a frame's blocks.

    Neighbours of white noise blurred by s correlate by exp(-1 / (4 s^2)), which gives the blur.

    Args:
        img: float32 BGR (H, W, 3) in [0, 255].

    Returns:
        The grain; none for frames below 16 pixels and for flat ones.
    """
    rows, columns = (side // _BLOCK * _BLOCK for side in img.shape[:2])
    if min(rows, columns) < 2 * _BLOCK:
        return Grain(0.0, 0.0)
    grey = luminance(img[:rows, :columns])
    residual = grey - cv2.GaussianBlur(grey, (0, 0), 4.0)

    def of_blocks(values: np.ndarray) -> np.ndarray:
        return cv2.resize(values, (columns // _BLOCK, rows // _BLOCK), interpolation=cv2.INTER_AREA).ravel()

    mean, variance = of_blocks(grey), of_blocks(residual**2)
    covariance = of_blocks(residual * np.roll(residual, 1, 1))
    seen = (mean > _CLIPPED[0]) & (mean < _CLIPPED[1])
    if not seen.any():
        return Grain(0.0, 0.0)
    flat = seen & (variance <= np.quantile(variance[seen], 0.35))
    sigma2 = float(variance[flat].mean())
    if sigma2 < 1e-4:
        return Grain(0.0, 0.0)
    correlation = np.clip(float(covariance[flat].mean()) / sigma2, 1e-3, 0.93)
    return Grain(float(np.sqrt(sigma2)), float(np.sqrt(-1 / (4 * np.log(correlation)))))


def add_grain(rng: np.random.Generator, colour: np.ndarray, matte: np.ndarray, grain: Grain) -> np.ndarray:
    """Give a layer's colour the noise that it needs for the composite to be as noisy as the frame.

    Of the frame's own noise ``(1 - matte)`` is left; the rest, in variance, comes from the layer.

    Args:
        rng: Random generator.
        colour: float32 BGR (H, W, 3) in [0, 255], a layer.
        matte: float32 (H, W) in [0, 1], its opacity.
        grain: Of the frame.

    Returns:
        np.ndarray: float32 (H, W, 3).
    """
    if grain.sigma < 0.05:
        return colour
    noise: np.ndarray = rng.standard_normal(
        matte.shape, dtype=np.float32
    )  # of the luminance alone, as compression leaves it
    if grain.blur > 0.25:
        noise = cv2.GaussianBlur(noise, (0, 0), grain.blur)
    noise *= grain.sigma / max(float(noise.std()), 1e-6)
    return colour + (noise * np.sqrt((2 - matte) / np.maximum(matte, 1e-2)))[..., None]


def recompress(img: np.ndarray, matte: np.ndarray, quality: int) -> np.ndarray:
    """Compress a composite as JPEG and keep the result where something was pasted; elsewhere nothing changes.

    Args:
        img: float32 BGR (H, W, 3) in [0, 255], the composite.
        matte: float32 (H, W) in [0, 1]; from an opacity of 0.05 on the compressed picture counts alone.
        quality: Of the JPEG, in [1, 100].
    """
    whole = np.clip(img, 0, 255).round().astype(np.uint8)
    coded = cv2.imencode('.jpg', whole, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.float32)
    return img + np.minimum(matte * 20, 1)[..., None] * (decoded - img)
