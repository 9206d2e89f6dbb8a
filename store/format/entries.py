"""Entries: the small mutable files that point to a manifest.

A recipe entry points from a recipe key to the manifest that answers it. A ref points from a name to a manifest. Each
file is one line of JSON and one line with that line's SHA-256. It holds its own kind and id, so that a flipped bit, a
cut or a swapped file is noticed. ``summary`` repeats what a listing shows, so that a listing opens no manifest.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..errors import StoreCorruption
from .keys import canonical_json
from .layout import is_hex
from .manifest import Manifest

Kind = Literal["recipe", "ref"]
_SUMMARY = ("prompt", "model", "size")  # attributes that a listing shows


@dataclass(frozen=True)
class Entry:
    """One pointer to a manifest.

    Args:
        kind: "recipe" or "ref".
        id: The recipe key or the name.
        manifest: SHA-256 of the manifest.
        created: Seconds since the epoch.
        summary: What a listing shows.
        pinned: Whether the name is protected from removal.
    """

    kind: Kind
    id: str
    manifest: str
    created: float
    summary: Mapping[str, Any] = field(default_factory=dict)
    pinned: bool = False

    def to_bytes(self) -> bytes:
        """Serialize, with the checksum line."""
        body = canonical_json(asdict(self))
        return body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"

    @staticmethod
    def from_bytes(data: bytes, kind: Kind, id: str) -> Entry:
        """Parse and check a file.

        Raises:
            StoreCorruption: It is damaged, or belongs to another kind or id.
        """
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


def new_entry(kind: Kind, id: str, digest: str, manifest: Manifest, *, pinned: bool = False) -> Entry:
    """Make an entry that is created now and points to ``manifest``, whose SHA-256 is ``digest``."""
    summary = {name: manifest.attributes[name] for name in _SUMMARY if name in manifest.attributes}
    summary |= {"nbytes": manifest.nbytes, "timesteps": list(manifest.timesteps)}
    return Entry(kind, id, digest, time.time(), summary, pinned)
