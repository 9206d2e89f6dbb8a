"""Leases: whom they protect, how they are renewed, and when they expire."""

from __future__ import annotations

import os
import time

import pytest
from fixtures.stored_identity import put

from store import IdentityStore
from store.format.layout import Layout
from store.local import leases

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def layout(tmp_path) -> Layout:
    return Layout(IdentityStore(tmp_path / "identities").root)


def grow_old(layout: Layout) -> None:
    past = time.time() - leases.EXPIRES_AFTER - 60
    for path in layout.leases.iterdir():
        os.utime(path, (past, past))


def test_a_readers_lease_names_its_identity_and_ends_with_the_block(layout):
    with leases.read_lease(layout, "a" * 64):
        assert leases.leased_identities(layout) == {"a" * 64} and leases.oldest_writer(layout) is None
    assert leases.leased_identities(layout) == set() and not list(layout.leases.iterdir())


def test_a_writers_lease_tells_since_when(layout):
    before = time.time()
    with leases.write_lease(layout):
        since = leases.oldest_writer(layout)
        assert since is not None and before - 61 < since <= time.time() - 60  # less the clock skew
    assert leases.oldest_writer(layout) is None


@pytest.mark.parametrize("renewed", [True, False])
def test_a_lease_expires_unless_it_is_renewed(layout, renewed):
    with leases.read_lease(layout, "a" * 64) as renew:
        grow_old(layout)
        if renewed:
            renew()
        assert leases.count_expired(layout) == (0 if renewed else 1)
        assert leases.leased_identities(layout) == ({"a" * 64} if renewed else set())
        assert leases.remove_expired(layout) == (0 if renewed else 1)


def test_progress_can_renew_a_lease(layout):
    seen = []
    with leases.write_lease(layout) as renew:
        grow_old(layout)
        leases.renewing(renew, lambda done, total: seen.append((done, total)))(1, 2)
        assert leases.count_expired(layout) == 0
    assert seen == [(1, 2)]


def test_a_stored_identity_hands_out_its_lease(layout):
    stored = put(IdentityStore(layout.root), 0)
    with stored.lease() as renew:
        assert leases.leased_identities(layout) == {stored.digest}
        grow_old(layout)
        renew()
        assert leases.leased_identities(layout) == {stored.digest}
