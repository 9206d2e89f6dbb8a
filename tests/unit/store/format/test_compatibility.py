"""Stores of earlier versions: every one that was ever released is kept in ``tests/data`` and has to be read as it was written."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from store import ArraySpec, IdentityStore, StoreFormatError

DATA = Path(__file__).parents[3] / "data"
ARRAYS = (
    ArraySpec("mid", (2, 2, 2, 3, 4), "float16", "float16", ("m0", "m1")),
    ArraySpec("up0", (2, 2, 2, 4, 2), "uint16", "bfloat16", ("a", "b"), layers_per_chunk=1),
)


def step(index: int) -> dict[str, np.ndarray]:
    return {
        array.name: (np.arange(np.prod(array.shape[1:])) + 100 * index).reshape(array.shape[1:]).astype(array.dtype)
        for array in ARRAYS
    }


def write(root: Path) -> None:
    """How the fixture of the present layout was made."""
    place = IdentityStore(root)
    for name in ("tiger", None):
        place.put(
            {"pixels": str(name), "size": [8, 8], "strength": 1.0},
            arrays=ARRAYS,
            steps=lambda: iter([step(0), step(1)]),
            timesteps=[900, 100],
            attributes={"prompt": "a photo of a tiger", "box": [1.0, 2.0, 3.0, 4.0]},
            attachments={"reference.png": b"png"},
            name=name,
        )
    place.tag("größe", place.resolve("tiger").digest)
    place.pin("tiger")


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(params=sorted(DATA.glob("store-*.zip")), ids=lambda path: path.stem)
def earlier(request, tmp_path) -> IdentityStore:
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(tmp_path / "store")
    return IdentityStore(tmp_path / "store", create=False)


def test_it_reads_as_it_was_written(earlier):
    assert earlier.verify().ok
    infos = {info.name: info for info in earlier.identities()}
    assert set(infos) == {"tiger", "größe", None} and infos["tiger"].pinned
    stored = earlier.resolve("tiger")
    assert earlier.get({"pixels": "tiger", "size": [8, 8], "strength": 1.0}).digest == stored.digest
    for index in range(2):
        for name, values in step(index).items():
            np.testing.assert_array_equal(stored.step(index)[name], values)
    assert stored.attachment("reference.png") == b"png" and stored.attributes["box"] == [1.0, 2.0, 3.0, 4.0]


def test_it_can_be_added_to(earlier):
    what = dict(arrays=ARRAYS, steps=lambda: iter([step(0), step(1)]), timesteps=[900, 100], attachments={})
    earlier.put({"new": True}, attributes={}, name="new", **what)
    assert earlier.verify().ok and earlier.resolve("new").digest != earlier.resolve("tiger").digest


def test_the_same_content_still_gets_the_same_addresses(earlier, tmp_path):
    """Else a store would be computed anew after every upgrade."""
    write(tmp_path / "today")
    today, then = (
        {name for name in files(root) if name.startswith(("blobs/", "manifests/", "recipes/"))}
        for root in (tmp_path / "today", earlier.root)
    )
    assert today == then


def test_a_newer_layout_is_refused_and_not_touched(earlier):
    (earlier.root / "FORMAT").write_text("seal-store 2\n")
    before = files(earlier.root)
    with pytest.raises(StoreFormatError, match=r"version 2.*upgrade"):
        IdentityStore(earlier.root)
    assert files(earlier.root) == before
