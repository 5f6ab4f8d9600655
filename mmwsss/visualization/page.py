"""Pages that need nothing else: one HTML file with pictures, data, styles and scripts inside."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from mmwsss.utils.files import atomic_write

_HERE = Path(__file__).parent


def data_address(picture: np.ndarray, quality: int | None = None) -> str:
    """A picture as a ``data:`` address.

    Args:
        picture: uint8 (H, W) or RGB (H, W, 3).
        quality: Of JPEG, in [1, 95]; None keeps every value (PNG).
    """
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture))
    if quality is None:
        image.save(buffer, format='PNG', optimize=True)
    else:
        image.save(buffer, format='JPEG', quality=quality)
    kind = 'png' if quality is None else 'jpeg'
    return f'data:image/{kind};base64,' + base64.b64encode(buffer.getvalue()).decode()


def grey_address(values: np.ndarray) -> str:
    """Values in [0, 1], (h, w), as the ``data:`` address of a grey PNG in 255 steps."""
    return data_address((np.clip(values, 0, 1) * 255).round().astype(np.uint8))


def write_page(
    path: str | Path, template: str, data: Any, styles: Sequence[str], scripts: Sequence[str], **values: Any
) -> None:
    """Fill a template of this folder and write it, atomically.

    Args:
        path: The HTML file.
        template: Name of the template.
        data: JSON-like; the page's script reads it.
        styles: Names of style sheets, which are put inside.
        scripts: Names of scripts, which are put inside.
        **values: What the template asks for; texts are escaped.
    """
    environment = jinja2.Environment(
        autoescape=True, loader=jinja2.FileSystemLoader(_HERE), undefined=jinja2.StrictUndefined
    )
    # "<" is escaped so that no text in the data can end the script element or open a comment in it
    text = json.dumps(data, ensure_ascii=False, separators=(',', ':'), allow_nan=False).replace('<', '\\u003c')
    html = environment.get_template(template).render(
        data=text,
        styles='\n'.join((_HERE / name).read_text(encoding='utf-8') for name in styles),
        scripts='\n'.join((_HERE / name).read_text(encoding='utf-8') for name in scripts),
        **values,
    )
    with atomic_write(path) as handle:
        handle.write(html)
