"""Arrays are stored by value, in chunks, and read back bit for bit; memory stays flat."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from fixtures.full_identity import ARRAYS, TIMESTEPS, assert_holds, put, steps_of

from store import ArraySpec, InvalidValue

pytestmark = pytest.mark.usefixtures("quick_disk")


def test_what_was_stored_is_read_back_bit_for_bit(place):
    stored = put(place, name="tiger")
    for identity in (stored, place.resolve("tiger"), place.get({"seed": 0}), place.resolve(stored.digest[:9])):
        assert identity.digest == stored.digest
        assert (identity.timesteps, identity.arrays) == (TIMESTEPS, ARRAYS)
        assert identity.attributes["box"] == [1, 2.5, 30, 40]
        assert (identity.attachment("reference.png"), identity.attachment("mask.png")) == (b"png 0", b"")
        assert identity.nbytes == sum(array.nbytes for array in ARRAYS)
        assert_holds(identity, 0)


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


def test_strided_and_big_endian_arrays_are_stored_by_value(place):
    def steps():
        for step in steps_of(0):
            swapped = np.ascontiguousarray(step["mid"].transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)
            yield {"mid": swapped, "up0": step["up0"].astype(">u2")}

    assert_holds(put(place, steps=steps), 0)
