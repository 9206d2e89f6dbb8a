"""Usage: unique, shared and reclaimable bytes."""

from __future__ import annotations

import pytest
from fixtures.named_identity import ARRAY, ATTACHMENT, put

from store import IdentityStore

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


def test_usage_counts_unique_shared_and_reclaimable_bytes(place):
    tiger, lion = put(place, 1, "tiger"), put(place, 2, "lion")
    place.tag("big cat", lion.digest)
    usage = place.usage()
    assert (usage.unique, usage.shared, usage.reclaimable) == (2 * ARRAY.nbytes, len(ATTACHMENT), 0)
    assert usage.total == usage.unique + usage.shared
    by_digest = {identity.digest: identity for identity in usage.identities}
    assert by_digest[lion.digest].names == ("big cat", "lion")
    assert (by_digest[tiger.digest].unique, by_digest[tiger.digest].shared) == (ARRAY.nbytes, len(ATTACHMENT))
