"""Storing and reading identities: exact bytes, hits and misses, sharing, memory, and what is refused."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import store.local.files
from store import (
    ArraySpec,
    IdentityStore,
    InvalidName,
    InvalidValue,
    StoreCorruption,
    StoreFormatError,
    StoreIOError,
    StoreLocked,
    StoreNotFound,
    StoreReadOnly,
    UnknownName,
)

TIMESTEPS = (981, 501, 21)
ARRAYS = (
    ArraySpec("mid", (3, 4, 2, 8, 16), "float16", "float16", ("m0", "m1", "m2", "m3")),
    ArraySpec("up0", (3, 6, 2, 5, 4), "uint16", "bfloat16", tuple("abcdef"), layers_per_chunk=2),
)


def steps_of(seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [
        {array.name: rng.integers(0, 65535, array.shape[1:], np.uint16).view(array.dtype) for array in ARRAYS}
        for _ in TIMESTEPS
    ]


def put(place: IdentityStore, seed: int = 0, **changes):
    values = {
        "arrays": ARRAYS,
        "steps": lambda: iter(steps_of(seed)),
        "timesteps": TIMESTEPS,
        "attributes": {"prompt": "a photo of a tiger", "box": [1, 2.5, 30, 40], "model": "pocket"},
        "attachments": {"reference.png": b"png %d" % seed, "mask.png": b""},
    }
    return place.put({"seed": seed}, **values | changes)


def assert_holds(identity, seed: int) -> None:
    for index, step in enumerate(steps_of(seed)):
        read = identity.step(index)
        assert set(read) == set(step)
        for name, values in step.items():
            assert read[name].dtype == values.dtype
            assert read[name].tobytes() == values.tobytes()


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


def test_an_identity_says_when_it_was_last_used(place):
    put(place, name="tiger")
    path = next((place.root / "manifests").rglob(place.resolve("tiger").digest + "*"))
    os.utime(path, (1000, 1000))
    identity = place.resolve("tiger")
    assert identity.used == 1000
    identity.step(0)
    assert abs(identity.used - time.time()) < 60


def test_what_was_stored_is_read_back_bit_for_bit(place):
    stored = put(place, name="tiger")
    for identity in (stored, place.resolve("tiger"), place.get({"seed": 0}), place.resolve(stored.digest[:9])):
        assert identity.digest == stored.digest
        assert (identity.timesteps, identity.arrays) == (TIMESTEPS, ARRAYS)
        assert identity.attributes["box"] == [1, 2.5, 30, 40]
        assert (identity.attachment("reference.png"), identity.attachment("mask.png")) == (b"png 0", b"")
        assert identity.nbytes == sum(array.nbytes for array in ARRAYS)
        assert_holds(identity, 0)


def test_a_second_store_object_finds_it_and_computes_nothing(place):
    put(place)

    def never() -> Iterator[dict[str, np.ndarray]]:
        raise AssertionError("a hit computes nothing")

    again = put(IdentityStore(place.root, create=False), steps=never, name="tiger")
    assert again.name == "tiger"
    assert_holds(again, 0)


def test_another_recipe_is_a_miss(place):
    put(place)
    for recipe in ({"seed": 1}, {"seed": 0.0}, {"seed": False}, {"seed": 0, "more": None}, {}):
        assert place.get(recipe) is None


def test_a_recipe_key_that_collides_serves_nothing(place, monkeypatch):
    for module in ("store.identity_store", "store.format.manifest"):
        monkeypatch.setattr(f"{module}.recipe_key", lambda recipe: "0" * 64)
    put(place)
    assert place.get({"seed": 0}) is not None
    assert place.get({"seed": 1}) is None


def test_equal_chunks_are_stored_once(place):
    put(place, 0)
    before = place.usage()
    twin = place.put(
        {"other": 1},
        arrays=ARRAYS,
        steps=lambda: iter(steps_of(0)),
        timesteps=TIMESTEPS,
        attributes={},
        attachments={},
    )
    after = place.usage()
    assert (before.unique, before.shared) == (twin.nbytes + len(b"png 0"), 0)
    assert (after.unique, after.shared) == (len(b"png 0"), twin.nbytes)


def test_reading_reuses_the_buffers_it_is_given(place):
    identity = put(place)
    buffers = identity.step(0)
    addresses = {name: array.ctypes.data for name, array in buffers.items()}
    read = identity.step(2, out=buffers)
    assert {name: array.ctypes.data for name, array in read.items()} == addresses
    assert read["mid"].tobytes() == steps_of(0)[2]["mid"].tobytes()


def test_what_is_read_is_the_callers_own_memory(place):
    identity = put(place)
    identity.step(0)["mid"][:] = 0
    assert_holds(identity, 0)


@pytest.mark.parametrize("out", [{}, {"mid": np.zeros(3), "up0": np.zeros(3)}])
def test_buffers_that_do_not_fit_are_refused(place, out):
    with pytest.raises(InvalidValue, match=r"out\['mid'\]"):
        put(place).step(0, out=out)


def test_steps_are_indexed_like_a_list(place):
    identity = put(place)
    assert identity.step(-1)["up0"].tobytes() == steps_of(0)[2]["up0"].tobytes()
    with pytest.raises(IndexError):
        identity.step(3)


def test_an_unknown_attachment_is_named_with_the_nearest(place):
    with pytest.raises(UnknownName, match=r"did you mean 'mask\.png'"):
        put(place).attachment("mask.jpg")


def test_memory_stays_flat_while_storing(place):
    """48 timesteps of 1 MB: a few of them in memory at a time, not all."""
    array = ArraySpec("up", (48, 8, 2, 64, 512), "float16", "float16", tuple("abcdefgh"))

    def steps():
        for index in range(48):
            yield {"up": np.full(array.shape[1:], index, np.float16)}

    tracemalloc.start()
    try:
        put(place, arrays=[array], steps=steps, timesteps=range(48))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert array.nbytes == 48 << 20
    assert peak < 6 << 20


def test_chunks_hold_whole_layers_of_one_timestep_up_to_6_5_mb():
    up0 = ArraySpec("up0", (50, 30, 2, 256, 1280), "float16", "float16", tuple(map(str, range(30))))
    up1 = ArraySpec("up1", (50, 6, 2, 4096, 640), "float16", "float16", tuple(map(str, range(6))))
    assert (up0.chunk_shape, up0.chunk_nbytes) == ((1, 5, 2, 256, 1280), 6_553_600)
    assert up1.chunk_shape == (1, 1, 2, 4096, 640)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arrays": ()}, "arrays"),
        ({"arrays": ARRAYS[:1] * 2}, "distinct"),
        ({"timesteps": (981, 501)}, "2 timesteps"),
        ({"timesteps": (981, 501, 501)}, "distinct integers"),
        ({"timesteps": (981, 501, 21.0)}, "distinct integers"),
        ({"attributes": {"x": np.zeros(2)}}, "x is a ndarray"),
        ({"attachments": {"../evil": b""}}, "attachment"),
        ({"name": "../evil"}, "cannot name"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(place, change, message):
    started = []
    with pytest.raises(ValueError, match=message):
        put(place, steps=lambda: started.append(1), **change)
    assert not started


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "up/0"),
        ("name", "../x"),
        ("shape", (3, 4, 2, 8)),
        ("shape", (3, 0, 2, 8, 16)),
        ("dtype", "bfloat16"),
        ("dtype", "object"),
        ("layers", ("m0", "m0", "m1", "m2")),
        ("layers", ("m0",)),
        ("layers_per_chunk", 3),
    ],
)
def test_array_specs_that_make_no_sense_are_refused(field, value):
    values = {"name": "mid", "shape": (3, 4, 2, 8, 16), "dtype": "float16", "logical_dtype": "float16"}
    with pytest.raises(InvalidValue, match="array"):
        ArraySpec(**values | {"layers": ("m0", "m1", "m2", "m3"), field: value})


def bad_steps(kind: str) -> list[dict[str, np.ndarray]]:
    steps = steps_of(0)
    if kind == "too few":
        return steps[:2]
    if kind == "too many":
        return [*steps, steps[0]]
    if kind == "missing array":
        return [steps[0], {"mid": steps[1]["mid"]}, steps[2]]
    if kind == "wrong shape":
        return [steps[0], {**steps[1], "mid": steps[1]["mid"][:1]}, steps[2]]
    return [steps[0], {**steps[1], "mid": steps[1]["mid"].astype(np.float32)}, steps[2]]


@pytest.mark.parametrize("kind", ["too few", "too many", "missing array", "wrong shape", "wrong dtype"])
def test_an_incomplete_or_wrong_identity_is_never_published(place, kind):
    with pytest.raises(InvalidValue):
        put(place, steps=lambda: iter(bad_steps(kind)), name="tiger")
    assert place.get({"seed": 0}) is None
    assert place.identities() == []
    assert_holds(put(place), 0)


def test_a_failing_computation_passes_on_and_is_closed_at_once(place):
    closed = []

    def steps():
        try:
            yield steps_of(0)[0]
            raise RuntimeError("out of memory on the accelerator")
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="accelerator"):
        put(place, steps=steps)
    assert closed
    assert place.get({"seed": 0}) is None


def test_strided_and_big_endian_arrays_are_stored_by_value(place):
    def steps():
        for step in steps_of(0):
            swapped = np.ascontiguousarray(step["mid"].transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)
            yield {"mid": swapped, "up0": step["up0"].astype(">u2")}

    assert_holds(put(place, steps=steps), 0)


def test_a_missing_blob_makes_a_miss_and_registering_again_mends_it(place):
    identity = put(place, name="tiger")
    blob = min(path for path in (place.root / "blobs").rglob("*") if path.is_file())
    blob.unlink()
    assert place.get({"seed": 0}) is None
    assert put(place).digest == identity.digest
    assert_holds(place.resolve("tiger"), 0)


def test_a_damaged_blob_is_named_quarantined_and_mended(place):
    identity = put(place, name="tiger")
    for blob in (place.root / "blobs").rglob("*"):
        if blob.is_file() and blob.stat().st_size == ARRAYS[1].chunk_nbytes:
            blob.write_bytes(bytes(blob.stat().st_size))
    with pytest.raises(StoreCorruption, match=r"identity 'tiger', timestep 501, layers a, b: .*quarantined") as caught:
        place.resolve("tiger").step(1)
    assert (caught.value.identity, caught.value.timestep, caught.value.layers) == ("tiger", 501, ("a", "b"))
    assert len(list((place.root / "quarantine").iterdir())) == 1
    assert put(place).digest == identity.digest
    assert_holds(place.resolve("tiger"), 0)


def test_a_damaged_blob_is_not_trusted_when_equal_bytes_are_stored_again(place):
    put(place)
    place.remove(put(place).digest)
    for blob in (place.root / "blobs").rglob("*"):
        if blob.is_file() and blob.stat().st_size:
            blob.write_bytes(b"\xff" * blob.stat().st_size)
    assert_holds(put(place), 0)


def test_a_store_that_may_only_be_read_serves_what_it_has(place, monkeypatch):
    digest = put(place, name="tiger").digest

    def refuse(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    for operation in ("create", "write", "rename", "unlink", "touch", "make_directory"):
        monkeypatch.setattr(store.local.files, operation, refuse)
    reader = IdentityStore(place.root)
    assert_holds(reader.resolve("tiger"), 0)
    assert put(reader, name="tiger").digest == digest
    assert reader.verify().ok
    assert reader.gc(grace=0, dry_run=True).removed == ()
    assert [info.name for info in reader.identities()] == ["tiger"]
    for action in (lambda: put(reader, 1), lambda: reader.pin("tiger"), lambda: reader.tag("other", digest)):
        with pytest.raises(StoreReadOnly, match="Read-only file system"):
            action()


def test_a_disk_that_cannot_be_read_is_no_corruption(place, monkeypatch):
    identity = put(place)

    def refuse(*args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(store.local.files, "read_into", refuse)
    with pytest.raises(StoreIOError, match="Input/output error"):
        identity.step(0)
    assert not (place.root / "quarantine").exists()


def test_an_empty_store_lists_nothing(place):
    assert place.identities() == []
    assert place.verify().ok
    assert place.usage().total == 0
    assert place.gc(grace=0).removed == ()
    with pytest.raises(UnknownName, match="nothing has a name here yet"):
        place.resolve("tiger")


def test_a_folder_without_a_store_is_not_made_one_by_looking(tmp_path):
    for folder in (tmp_path / "missing", tmp_path):
        with pytest.raises(StoreNotFound, match="there is no store"):
            IdentityStore(folder, create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_things_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    for folder in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(StoreFormatError, match="choose"):
            IdentityStore(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(("text", "message"), [("seal-store 2\n", "upgrade"), ("", "damaged"), ("zip\n", "damaged")])
def test_a_newer_or_damaged_layout_is_refused_untouched(place, text, message):
    put(place, name="tiger")
    (place.root / "FORMAT").write_text(text)
    with pytest.raises(StoreFormatError, match=message):
        IdentityStore(place.root)
    assert (place.root / "FORMAT").read_text() == text


def test_a_lost_format_file_is_not_guessed(place):
    put(place)
    (place.root / "FORMAT").unlink()
    with pytest.raises(StoreFormatError, match="no FORMAT"):
        IdentityStore(place.root)


def test_waiting_for_another_process_ends_in_a_typed_error(place):
    impatient = IdentityStore(place.root, lock_timeout=0.05)

    def steps():
        errors = []

        def rival():
            try:
                put(impatient)
            except StoreLocked as error:
                errors.append(error)

        thread = threading.Thread(target=rival)
        thread.start()
        thread.join()
        assert "lock_timeout" in str(errors[0])
        yield from steps_of(0)

    assert_holds(put(place, steps=steps), 0)


def test_invalid_names_are_told_why(place):
    put(place)
    with pytest.raises(InvalidName, match="control"):
        put(place, name="a\nb")


def test_importing_and_listing_load_no_zarr_and_no_torch(place):
    put(place, name="tiger")
    script = (
        "import store, sys; print([info.name for info in store.IdentityStore(sys.argv[1]).identities()],"
        " sorted({'zarr', 'torch', 'diffusers', 'seal_sdk'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(store.__file__).parents[1])}
    command = [sys.executable, "-c", script, str(place.root)]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout
    assert output == "['tiger'] []\n"


def test_the_public_names_are_sorted_and_there():
    assert sorted(store.__all__) == store.__all__
    assert all(hasattr(store, name) for name in store.__all__)
