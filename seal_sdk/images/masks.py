"""Masks: which pixels of an image are its subject."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seal_sdk.errors import ImageError
from seal_sdk.images.reading import Picture


def cutout_mask(picture: Picture) -> NDArray[np.bool_] | None:
    """(H, W) bool: the opaque part of a cut-out; None for an image without transparent parts.

    Raises ImageError for an image that is transparent everywhere.
    """
    if picture.alpha is None:
        return None
    if not picture.alpha.any():
        raise ImageError("The image is transparent everywhere, so nothing of its subject shows.")
    mask: NDArray[np.bool_] = picture.alpha > 127
    return None if mask.all() else mask
