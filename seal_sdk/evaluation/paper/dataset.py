"""A dataset in a folder: images of subjects, structure images, and the cases that pair them, in one ``dataset.yaml``.

::

    name: animal-pose
    size: 512                       # optional: pixels a side, or [height, width]; else the model's own
    images:
      tiger: {image: images/tiger.jpg, prompt: a photo of a tiger, mask: masks/tiger.png}
    structures:
      run: {image: structures/run.png, kind: pose, prompt: a pose skeleton of a tiger}
    cases:
      - {reference: tiger, structure: run, prompt: a photo of a tiger on snow, seed: 3}

Masks, prompts of structures and seeds (0) may be left out; paths are relative to the folder and stay in it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seal_sdk.errors import ConfigError, InputError
from seal_sdk.evaluation.paper.entries import Entry, read_entries
from seal_sdk.images import read_image
from seal_sdk.subject import subject_from

FILE = "dataset.yaml"
_NAME = re.compile(r"\w(?:[\w .+-]{0,38}\w)?")  # it becomes part of file names
_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Reference:
    """An image of a subject. prompt: what it shows. mask: an image of the same size, the subject white on black; None
    where the session's finder is to look for it."""

    key: str
    image: Path
    prompt: str
    mask: Path | None = None


@dataclass(frozen=True)
class StructureImage:
    """A structure image. kind: pose, mesh, depth, canny, ... prompt: what it shows, None for the case's own prompt."""

    key: str
    image: Path
    kind: str
    prompt: str | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class Case:
    """One picture to draw: the subject of the reference, in the structure's pose, as the prompt says.

    number: from 1, its place in the file.
    """

    number: int
    reference: Reference
    structure: StructureImage
    prompt: str
    seed: int = 0

    @property
    def name(self) -> str:
        """Unique in its dataset, and fit for a file."""
        return f"{self.number:03d}-{self.reference.key}-{self.structure.key}"


@dataclass(frozen=True)
class Dataset:
    """What a folder holds. size: (height, width) in pixels of what is drawn, None for the model's own."""

    name: str
    folder: Path
    cases: tuple[Case, ...]
    size: tuple[int, int] | None = None


def read_dataset(folder: str | os.PathLike[str]) -> Dataset:
    """The dataset of a folder, every file of it opened once: what is wrong is told before a model is loaded.

    Raises ConfigError, which names file, entry and way out.
    """
    root = Path(folder)
    if not (root / FILE).is_file():
        raise ConfigError(f"There is no {root / FILE}: give a folder with one; docs/benchmark.md shows its form.")
    top = read_entries(root / FILE)
    top.only("name", "size", "images", "structures", "cases")
    references = {key: _reference(root, _named(key, entry), entry) for key, entry in top.entries("images").items()}
    structures = {key: _structure(root, _named(key, entry), entry) for key, entry in top.entries("structures").items()}
    cases = tuple(_case(number, entry, references, structures) for number, entry in enumerate(top.items("cases"), 1))
    return Dataset(_named(top.required("name"), top, "name"), root, _no_twins(top, cases), _size(top))


def read_mask(image: Path, mask: Path | None) -> np.ndarray | None:
    """Where the subject of an image is, (H, W) bool; None for no mask. Raises InputError for one that does not fit."""
    if mask is None:
        return None
    return subject_from(read_image(image), mask=read_image(mask).convert("L")).mask


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
    names = {"reference": references, "structure": structures}
    for name, known in names.items():
        if entry.required(name) not in known:
            section = "images" if name == "reference" else "structures"
            entry.fail(f"{section} has no {entry.required(name)!r}, only {', '.join(known)}", name)
    return Case(
        number,
        references[entry.required("reference")],
        structures[entry.required("structure")],
        entry.required("prompt"),
        entry.integer("seed", 0, 0, _LARGEST_SEED),
    )


def _no_twins(top: Entry, cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The cases; a case that comes twice would count twice."""
    seen: dict[tuple[str, str, str, int], int] = {}
    for case in cases:
        asked = (case.reference.key, case.structure.key, case.prompt, case.seed)
        if asked in seen:
            top.fail(f"the same as cases[{seen[asked]}]: give another seed, or remove it", f"cases[{case.number}]")
        seen[asked] = case.number
    return cases


def _images(root: Path, entry: Entry) -> tuple[Path, Path | None]:
    """The entry's image and mask, both seen to be readable."""
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
    """A path of the entry. Links are followed: what a dataset shows has to lie in its folder."""
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
