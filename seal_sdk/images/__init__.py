"""Pictures in and out: reading whatever a caller has, boxes, masks and digests, and the settings that travel in PNG files.

Nothing here knows a model.
"""

from __future__ import annotations

from seal_sdk.images.batch import fetch_images, image_batch
from seal_sdk.images.digest import mask_digest, pixels_digest
from seal_sdk.images.masks import cutout_mask, read_grey_mask, read_mask, subject_mask, warn_if_inverted
from seal_sdk.images.png_settings import attach_settings, read_settings
from seal_sdk.images.reading import Picture, fit, read_image, read_picture
from seal_sdk.images.tensors import float_batch

__all__ = [
    "Picture",
    "attach_settings",
    "cutout_mask",
    "fetch_images",
    "fit",
    "float_batch",
    "image_batch",
    "mask_digest",
    "pixels_digest",
    "read_grey_mask",
    "read_image",
    "read_mask",
    "read_picture",
    "read_settings",
    "subject_mask",
    "warn_if_inverted",
]
