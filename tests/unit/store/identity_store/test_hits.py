"""What was stored once is found again and not computed: by recipe, name and digest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import numpy as np
import pytest
from fixtures.full_identity import ARRAYS, TIMESTEPS, assert_holds, put, steps_of

from store import IdentityStore

pytestmark = pytest.mark.usefixtures("quick_disk")


def test_an_identity_says_when_it_was_last_used(place):
    put(place, name="tiger")
    path = next((place.root / "manifests").rglob(place.resolve("tiger").digest + "*"))
    os.utime(path, (1000, 1000))
    identity = place.resolve("tiger")
    assert identity.used == 1000
    identity.step(0)
    assert abs(identity.used - time.time()) < 60


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
