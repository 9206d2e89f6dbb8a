"""Names: which are valid, and finding, giving, changing, pinning and removing them."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.named_identity import ARRAY, ATTACHMENT, files_of, put

from store import IdentityStore, InvalidName, NameInUse, NamePinned, StoreCorruption, UnknownName

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


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
    assert preview.reclaimable_bytes == ARRAY.nbytes + len(ATTACHMENT)  # at most: lion shares the attachment
    assert place.get({"seed": 1}) is None
    assert place.usage().reclaimable == ARRAY.nbytes
    report = place.gc(grace=0)
    assert report.freed_bytes >= ARRAY.nbytes
    assert (place.usage().reclaimable, place.usage().unique) == (0, ARRAY.nbytes + len(ATTACHMENT))
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
