"""Garbage collection: what it takes, and what it never takes."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
from fixtures.named_identity import ARRAY, HOUR, age, files_of, put

import store.local.files
from store import IdentityStore, StoreCorruption

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


def test_gc_takes_only_what_nothing_refers_to_and_what_is_old(place):
    put(place, 1, "tiger"), put(place, 2)
    put(place, 3, "lion")
    place.remove("lion")
    assert place.gc(grace=HOUR).removed == ()
    age(place, 2 * HOUR)
    dry = place.gc(grace=HOUR, dry_run=True)
    assert dry.dry_run
    assert len(files_of(place, "trash")) == 0
    report = place.gc(grace=HOUR)
    assert report.removed == dry.removed
    assert (report.trashed_bytes, report.freed_bytes) == (dry.trashed_bytes, 0)
    assert len(files_of(place, "trash")) == len(report.removed) == 3
    assert place.gc(grace=HOUR).freed_bytes == 0
    assert place.gc(grace=0).freed_bytes == report.trashed_bytes
    assert (place.resolve("tiger"), place.get({"seed": 2})) != (None, None)
    assert place.verify().ok


def test_blobs_that_are_stored_again_are_young_again(place):
    """A writer that fails after this may try again within the grace period and still find them."""
    put(place, 1, "tiger")
    place.remove("tiger")
    age(place, HOUR)
    put(place, 1)
    assert all(time.time() - blob.stat().st_mtime < HOUR / 2 for blob in files_of(place, "blobs"))


def test_gc_takes_recipe_entries_that_lead_nowhere_but_never_what_a_name_needs(place):
    put(place, 1, "tiger"), put(place, 2)
    for recipe in files_of(place, "recipes"):
        recipe.write_bytes(recipe.read_bytes()[:-1])
    place.gc(grace=0)
    assert files_of(place, "recipes") == []
    assert len(files_of(place, "manifests")) == 1
    assert np.isfinite(place.resolve("tiger").step(0)["mid"]).all()
    for manifest in files_of(place, "manifests"):
        manifest.write_bytes(b"{}")
    with pytest.raises(StoreCorruption, match="nothing was collected: identity 'tiger'"):
        place.gc(grace=0)
    assert len(files_of(place, "blobs")) == 3


def test_gc_takes_leftovers_of_dead_writers_and_their_locks(place):
    put(place, 1, "tiger")
    put(place, 2)
    place.remove(place.get({"seed": 2}).digest)
    (place.root / "tmp" / "left-by-a-killed-writer").write_bytes(b"half a blob")
    (place.root / "pins" / "dead").write_text(
        json.dumps({"host": os.uname().nodename, "pid": 999999999, "started": 1.0})
    )
    place.gc(grace=0)
    assert files_of(place, "tmp") == files_of(place, "pins") == []
    assert len([path for path in files_of(place, "locks") if len(path.name) == 64]) == 1


def test_gc_spares_everything_that_a_live_writer_may_be_about_to_name(place):
    put(place, 1, "tiger")
    place.remove("tiger")
    collected = []

    def steps():
        collected.append(place.gc(grace=0))
        yield {"mid": np.random.default_rng(1).normal(size=ARRAY.shape).astype(np.float16)[0]}
        collected.append(place.gc(grace=0))
        yield {"mid": np.zeros(ARRAY.shape[1:], np.float16)}

    stored = place.put(
        {"new": 1}, arrays=[ARRAY], steps=steps, timesteps=[900, 100], attributes={}, attachments={}, name="new"
    )
    assert [report.removed for report in collected] == [(), ()]
    assert place.verify().ok
    assert stored.step(1)["mid"].sum() == 0


@pytest.mark.parametrize(
    ("lease", "spared"),
    [
        ('{"host": "elsewhere", "pid": 1, "started": 1.0}', True),
        ("damaged", True),
        (json.dumps({"host": os.uname().nodename, "pid": 999999999, "started": 1.0}), False),
    ],
)
def test_a_lease_counts_while_its_writer_may_live(place, lease, spared):
    put(place, 1, "tiger")
    place.remove("tiger")
    (place.root / "pins" / "writer").write_text(lease)
    assert (place.gc(grace=0).removed == ()) == spared
    age(place, 2 * HOUR)  # not renewed for two hours
    place.gc(grace=0)
    assert files_of(place, "blobs") == []


def test_a_blob_touched_while_gc_takes_it_is_put_back(place, monkeypatch):
    put(place, 1, "tiger")
    place.remove("tiger")
    age(place, HOUR)
    real_rename = store.local.files.rename

    def touch_and_rename(source, target):
        if source.parent.parent.name == "blobs" and target.parent.name == "trash":
            os.utime(source)
        real_rename(source, target)

    monkeypatch.setattr(store.local.files, "rename", touch_and_rename)
    place.gc(grace=60)
    assert len(files_of(place, "blobs")) == 3
    assert [path.suffix for path in files_of(place, "trash")] == [".json"]
