"""A session on a tiny pipeline."""

from __future__ import annotations

import pytest

from seal_sdk import IdentitySession


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    return IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False)
