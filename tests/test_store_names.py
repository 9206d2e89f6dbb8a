"""Names, listings, pins, removal and garbage collection."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

import store.files
from store import ArraySpec, IdentityStore, InvalidName, NameInUse, NamePinned, StoreCorruption, UnknownName

ARRAY = ArraySpec("mid", (2, 2, 2, 8, 16), "float16", "float16", ("m0", "m1"))
HOUR = 3600.0


def put(place: IdentityStore, seed: int, name: str | None = None):
    values = np.random.default_rng(seed).normal(size=ARRAY.shape).astype(np.float16)
    return place.put(
        {"seed": seed},
        arrays=[ARRAY],
        steps=lambda: ({"mid": step} for step in values),
        timesteps=[900, 100],
        attributes={"prompt": f"a photo of tiger {seed}", "model": "pocket", "size": [128, 128]},
        attachments={"reference.png": b"the same png"},
        name=name,
    )


def files_of(place: IdentityStore, folder: str) -> list[Path]:
    return sorted(path for path in (place.root / folder).rglob("*") if path.is_file())


def age(place: IdentityStore, seconds: float) -> None:
    """Make everything in the store that much older."""
    for folder in ("blobs", "manifests", "tmp", "trash", "locks", "pins"):
        for path in files_of(place, folder):
            os.utime(path, times=(path.stat().st_mtime - seconds,) * 2)


pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


def test_a_listing_tells_names_first_then_the_nameless_by_age(place):
    nameless = put(place, 0)
    newest = put(place, 3)
    lion, cat = put(place, 1, "lion"), put(place, 2, "cat")
    listed = place.identities()
    assert [info.name for info in listed] == ["cat", "lion", None, None]
    assert [info.digest for info in listed] == [cat.digest, lion.digest, nameless.digest, newest.digest]
    assert (listed[1].prompt, listed[1].model, listed[1].size) == ("a photo of tiger 1", "pocket", [128, 128])
    assert (listed[1].nbytes, listed[1].timesteps) == (ARRAY.nbytes, (900, 100))
    assert abs(listed[1].created - time.time()) < 60
    assert not listed[1].pinned
    assert listed[1].problem is None


def test_a_listing_opens_no_manifest_and_no_blob(place, monkeypatch):
    put(place, 1, "lion")
    opened = []
    real_read = store.files.read
    monkeypatch.setattr(store.files, "read", lambda path: opened.append(path) or real_read(path))
    assert [info.name for info in place.identities()] == ["lion"]
    assert {path.relative_to(place.root).parts[0] for path in opened} == {"refs", "memo"}


def test_a_listing_shows_what_is_damaged(place):
    put(place, 1, "lion"), put(place, 2, "cat")
    (place.root / "refs" / "cat").write_text("{}")
    for manifest in files_of(place, "manifests"):
        manifest.unlink()
    cat, lion = place.identities()[:2]
    assert "checksum" in cat.problem
    assert "missing" in lion.problem


@pytest.mark.parametrize("name", ["tiger", "Tiger (2)", "虎", "a.b-c_d", "x" * 200, "été"])
def test_good_names_work_all_the_way(place, name):
    put(place, 1, name)
    assert IdentityStore(place.root).resolve(name).name == name
    assert [info.name for info in place.identities()] == [name]


def test_composed_and_decomposed_letters_are_one_name(place):
    put(place, 1, "e\u0301te\u0301")
    assert place.resolve("\u00e9t\u00e9").name == "\u00e9t\u00e9"


BAD_NAMES = [
    "",
    " ",
    "tiger ",
    ".",
    "..",
    ".hidden",
    "-rf",
    "../tiger",
    "a/b",
    "/etc/passwd",
    "imported/../x",
    "imported/",
    "imported",
    "a\\b",
    "C:x",
    "nul\0",
    "line\nbreak",
    "\u202etiger",
    "\ud800",
    "x" * 201,
    "é" * 101,
    "a" * 64,
    7,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_bad_names_are_refused_everywhere_and_nothing_is_written(place, name):
    identity = put(place, 1, "tiger")
    before = files_of(place, ".")
    for action in (
        lambda: put(place, 2, name),
        lambda: place.tag(name, identity.digest),
        lambda: place.rename("tiger", name),
        lambda: place.pin(name),
    ):
        with pytest.raises(InvalidName):
            action()
    assert files_of(place, ".") == before


def test_unknown_names_come_with_the_nearest(place):
    put(place, 1, "tiger"), put(place, 2, "lion")
    with pytest.raises(UnknownName, match="'tigre'; did you mean 'tiger'") as caught:
        place.resolve("tigre")
    assert isinstance(caught.value, KeyError)
    with pytest.raises(UnknownName, match="known: 'lion', 'tiger'"):
        place.resolve("zebra-crossing")
    for action in (lambda: place.rename("x", "y"), lambda: place.pin("x"), lambda: place.remove("x")):
        with pytest.raises(UnknownName):
            action()


def test_digests_open_too_whole_or_by_their_start(place):
    identity = put(place, 1)
    assert place.resolve(identity.digest).digest == identity.digest
    assert place.resolve(identity.digest[:8]).name is None
    for unknown in ("f" * 64, "f" * 8, identity.digest[:7]):
        with pytest.raises(UnknownName):
            place.resolve(unknown)


def test_a_name_moves_to_another_identity_unless_told_not_to(place):
    first, second = put(place, 1, "tiger"), put(place, 2)
    with pytest.raises(NameInUse):
        place.tag("tiger", second.digest, replace=False)
    assert place.resolve("tiger").digest == first.digest
    place.tag("tiger", first.digest, replace=False)
    place.tag("tiger", second.digest)
    assert place.resolve("tiger").digest == second.digest
    assert place.get({"seed": 1}).digest == first.digest


def test_renaming_keeps_identity_age_and_pin(place):
    digest = put(place, 1, "tiger").digest
    put(place, 2, "lion")
    place.pin("tiger")
    created = {info.name: info.created for info in place.identities()}
    with pytest.raises(NameInUse):
        place.rename("tiger", "lion")
    place.rename("tiger", "tiger")
    place.rename("tiger", "big cat")
    assert [info.name for info in place.identities()] == ["big cat", "lion"]
    info = place.identities()[0]
    assert (info.digest, info.created, info.pinned) == (digest, created["tiger"], True)


def test_a_pinned_name_is_not_removed_until_unpinned(place):
    put(place, 1, "tiger")
    place.pin("tiger")
    assert place.identities()[0].pinned
    with pytest.raises(NamePinned, match="unpin it first"):
        place.remove("tiger")
    place.unpin("tiger")
    place.remove("tiger")
    assert place.identities() == []


def test_removing_the_last_name_forgets_the_recipe_and_gc_frees_the_bytes(place):
    put(place, 1, "tiger"), put(place, 2, "lion")
    preview = place.remove("tiger", dry_run=True)
    assert place.resolve("tiger")
    assert place.remove("tiger") == preview
    assert preview.reclaimable_bytes == ARRAY.nbytes  # the attachment is shared with lion
    assert place.get({"seed": 1}) is None
    assert place.usage().reclaimable == ARRAY.nbytes
    report = place.gc(grace=0)
    assert report.freed_bytes >= ARRAY.nbytes
    assert (place.usage().reclaimable, place.usage().unique) == (0, ARRAY.nbytes + len(b"the same png"))
    assert place.verify().ok
    assert np.isfinite(place.resolve("lion").step(1)["mid"]).all()


def test_an_identity_with_two_names_survives_the_removal_of_one(place):
    digest = put(place, 1, "tiger").digest
    place.tag("cat", digest)
    removal = place.remove("tiger")
    assert (removal.kept_by, removal.reclaimable_bytes) == (("cat",), 0)
    assert place.gc(grace=0).freed_bytes == 0
    assert place.get({"seed": 1}).digest == digest
    with pytest.raises(NameInUse, match="cat"):
        place.remove(digest)


def test_a_nameless_identity_is_removed_by_its_digest(place):
    digest = put(place, 1).digest
    assert place.remove(digest[:12]).digest == digest
    assert place.get({"seed": 1}) is None
    place.gc(grace=0)
    assert files_of(place, "blobs") == []


def test_a_damaged_name_can_be_removed_or_given_anew(place):
    digest = put(place, 1, "tiger").digest
    (place.root / "refs" / "tiger").write_bytes(b"\0")
    with pytest.raises(StoreCorruption, match="tiger"):
        place.resolve("tiger")
    with pytest.raises(StoreCorruption, match="nothing was collected"):
        place.gc(grace=0)
    place.tag("tiger", digest)
    assert place.resolve("tiger").digest == digest
    (place.root / "refs" / "tiger").write_bytes(b"")
    assert place.remove("tiger").digest is None
    assert place.get({"seed": 1}).digest == digest


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
    ("pin", "spared"),
    [
        ('{"host": "elsewhere", "pid": 1, "started": 1.0}', True),
        ("damaged", True),
        (json.dumps({"host": os.uname().nodename, "pid": 999999999, "started": 1.0}), False),
    ],
)
def test_a_pin_counts_while_its_writer_may_live(place, pin, spared):
    put(place, 1, "tiger")
    place.remove("tiger")
    (place.root / "pins" / "writer").write_text(pin)
    assert (place.gc(grace=0).removed == ()) == spared
    age(place, 2 * HOUR)  # no heartbeat for two hours
    place.gc(grace=0)
    assert files_of(place, "blobs") == []


def test_a_blob_freshened_while_gc_takes_it_is_put_back(place, monkeypatch):
    put(place, 1, "tiger")
    place.remove("tiger")
    age(place, HOUR)
    real_rename = store.files.rename

    def freshen_and_rename(source, target):
        if source.parent.parent.name == "blobs" and target.parent.name == "trash":
            os.utime(source)
        real_rename(source, target)

    monkeypatch.setattr(store.files, "rename", freshen_and_rename)
    place.gc(grace=60)
    assert len(files_of(place, "blobs")) == 3
    assert [path.suffix for path in files_of(place, "trash")] == [".json"]


def test_verify_finds_each_kind_of_damage_and_says_whose(place):
    put(place, 1, "tiger"), put(place, 2, "lion")
    report = place.verify()
    assert (report.ok, report.identities, report.blobs) == (True, 2, 5)
    assert report.checked_bytes == 2 * ARRAY.nbytes + len(b"the same png")
    blob = next(path for path in files_of(place, "blobs") if path.stat().st_size == len(b"the same png"))
    blob.write_bytes(b"The same png")
    (problem,) = place.verify().problems
    assert (problem.path, problem.identities) == (str(blob.relative_to(place.root)), ("lion", "tiger"))
    assert place.verify(full=False).ok
    blob.write_bytes(b"the")
    assert "3 bytes, not 12" in place.verify(full=False).problems[0].message
    blob.unlink()
    assert "missing" in place.verify(full=False).problems[0].message


def test_verify_reads_the_share_that_was_asked_for_and_reports_progress(place):
    for seed in range(30):
        put(place, seed)
    seen = []
    report = place.verify(sample=0.5, progress=lambda done, total: seen.append((done, total)))
    assert 10 < report.checked_blobs < 50 < report.blobs
    assert seen[-1] == (report.checked_bytes, report.checked_bytes)
    with pytest.raises(ValueError, match="0 to 1"):
        place.verify(sample=5)


def test_usage_counts_unique_shared_and_reclaimable_bytes(place):
    tiger, lion = put(place, 1, "tiger"), put(place, 2, "lion")
    place.tag("big cat", lion.digest)
    usage = place.usage()
    assert (usage.unique, usage.shared, usage.reclaimable) == (2 * ARRAY.nbytes, len(b"the same png"), 0)
    assert usage.total == usage.unique + usage.shared
    by_digest = {identity.digest: identity for identity in usage.identities}
    assert by_digest[lion.digest].names == ("big cat", "lion")
    assert (by_digest[tiger.digest].unique, by_digest[tiger.digest].shared) == (ARRAY.nbytes, len(b"the same png"))
