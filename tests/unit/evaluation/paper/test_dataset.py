"""Datasets in folders: what is read, and how each mistake is told."""

from __future__ import annotations

import copy
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.paper import Case, Reference, StructureImage, dataset, read_dataset
from seal_sdk.evaluation.paper.dataset import read_mask

GOOD = {
    "name": "animal-pose",
    "size": 64,
    "images": {
        "tiger": {"image": "images/tiger.png", "prompt": "a photo of a tiger", "mask": "masks/tiger.png"},
        "cat": {"image": "images/cat.png", "prompt": "a photo of a cat"},
    },
    "structures": {"run": {"image": "run.png", "kind": "pose", "prompt": "a skeleton"}},
    "cases": [
        {"reference": "tiger", "structure": "run", "prompt": "a tiger on snow", "seed": 3},
        {"reference": "cat", "structure": "run", "prompt": "a cat on snow"},
    ],
}


@pytest.fixture
def folder(tmp_path) -> Path:
    root = tmp_path / "set"
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    for name in ("images/tiger.png", "images/cat.png", "run.png"):
        Image.new("RGB", (20, 16), "orange").save(root / name)
    mask = np.zeros((16, 20), np.uint8)
    mask[4:12, 5:15] = 255
    Image.fromarray(mask).save(root / "masks/tiger.png")
    Image.new("L", (20, 16)).save(root / "masks/empty.png")
    Image.new("L", (16, 20), 255).save(root / "masks/turned.png")
    (root / "broken.png").write_bytes(b"\x89PNG nothing")
    Image.new("RGB", (20, 16)).save(tmp_path / "outside.png")
    (root / "link.png").symlink_to(tmp_path / "outside.png")
    return root


def write(folder, values):
    (folder / "dataset.yaml").write_text(values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False))
    return folder


def changed(place, value):
    """`GOOD` with another value at a place such as "cases.0.seed"; None removes it."""
    values = copy.deepcopy(GOOD)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    inside = values
    for part in path:
        inside = inside[part]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return values


def test_a_dataset_is_read(folder):
    found = read_dataset(write(folder, GOOD))
    tiger = Reference("tiger", folder / "images/tiger.png", "a photo of a tiger", folder / "masks/tiger.png")
    run = StructureImage("run", folder / "run.png", "pose", "a skeleton")
    assert (found.name, found.size, found.folder) == ("animal-pose", (64, 64), folder)
    assert found.cases[0] == Case(1, tiger, run, "a tiger on snow", 3)
    assert found.cases[1].seed == 0 and found.cases[1].reference.mask is None
    assert [case.name for case in found.cases] == ["001-tiger-run", "002-cat-run"]
    mask = read_mask(tiger.image, tiger.mask)
    assert mask.dtype == bool and mask.sum() == 80 and mask[4, 5] and read_mask(run.image, run.mask) is None


def test_the_documented_examples_are_datasets(folder):
    (folder / "structures").mkdir()
    Image.new("RGB", (20, 16)).save(folder / "structures/run.png")
    Image.new("RGB", (20, 16)).save(folder / "images/tiger.jpg")
    text = (Path(__file__).parents[4] / "docs/benchmark.md").read_text()
    documented = re.search(r"```yaml\n(.*?)```", text, re.S)[1]
    module = textwrap.dedent(dataset.__doc__.split("::\n")[1].split("\n\nMasks")[0])
    first, second = (read_dataset(write(folder, each)) for each in (documented, module))
    assert first == second and first.cases[0].seed == 3 and first.size == (512, 512)


