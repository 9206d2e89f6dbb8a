"""A dataset in a folder: images of subjects, structure images, and the cases that pair them.

A ``dataset.yaml`` lists them::

    name: animal-pose
    size: 512                       # optional: pixels a side, or [height, width]; else the model's own
    images:
      tiger: {image: images/tiger.jpg, prompt: a photo of a tiger, mask: masks/tiger.png}
    structures:
      run: {image: structures/run.png, kind: pose, prompt: a pose skeleton of a tiger}
    cases:
      - {reference: tiger, structure: run, prompt: a photo of a tiger on snow, seed: 3}

Masks, prompts of structures and seeds (default 0) are optional. Paths are relative to the folder and stay inside it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from seal_sdk.errors import ConfigError, InputError
from seal_sdk.evaluation.paper.entries import Entry, read_entries
from seal_sdk.images import masks, read_image
from seal_sdk.segmentation import subject_from

FILE = "dataset.yaml"
_NAME = re.compile(r"\w(?:[\w .+-]{0,38}\w)?")  # names become part of file names
_LARGEST_SEED = 2**63 - 1
Known = TypeVar("Known")


@dataclass(frozen=True)
class Reference:
    """An image of a subject.

    Attributes:
        key: Its name in the file.
        image: Path of the image.
        prompt: What it shows.
        mask: Path of an image of the same size, the subject white on black; None to segment the subject.
    """

    key: str
    image: Path
    prompt: str
    mask: Path | None = None


@dataclass(frozen=True)
class StructureImage:
    """A structure image.

    Attributes:
        key: Its name in the file.
        image: Path of the image.
        kind: Such as pose, mesh, depth or canny.
        prompt: What it shows; None for the prompt of the case.
        mask: As of `Reference`.
    """

    key: str
    image: Path
    kind: str
    prompt: str | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class Case:
    """One image to generate: the reference's subject in the structure image's pose, as the prompt says.

    number: Position in the file, from 1.
    """

    number: int
    reference: Reference
    structure: StructureImage
    prompt: str
    seed: int = 0

    @property
    def name(self) -> str:
        """A name that is unique in the dataset and valid as a file name."""
        return f"{self.number:03d}-{self.reference.key}-{self.structure.key}"


@dataclass(frozen=True)
class Dataset:
    """The dataset of a folder. size: (height, width) of the generated images in pixels; None for the model's default."""

    name: str
    folder: Path
    cases: tuple[Case, ...]
    size: tuple[int, int] | None = None


def read_dataset(folder: str | os.PathLike[str]) -> Dataset:
    """Read a dataset. Opens every file once, so that mistakes are found before a model is loaded.

    Raises:
        ConfigError: If something is wrong. The message names the file, the entry and how to fix it.
    """
    root = Path(folder)
    if not (root / FILE).is_file():
        raise ConfigError(f"There is no {root / FILE}: give a folder with one; docs/benchmark.md shows its form.")
    top = read_entries(root / FILE)
    top.only("name", "size", "images", "structures", "cases")
    references = {key: _reference(root, _named(key, entry), entry) for key, entry in top.entries("images").items()}
    structures = {key: _structure(root, _named(key, entry), entry) for key, entry in top.entries("structures").items()}
    cases = tuple(_case(number, entry, references, structures) for number, entry in enumerate(top.items("cases"), 1))
    return Dataset(_named(top.required("name"), top, "name"), root, _without_duplicates(top, cases), _size(top))


def read_mask(image: Path, mask: Path | None) -> np.ndarray | None:
    """The mask of an image's subject, (H, W) bool; None without a mask. Raises InputError if it does not fit the image."""
    if mask is None:
        return None
    return subject_from(read_image(image), mask=masks.read_mask(mask)).mask


def _reference(root: Path, key: str, entry: Entry) -> Reference:
    entry.only("image", "prompt", "mask")
    image, mask = _images(root, entry)
    return Reference(key, image, entry.required("prompt"), mask)


def _structure(root: Path, key: str, entry: Entry) -> StructureImage:
    entry.only("image", "kind", "prompt", "mask")
    image, mask = _images(root, entry)
    return StructureImage(key, image, entry.required("kind"), entry.text("prompt", optional=True), mask)


def _case(number: int, entry: Entry, references: dict[str, Reference], structures: dict[str, StructureImage]) -> Case:
    entry.only("reference", "structure", "prompt", "seed")
    return Case(
        number,
        _known(entry, "reference", "images", references),
        _known(entry, "structure", "structures", structures),
        entry.required("prompt"),
        entry.integer("seed", 0, 0, _LARGEST_SEED),
    )


def _known(entry: Entry, name: str, section: str, known: dict[str, Known]) -> Known:
    """The item of a section that the entry names."""
    key = entry.required(name)
    if key not in known:
        entry.fail(f"{section} has no {key!r}, only {', '.join(known)}", name)
    return known[key]


def _without_duplicates(top: Entry, cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The cases. A duplicate would count twice, so it is an error."""
    seen: dict[tuple[str, str, str, int], int] = {}
    for case in cases:
        content = (case.reference.key, case.structure.key, case.prompt, case.seed)
        if content in seen:
            top.fail(f"the same as cases[{seen[content]}]: give another seed, or remove it", f"cases[{case.number}]")
        seen[content] = case.number
    return cases


def _images(root: Path, entry: Entry) -> tuple[Path, Path | None]:
    """The paths of the entry's image and mask, after reading both."""
    image, mask = _inside(root, entry, "image"), None
    if entry.text("mask", optional=True):
        mask = _inside(root, entry, "mask")
    try:
        read_image(image)
    except InputError as error:
        entry.fail(f"{str(error).rstrip('.')}; replace it", "image")
    try:
        read_mask(image, mask)
    except InputError as error:
        entry.fail(f"{str(error).rstrip('.')}; or leave the mask out", "mask")
    return image, mask


def _inside(root: Path, entry: Entry, name: str) -> Path:
    """A path of the entry. Links are followed, because all files have to lie in the dataset's folder."""
    given = entry.required(name)
    try:
        path = (root / given).resolve()
        within, here = path.is_relative_to(root.resolve()), path.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        entry.fail(f"{given!r} is no path that can be followed ({error})", name)
    if not within:
        entry.fail(f"{given!r} leaves the folder: copy the file into it and name it relative to {FILE}", name)
    if not here:
        entry.fail(f"there is no file {given!r} in {root}: put it there, or correct its name", name)
    return path


def _named(key: str, entry: Entry, place: str = "") -> str:
    if not _NAME.fullmatch(key):
        entry.fail(
            f"the name {key!r}: expected 1 to 40 letters, digits, spaces and . _ + -, and neither space nor sign at its ends",
            place,
        )
    return key


def _size(top: Entry) -> tuple[int, int] | None:
    given = top.value("size")
    if given is None:
        return None
    height, width = given if isinstance(given, list) and len(given) == 2 else (given, given)
    for side in (height, width):
        if type(side) is not int or not 0 < side <= 8192 or side % 8:
            top.fail(f"{given!r}: expected pixels a side, or [height, width]: multiples of 8 up to 8192", "size")
    return height, width
