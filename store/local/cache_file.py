"""The files of caches: JSON behind its SHA-256, so that a damaged one counts as missing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import disk


def load(path: Path) -> dict[str, Any] | None:
    """Read the rows of a cache. None where it is missing or damaged."""
    check, _, body = (disk.read(path) or b"").partition(b"\n")
    if check != hashlib.sha256(body).hexdigest().encode():
        return None
    rows: dict[str, Any] = json.loads(body)
    return rows


def save(path: Path, rows: Mapping[str, Any], *, tmp: Path) -> None:
    """Write the rows of a cache atomically, as :func:`store.local.disk.publish_cache` does."""
    body = json.dumps(rows, separators=(",", ":")).encode()
    disk.publish_cache(path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body, tmp=tmp)
