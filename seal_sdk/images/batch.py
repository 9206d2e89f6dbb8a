"""Arguments that take one image or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seal_sdk.images.download import is_url
from seal_sdk.images.reading import open_upright
from seal_sdk.images.tensors import is_tensor


def image_batch(images: Any) -> list[Any]:
    """One image or many as a list: of a list its items, of an array (N, H, W, C) or a tensor (N, C, H, W) its N images."""
    if isinstance(images, list):
        return list(images)
    stacked = (is_tensor(images) or isinstance(images, np.ndarray)) and images.ndim == 4
    return list(images) if stacked else [images]


def fetch_images(images: Sequence[Any]) -> list[Any]:
    """Images with those given by URL fetched, each URL once; all others as they are. Raises ImageError as `read_image` does."""
    fetched = {url: open_upright(url) for url in dict.fromkeys(filter(is_url, images))}
    return [fetched[each] if is_url(each) else each for each in images]
