"""Who finds the subject in an image: segment-anything, or the caller's own box or mask.

Subjects are boxes and masks in pixels of the image that was given.
"""

from __future__ import annotations

from seal_sdk.segmentation.base import Subject, SubjectFinder, SubjectSegmenter
from seal_sdk.segmentation.given import subject_from
from seal_sdk.segmentation.loading import load_segmenter
from seal_sdk.segmentation.sam import SamFinder, SamSegmenter
from seal_sdk.segmentation.weights import load_sam

__all__ = [
    "SamFinder",
    "SamSegmenter",
    "Subject",
    "SubjectFinder",
    "SubjectSegmenter",
    "load_sam",
    "load_segmenter",
    "subject_from",
]
