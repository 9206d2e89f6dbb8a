"""An empty store."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import IdentityStore


@pytest.fixture
def place(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "identities")
