"""Verification: what it finds, and how much it reads."""

from __future__ import annotations

import pytest
from fixtures.named_identity import ARRAY, ATTACHMENT, files_of, put

from store import IdentityStore

pytestmark = pytest.mark.usefixtures("quick_disk")


@pytest.fixture
def place(tmp_path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")


def test_verify_finds_each_kind_of_damage_and_says_whose(place):
    put(place, 1, "tiger"), put(place, 2, "lion")
    report = place.verify()
    assert (report.ok, report.identities, report.blobs) == (True, 2, 5)
    assert report.checked_bytes == 2 * ARRAY.nbytes + len(ATTACHMENT)
    blob = next(path for path in files_of(place, "blobs") if path.stat().st_size == len(ATTACHMENT))
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
