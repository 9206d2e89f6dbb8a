"""From whatever the user calls a segmenter to one that finds subjects."""

from __future__ import annotations

from functools import partial

import torch

from seal_sdk.segmentation.base import SubjectSegmenter
from seal_sdk.segmentation.transient import TransientSegmenter
from seal_sdk.segmentation.weights import load_sam


def load_segmenter(subject: str | SubjectSegmenter, device: torch.device, low_memory: bool) -> SubjectSegmenter:
    """The segmenter of a session's ``subject`` argument; an object stays as it is.

    low_memory: SAM is loaded for each image, and not kept. Raises WeightsNotFound, with ``low_memory`` when it is first used.
    """
    if not isinstance(subject, str):
        return subject
    load = partial(load_sam, None if subject == "sam" else subject, device)
    return TransientSegmenter(load) if low_memory else load()
