"""A segmenter that is in memory only while it looks at an image."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from PIL import Image

from seal_sdk.segmentation.base import Subject, SubjectSegmenter


class TransientSegmenter:
    """Loads a segmenter for each image, and lets go of it before the model runs.

    load: gives the same segmenter each time. It is called once more for the fingerprint, which is then kept.
    """

    def __init__(self, load: Callable[[], SubjectSegmenter]) -> None:
        self.calls = 0
        self._load = load

    @cached_property
    def fingerprint(self) -> str:
        """What decides its answers."""
        return self._load().fingerprint

    def find(self, image: Image.Image, what: str = "reference") -> Subject:
        """The subject of an RGB image; ``what`` is "reference" or "structure". Raises SubjectNotFound."""
        self.calls += 1
        segmenter = self._load()
        self.__dict__.setdefault("fingerprint", segmenter.fingerprint)
        return segmenter.find(image, what)
