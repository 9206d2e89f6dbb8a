"""Listings: what they show, in which order, and what they read."""

from __future__ import annotations

import time

import pytest
from fixtures.named_identity import ARRAY, files_of, put

import store.local.files
from store import IdentityStore

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
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
    real_read = store.local.files.read
    monkeypatch.setattr(store.local.files, "read", lambda path: opened.append(path) or real_read(path))
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
