"""What the tests of the baselines share."""

from __future__ import annotations

import pytest

from seal_sdk.evaluation import triples


@pytest.fixture(scope="module")
def triple():
    """A question about a subject of the procedural world."""
    return next(triples([400_002], ("mesh",)))