def test_sizes_are_sides_or_height_and_width_or_the_models(folder):
    assert read_dataset(write(folder, changed("size", [48, 96]))).size == (48, 96)
    assert read_dataset(write(folder, changed("size", None))).size is None


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("name", None, "name: 'name' is missing"),
        ("name", "a/b", "name: the name 'a/b'"),
        ("name", "..", "the name '..'"),
        ("size", 0, "size: 0: expected pixels"),
        ("size", 60, "size: 60: expected pixels"),
        ("size", [64], "multiples of 8"),
        ("size", [64, "x"], "multiples of 8"),
        ("size", True, "multiples of 8"),
        ("images", {}, "images: expected at least one entry"),
        ("images", ["tiger"], "images: expected at least one entry"),
        ("images.cat", "images/cat.png", "images.cat: expected names and values"),
        ("images", {1: {}}, "images: the key 1 is not text"),
        ("images.cat.imgae", "x", "images.cat: there is no 'imgae' here; did you mean 'image'?"),
        ("images.cat.image", None, "images.cat.image: 'image' is missing"),
        ("images.cat.image", "images/dog.png", "images.cat.image: there is no file 'images/dog.png'"),
        ("images.cat.image", "images", "images.cat.image: there is no file"),
        ("images.cat.image", "../outside.png", "images.cat.image: '../outside.png' leaves the folder"),
        ("images.cat.image", "link.png", "'link.png' leaves the folder"),
        ("images.cat.image", "/etc/hostname", "leaves the folder"),
        ("images.cat.image", "a\0b", "is no path"),
        ("images.cat.image", "broken.png", "images.cat.image: Image"),
        ("images.cat.prompt", None, "images.cat.prompt: 'prompt' is missing"),
        ("images.cat.prompt", "  ", "images.cat.prompt: '  ': expected words"),
        ("images.cat.prompt", False, "put what YAML reads as something else into quotes"),
        ("images.cat.mask", "masks/turned.png", "images.cat.mask: mask of shape (20, 16): expected (16, 20)"),
        ("images.cat.mask", "masks/empty.png", "images.cat.mask: The mask marks no pixel"),
        ("images.cat.mask", "masks/none.png", "images.cat.mask: there is no file"),
        ("images.bad/key", {"image": "run.png", "prompt": "x"}, "the name 'bad/key'"),
        ("structures", None, "structures: expected at least one entry"),
        ("structures.run.kind", None, "structures.run.kind: 'kind' is missing"),
        ("structures.run.prompt", 3, "structures.run.prompt: 3: expected words"),
        ("cases", [], "cases: expected a list of at least one entry"),
        ("cases", {"a": 1}, "cases: expected a list"),
        ("cases.1.reference", "dog", "cases[2].reference: images has no 'dog', only tiger, cat"),
        ("cases.0.structure", "walk", "cases[1].structure: structures has no 'walk', only run"),
        ("cases.0.prompt", None, "cases[1].prompt: 'prompt' is missing"),
        ("cases.0.seed", -1, "cases[1].seed: -1: expected a whole number from 0"),
        ("cases.0.seed", "3", "cases[1].seed: '3': expected a whole number"),
        ("cases.0.sed", 3, "cases[1]: there is no 'sed' here; did you mean 'seed'?"),
        ("cases.1", GOOD["cases"][0], "cases[2]: the same as cases[1]"),
        ("prompts", {}, "there is no 'prompts' here"),
    ],
)
def test_every_mistake_names_file_and_entry(folder, place, value, told):
    with pytest.raises(ConfigError, match=re.escape(told)) as caught:
        read_dataset(write(folder, changed(place, value)))
    assert str(caught.value).startswith(str(folder / "dataset.yaml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected names and values, not None"),
        ("- a", "expected names and values"),
        ("name: [", "is no YAML"),
        ("name: a\nname: b", "'name' is there twice"),
        ("images: {a: {image: x}, a: {image: y}}", "'a' is there twice"),
        ("name: !!python/object/apply:os.system [true]", "is no YAML"),
        ("name: 2024-99-99", "is no YAML"),
        ("[" * 5000, "is no YAML"),
    ],
)
def test_files_that_are_no_dataset(folder, text, told):
    with pytest.raises(ConfigError, match=re.escape(told)):
        read_dataset(write(folder, text))


def test_a_folder_without_a_dataset_and_text_that_is_none(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"There is no .*dataset\.yaml: give a folder"):
        read_dataset(tmp_path / "nothing")
    (folder / "dataset.yaml").write_bytes(b"name: \xff")
    with pytest.raises(ConfigError, match="no text in UTF-8"):
        read_dataset(folder)
