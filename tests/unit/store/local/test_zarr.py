"""The read-only Zarr view: exact arrays and metadata through zarr-python, and errors where it would read zeros."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype

from store import ArraySpec, IdentityStore, StoreCorruption

TIMESTEPS = (981, 501, 21)
ARRAYS = (
    ArraySpec("mid", (3, 4, 2, 8, 16), "float16", "float16", ("m0", "m1", "m2", "m3"), layers_per_chunk=2),
    ArraySpec("up0", (3, 6, 2, 5, 4), "uint16", "bfloat16", tuple("abcdef"), layers_per_chunk=3),
    ArraySpec("scale", (3, 1, 2, 1, 4), "int8", "int8", ("all",)),
)


def values_of(array: ArraySpec) -> np.ndarray:
    rng = np.random.default_rng(len(array.name))
    return rng.integers(0, 256, (*array.shape[:-1], array.chunk_shape[-1] * array.numpy_dtype.itemsize), np.uint8).view(
        array.dtype
    )


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path: Path) -> IdentityStore:
    place = IdentityStore(tmp_path / "identities")
    place.put(
        {"seed": 0},
        arrays=ARRAYS,
        steps=lambda: ({array.name: values_of(array)[index] for array in ARRAYS} for index in range(3)),
        timesteps=TIMESTEPS,
        attributes={"prompt": "a tiger"},
        attachments={"reference.png": b"png"},
        name="tiger",
    )
    return place


def test_a_group_reads_the_exact_arrays(place):
    group = zarr.open_group(place.zarr("tiger"), mode="r")
    assert sorted(group.array_keys()) == ["mid", "scale", "up0"]
    for array in ARRAYS:
        node = group[array.name]
        assert (node.shape, node.chunks, node.dtype) == (array.shape, array.chunk_shape, np.dtype(array.dtype))
        assert node[:].tobytes() == values_of(array).tobytes()
        assert node[1, -1].tobytes() == values_of(array)[1, -1].tobytes()
        assert node.attrs.asdict() == {"logical_dtype": array.logical_dtype, "layers": list(array.layers)}
        assert node.metadata.dimension_names == ("timestep", "layer", "kv", "token", "channel")


def test_the_group_tells_what_the_identity_is(place):
    identity = place.resolve("tiger")
    attributes = zarr.open_group(identity.zarr(), mode="r").attrs.asdict()
    assert attributes["digest"] == identity.digest
    assert attributes["timesteps"] == list(TIMESTEPS)
    assert attributes["recipe"] == {"seed": 0}
    assert attributes["attributes"] == {"prompt": "a tiger"}


def test_one_array_opens_by_its_path(place):
    array = zarr.open_array(place.zarr("tiger"), path="up0", mode="r")
    assert array[2, 5, 1].tobytes() == values_of(ARRAYS[1])[2, 5, 1].tobytes()


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(bytes(512))]
)
def test_a_missing_or_wrong_chunk_raises_and_never_reads_as_zeros(place, damage):
    array = zarr.open_group(place.zarr("tiger"), mode="r")["mid"]
    for path in (place.root / "blobs").rglob("*"):
        if path.is_file() and path.stat().st_size == ARRAYS[0].chunk_nbytes:
            damage(path)
    with pytest.raises(StoreCorruption, match="identity 'tiger', timestep 501, layers m2, m3") as caught:
        array[1, 2]
    assert caught.value.layers == ("m2", "m3")
    assert zarr.open_group(place.zarr("tiger"), mode="r")["up0"][:].any()


@pytest.mark.parametrize("mode", ["r+", "a", "w"])
def test_nothing_can_be_written(place, mode):
    before = place.verify()
    with pytest.raises(ValueError, match=r"read.only"):
        zarr.open_group(place.zarr("tiger"), mode=mode)["mid"][0] = 0
    view = place.zarr("tiger")
    assert (view.read_only, view.supports_writes, view.supports_deletes) == (True, False, False)
    for action in (view.set("mid/c/0/0/0/0/0", None), view.delete("zarr.json"), view.clear()):
        with pytest.raises((ValueError, NotImplementedError)):
            asyncio.run(action)
    with pytest.raises(ValueError, match="never changes"):
        view.with_read_only(False)
    assert place.verify() == before


def test_keys_list_exactly_what_can_be_read(place):
    async def collect(keys):
        return sorted([key async for key in keys])

    view = place.zarr("tiger")
    keys = asyncio.run(collect(view.list()))
    assert len(keys) == 1 + 3 + 3 * (2 + 2 + 1)
    assert asyncio.run(collect(view.list_dir(""))) == ["mid", "scale", "up0", "zarr.json"]
    assert asyncio.run(collect(view.list_dir("mid"))) == ["c", "zarr.json"]
    assert asyncio.run(collect(view.list_dir("mid/c/"))) == ["0", "1", "2"]
    assert asyncio.run(collect(view.list_prefix("up0/c/1"))) == ["up0/c/1/0/0/0/0", "up0/c/1/1/0/0/0"]
    for key in keys:
        value = asyncio.run(view.get(key, default_buffer_prototype()))
        assert asyncio.run(view.exists(key))
        assert asyncio.run(view.getsize(key)) == len(value)


@pytest.mark.parametrize("key", ["", "nothing", "mid", "mid/c", "mid/c/3/0/0/0/0", "../FORMAT", "/etc/passwd"])
def test_other_keys_do_not_exist(place, key):
    view = place.zarr("tiger")
    assert asyncio.run(view.get(key, default_buffer_prototype())) is None
    assert not asyncio.run(view.exists(key))
    with pytest.raises(FileNotFoundError):
        asyncio.run(view.getsize(key))


def test_parts_of_a_chunk(place):
    view, key = place.zarr("tiger"), "scale/c/1/0/0/0/0"
    whole = values_of(ARRAYS[2])[1].tobytes()
    requests = [(key, RangeByteRequest(2, 5)), (key, OffsetByteRequest(3)), (key, SuffixByteRequest(2)), (key, None)]
    parts = asyncio.run(view.get_partial_values(default_buffer_prototype(), requests))
    assert [part.to_bytes() for part in parts] == [whole[2:5], whole[3:], whole[-2:], whole]
    with pytest.raises(TypeError, match="Unexpected byte_range"):
        asyncio.run(view.get(key, default_buffer_prototype(), (0, 2)))


def test_views_compare_by_identity_and_survive_pickling(place):
    view = place.zarr("tiger")
    again = pickle.loads(pickle.dumps(view))
    assert again == view == place.resolve("tiger").zarr() == view.with_read_only(True)
    assert hash(again) == hash(view)
    assert zarr.open_group(again, mode="r")["mid"][:].tobytes() == values_of(ARRAYS[0]).tobytes()
    assert "tiger" in str(view)
    assert view != place.root
