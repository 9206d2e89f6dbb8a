"""What makes no sense is refused, and nothing incomplete is ever published."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.full_identity import ARRAYS, assert_holds, put, steps_of

from store import ArraySpec, InvalidName, InvalidValue, UnknownName

pytestmark = pytest.mark.usefixtures("quick_disk")


def test_an_unknown_attachment_is_named_with_the_nearest(place):
    with pytest.raises(UnknownName, match=r"did you mean 'mask\.png'"):
        put(place).attachment("mask.jpg")


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


def test_invalid_names_are_told_why(place):
    put(place)
    with pytest.raises(InvalidName, match="control"):
        put(place, name="a\nb")
