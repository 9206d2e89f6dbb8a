"""The small mutable files of a store: what points to a manifest.

A recipe entry says which manifest answers a recipe; a ref says which manifest carries a name. Each file is one line of
JSON and one line with that line's SHA-256, and holds its own kind and id, so that a flipped bit, a cut or a swapped
file is noticed. ``summary`` repeats what a listing shows, so that listing opens no manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .errors import StoreCorruption
from .keys import canonical_json
from .layout import is_hex

Kind = Literal["recipe", "ref"]


@dataclass(frozen=True)
class Entry:
    """One pointer: ``id`` is the recipe key or the name, ``created`` seconds since the epoch."""

    kind: Kind
    id: str
    manifest: str
    created: float
    summary: Mapping[str, Any] = field(default_factory=dict)
    pinned: bool = False

    def to_bytes(self) -> bytes:
        body = canonical_json(asdict(self))
        return body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"

    @staticmethod
    def from_bytes(data: bytes, kind: Kind, id: str) -> Entry:
        """Parse and check a file. Raises StoreCorruption where it is not the intact entry of this kind and id."""
        body, _, check = data.partition(b"\n")
        if check != hashlib.sha256(body).hexdigest().encode() + b"\n":
            raise StoreCorruption(f"the entry of {kind} {id!r} is damaged: its checksum does not match")
        try:
            entry = Entry(**json.loads(body))
        except (TypeError, ValueError) as error:
            raise StoreCorruption(f"the entry of {kind} {id!r} cannot be read: {error}") from error
        if (entry.kind, entry.id) != (kind, id) or not is_hex(entry.manifest, 64):
            raise StoreCorruption(f"the entry of {kind} {id!r} belongs to {entry.kind} {entry.id!r}")
        return entry
