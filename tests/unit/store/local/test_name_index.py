"""The index of names: whatever happens to it, no name of an identity is overlooked when another is removed."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from errno import ENOSPC
from pathlib import Path

import pytest
from fixtures.disk_faults import FaultyDisk
from fixtures.named_identity import put

import store.local.files
from store import IdentityStore, NameInUse, StoreError
from store.format.entries import new_entry
from store.local.catalog import Catalog
from store.local.name_index import NameIndex

pytestmark = pytest.mark.usefixtures("quick_disk")
TICK = 0.02  # seconds; the clock that stamps folders ticks every few milliseconds


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    """Two names of one identity, and one of another."""
    made = IdentityStore(tmp_path / "identities")
    made.tag("cat", put(made, 1, "tiger").digest)
    put(made, 2, "lion")
    return made


def index_of(place: IdentityStore) -> NameIndex:
    return NameIndex(place._layout, Catalog(place._layout))


def shard_of(place: IdentityStore, name: str) -> Path:
    return place.root / "memo" / "names" / place.resolve(name).digest[:2]


def listed(place: IdentityStore) -> dict[str, list[str]]:
    """All that the index lists, read without its code."""
    shards = [path for path in (place.root / "memo" / "names").iterdir() if len(path.name) == 2]
    return {digest: names for path in shards for digest, names in json.loads(path.read_bytes()[65:]).items()}


def test_it_lists_the_names_of_each_manifest(place):
    assert listed(place) == {
        place.resolve("tiger").digest: ["cat", "tiger"],
        place.resolve("lion").digest: ["lion"],
    }
    assert index_of(place).is_current()


def test_every_change_of_names_keeps_it_current(place):
    digest = place.resolve("tiger").digest
    for change in (
        lambda: place.rename("lion", "leo"),
        lambda: place.pin("leo"),
        lambda: place.unpin("leo"),
        lambda: place.tag("imported/cat", digest),
        lambda: place.remove("cat"),
        lambda: place.prune(max_bytes=0),
        lambda: place.gc(grace=0),
    ):
        time.sleep(TICK)
        change()
        assert index_of(place).is_current()
    assert place.remove("tiger").kept_by == ("imported/cat",)


def write_ref(place: IdentityStore) -> None:
    """Give a name as whoever knows no index would."""
    catalog, digest = Catalog(place._layout), place.resolve("tiger").digest
    catalog.remove("ref", "cat")
    time.sleep(TICK)
    catalog.write(new_entry("ref", "cat", digest, catalog.manifest(digest)))


def copy_away(place: IdentityStore) -> None:
    shutil.copytree(place.root, f"{place.root}-copy", copy_function=shutil.copyfile)
    shutil.rmtree(place.root)
    Path(f"{place.root}-copy").rename(place.root)


def hide_cat(place: IdentityStore) -> None:
    """Leave the index as if the name had never been listed."""
    index = index_of(place)
    index.rebuild([entry for entry in Catalog(place._layout).entries("ref")[0] if entry.id != "cat"])


LOSSES: dict[str, Callable[[IdentityStore], object]] = {
    "nothing": lambda place: None,
    "the caches": lambda place: shutil.rmtree(place.root / "memo"),
    "the index": lambda place: shutil.rmtree(place.root / "memo" / "names"),
    "a file of it": lambda place: shard_of(place, "tiger").unlink(),
    "a bit of it": lambda place: shard_of(place, "tiger").write_bytes(b"x" + shard_of(place, "tiger").read_bytes()[1:]),
    "half a file of it": lambda place: os.truncate(shard_of(place, "tiger"), 80),
    "its marks": lambda place: (place.root / "memo" / "names" / "refs").unlink(),
    "a name given by others": lambda place: (hide_cat(place), time.sleep(TICK), write_ref(place)),
    "the times of a copied store": lambda place: (hide_cat(place), copy_away(place)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dry_run", [True, False])
def test_whatever_it_lost_no_name_is_overlooked(place, loss, dry_run):
    LOSSES[loss](place)
    if loss != "a file of it":  # only the index as a whole may be deleted; a name that is given tells even so
        with pytest.raises(NameInUse, match="'cat'"):
            place.remove(place.resolve("tiger").digest, dry_run=dry_run)
    assert place.remove("tiger", dry_run=dry_run).kept_by == ("cat",)
    assert place.get({"seed": 1}) is not None
    assert place.resolve("cat").digest == place.get({"seed": 1}).digest


@pytest.mark.parametrize("loss", ["the index", "its marks", "a name given by others"])
def test_it_is_written_anew_by_the_first_removal(place, loss):
    LOSSES[loss](place)
    assert not index_of(place).is_current()
    place.remove("lion")
    assert index_of(place).is_current()
    assert listed(place)[place.resolve("tiger").digest] == ["cat", "tiger"]


@pytest.mark.parametrize("loss", ["a file of it", "a bit of it"])
def test_gc_mends_it_and_drops_what_has_no_such_name_any_more(place, loss):
    gone = place.remove("lion").digest
    LOSSES[loss](place)
    assert listed_or_damaged(place).get(gone, ["lion"]) == ["lion"]
    place.gc(grace=0)
    assert listed(place) == {place.resolve("tiger").digest: ["cat", "tiger"]}


def listed_or_damaged(place: IdentityStore) -> dict[str, list[str]]:
    try:
        return listed(place)
    except ValueError:
        return {}


def test_a_full_disk_lets_names_be_removed(place, monkeypatch):
    shutil.rmtree(place.root / "memo")

    def full(*arguments: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(store.local.files, "create", full)
    assert place.remove("tiger").kept_by == ("cat",)
    assert {info.name for info in place.identities()} == {"cat", "lion"}


def test_a_change_that_fails_anywhere_leaves_an_index_that_overlooks_nothing(tmp_path):
    for nth in range(1, 40):
        place = IdentityStore(tmp_path / str(nth))
        digest = put(place, 1, "tiger").digest
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, nth)
            try:
                place.tag("cat", digest)
            except StoreError:
                assert disk.failed
        there = {info.name for info in place.identities()} - {"tiger"}
        assert set(place.remove("tiger").kept_by) == there
        assert (place.get({"seed": 1}) is not None) == bool(there)
        if not disk.failed:
            return
    raise AssertionError("every operation failed")
