"""Generated images in a folder, each with a digest of its settings, so that an interrupted run can be continued."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from seal_sdk.errors import ConfigError, ImageError
from seal_sdk.evaluation.methods import Method
from seal_sdk.evaluation.paper.dataset import Case, Dataset
from seal_sdk.evaluation.scorebook import digest
from seal_sdk.images import attach_settings, read_settings


class Gallery:
    """The images below a folder: ``<dataset>/<method>/<case>.png``. `read_settings` reads the settings of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, dataset: Dataset, case: Case, method: Method) -> Path:
        """The path of an image, whether it exists or not."""
        return self.folder / dataset.name / quote(method.name, safe="=,.+-_") / f"{case.name}.png"

    def has(self, path: Path, facts: Mapping[str, Any]) -> bool:
        """Whether the image exists. Raises ConfigError if the file at its path has other settings."""
        if not path.exists():
            return False
        try:
            known = read_settings(path).get("digest")
        except ImageError:
            known = None
        if known != digest(facts):
            raise ConfigError(
                f"{path} is no picture of this run: it was drawn from other images or words, or with another model, sampling "
                "or defaults. Name another --output, or remove it."
            )
        return True

    def add(self, path: Path, image: Image.Image, facts: Mapping[str, Any]) -> None:
        """Write an image with its settings, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        attach_settings(image, {**facts, "digest": digest(facts)}).save(part, "PNG", compress_level=1)
        os.replace(part, path)
