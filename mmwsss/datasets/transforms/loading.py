"""Loading of pictures inside a pipeline."""

from __future__ import annotations

import numpy as np
from mmcv.transforms import BaseTransform

from mmwsss.datasets.pictures import BadPictureError, read_picture
from mmwsss.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadPicture(BaseTransform):
    """Read a picture of any common kind as OpenMMLab's transforms expect it.

    Against MMCV's loader: a truncated file is an error and not half a picture, 16-bit pictures are scaled, transparent
    ones are laid on white, and the error names the file.

    Required Keys:

    - img_path, or img for data that were generated and not read
    - refused (optional): why the image must not be read; see :mod:`mmwsss.datasets.outside`

    Modified Keys:

    - img: uint8 BGR (H, W, 3) in [0, 255]

    Added Keys:

    - img_shape, ori_shape: (H, W)
    """

    def transform(self, results: dict) -> dict:
        """Add the picture.

        Raises:
            BadPictureError: If the file cannot be read, or must not be.
        """
        if 'img' not in results:
            if results.get('refused'):
                raise BadPictureError(results['refused'])
            results['img'] = np.ascontiguousarray(read_picture(results['img_path'])[..., ::-1])
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
