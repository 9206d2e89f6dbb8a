"""The listing cache: every change is noticed, and a lost or damaged cache does not matter."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

import store.local.files
import store.local.listing_cache
from store import ArraySpec, IdentityStore
from store.format.layout import Layout

SPEC = ArraySpec("mid", (2, 1, 2, 2, 4), "float32", "float32", ("a",))


def put(place: IdentityStore, number: int, name: str | None = None):
    step = np.full(SPEC.shape[1:], number, "f4")
    return place.put(
        {"i": number},
        arrays=[SPEC],
        steps=lambda: iter([{"mid": step}, {"mid": step + 0.5}]),
        timesteps=[9, 1],
        attributes={"prompt": f"a {number}"},
        attachments={},
        name=name,
    )


def grown_old(place: IdentityStore) -> None:
    """Files settle after two seconds; these are made older."""
    past = time.time() - 60
    for path in place.root.rglob("*"):
        if path.is_file():
            os.utime(path, (past, past))


@pytest.fixture(autouse=True)
def eager_cache(quick_disk, monkeypatch) -> None:
    monkeypatch.setattr(store.local.listing_cache, "_MIN_READS", 1)


@pytest.fixture
def place(tmp_path):
    made = IdentityStore(tmp_path / "store")
    for number in range(6):
        put(made, number, f"n{number}")
    grown_old(made)
    made.identities(), made.usage()
    assert set(tables(made)) == {made.root / "memo" / "refs", made.root / "memo" / "blobs"}
    return made


def tables(place: IdentityStore) -> list[Path]:
    """The files of the cache."""
    return [path for path in (place.root / "memo").iterdir() if path.is_file()]


def read_anew(place: IdentityStore):
    """What a store without a cache answers."""
    for path in tables(place):
        path.unlink()
    return place.identities(), place.usage()


def reads(place: IdentityStore, monkeypatch) -> list[str]:
    """Names of the folders of the files that a listing and a count read."""
    seen = []
    original = store.local.files.read
    monkeypatch.setattr(
        store.local.files, "read", lambda path: seen.append(path.parts[len(place.root.parts)]) or original(path)
    )
    place.identities(), place.usage()
    return seen


def test_a_second_look_reads_no_ref_and_no_manifest(place, monkeypatch):
    assert set(reads(place, monkeypatch)) == {"memo"}


def test_the_answers_are_those_of_a_store_without_a_cache(place):
    assert (place.identities(), place.usage()) == read_anew(place)


CHANGES = {
    "another identity": lambda place: put(place, 9, "n9"),
    "a nameless identity": lambda place: put(place, 10),
    "a name moves": lambda place: place.tag("n1", place.resolve("n2").digest),
    "a name is pinned": lambda place: place.pin("n3"),
    "a name goes": lambda place: place.remove("n0"),
    "a name is changed": lambda place: place.rename("n0", "zero"),
    "garbage goes": lambda place: (place.remove("n0"), place.gc(grace=0)),
    "a ref is damaged": lambda place: Layout(place.root).ref("n4").write_bytes(b"x"),
    "a manifest is lost": lambda place: Layout(place.root).manifest(place.resolve("n5").digest).unlink(),
    "a blob is left over": lambda place: (
        Layout(place.root).blob("ab" + "0" * 30).parent.mkdir(exist_ok=True)
        or Layout(place.root).blob("ab" + "0" * 30).write_bytes(b"left over")
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_noticed(place, change):
    before = place.identities(), place.usage()
    change(place)
    after = place.identities(), place.usage()
    assert str(after) != str(before)
    assert str(after) == str(read_anew(place))


@pytest.mark.parametrize("damage", [b"", b"{", b"0" * 64 + b"\n{}"], ids=["empty", "cut", "wrong"])
def test_a_damaged_cache_is_replaced(place, damage):
    wanted = place.identities(), place.usage()
    for path in tables(place):
        path.write_bytes(damage)
    assert (place.identities(), place.usage()) == wanted


def test_a_store_that_cannot_be_written_is_listed_all_the_same(place, monkeypatch):
    wanted = read_anew(place)
    for path in tables(place):
        path.unlink()

    def refused(*arguments):
        raise PermissionError(13, "read-only")

    monkeypatch.setattr(store.local.files, "create", refused)
    assert (place.identities(), place.usage()) == wanted


def test_what_changed_a_moment_ago_is_not_cached(tmp_path, monkeypatch):
    young = IdentityStore(tmp_path / "young")
    put(young, 1, "one")
    young.identities()
    assert "refs" in reads(young, monkeypatch)


def test_looking_at_many_is_quick(tmp_path):
    place = IdentityStore(tmp_path / "many")
    for number in range(300):
        put(place, number, f"n{number}")
    grown_old(place)
    place.identities(), place.usage()
    started = time.process_time()
    place.identities(), place.usage()
    assert time.process_time() - started < 0.5  # 10,000 take about as long
