"""The store's work does not grow with the library: it opens as many files among 200 identities as among 20."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures.disk_faults import skip_syncs
from fixtures.stored_identity import put

import store.local.files
from store import IdentityStore, StoredIdentity

SIZES = (20, 200)


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> list[IdentityStore]:
    with pytest.MonkeyPatch.context() as patch:
        skip_syncs(patch)
        return [filled(tmp_path_factory.mktemp("growth") / str(size), size) for size in SIZES]


def filled(root: Path, size: int) -> IdentityStore:
    place = IdentityStore(root)
    for seed in range(size):
        put(place, seed, f"n{seed}")
    place.tag("other", found(place).digest)
    return place


def found(place: IdentityStore) -> StoredIdentity:
    return place.resolve("n3")


def opened(place: IdentityStore, action: Callable[[IdentityStore], object]) -> Counter[str]:
    """How many files of each part of the layout are read, and how many folders listed."""
    seen: Counter[str] = Counter()

    def counting(operation: str) -> Callable:
        real = getattr(store.local.files, operation)

        def wrapped(path: Path, *rest: object) -> object:
            seen[f"{operation} {path.relative_to(place.root).parts[0]}"] += 1
            return real(path, *rest)

        return wrapped

    with pytest.MonkeyPatch.context() as patch:
        for operation in ("read", "read_into", "read_pieces", "scan", "scan_files"):
            patch.setattr(store.local.files, operation, counting(operation))
        action(place)
    return seen


ACTIONS: dict[str, Callable[[IdentityStore], object]] = {  # in this order, each on the store that the last one left
    "resolve a name": found,
    "resolve a digest": lambda place: place.resolve(found(place).digest),
    "resolve a digest's start": lambda place: place.resolve(found(place).digest[:8]),
    "look up a recipe": lambda place: place.get({"seed": 3}),
    "register again": lambda place: put(place, 3, "n3"),
    "name": lambda place: place.tag("another", found(place).digest),
    "pin": lambda place: place.pin("n3"),
    "unpin": lambda place: place.unpin("n3"),
    "rename": lambda place: place.rename("n4", "renamed"),
    "would remove": lambda place: place.remove("n5", dry_run=True),
    "remove one of three names": lambda place: place.remove("n3"),
    "remove the last name": lambda place: place.remove("n5"),
    "remove a nameless one": lambda place: place.remove(put(place, 1000).digest),
}


def test_each_action_opens_as_many_files_in_a_large_library(places, quick_disk):
    for name, action in ACTIONS.items():
        small, large = (opened(place, action) for place in places)
        assert small == large, name
        assert 1 <= small.total() <= 20, name
    for place in places:  # and it was enough: the names and recipes that are left are the right ones
        names = {info.name for info in place.identities()}
        assert {"other", "another", "renamed"} < names and not names & {"n3", "n4", "n5", None}
        assert place.get({"seed": 3}) is not None and place.get({"seed": 5}) is place.get({"seed": 1000}) is None


@pytest.mark.parametrize("action", [lambda place: place.gc(dry_run=True), IdentityStore.verify], ids=["gc", "verify"])
def test_looking_after_the_library_reads_each_entry_and_manifest_once(places, action):
    for place in places:
        files = Counter(path.parts[len(place.root.parts)] for path in place.root.rglob("*") if path.is_file())
        seen = opened(place, action)
        assert {part: seen[f"read {part}"] for part in ("refs", "recipes", "manifests")} == {
            part: files[part] for part in ("refs", "recipes", "manifests")
        }


def test_listing_reads_no_entry_of_the_named_to_find_the_nameless(places, quick_disk):
    for place in places:
        put(place, 2000)
        assert opened(place, IdentityStore.identities)["read recipes"] <= 4  # three were removed and wait for gc
