"""What is used where the caller says nothing: where identities live, and how long to sample."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from store import IdentityStore, MirroredStore, is_remote

STORE_VARIABLE = "SEAL_STORE"


@dataclass(frozen=True)
class SamplingDefaults:
    """Steps and guidance of a model; SDXL's are diffusers' own."""

    num_inference_steps: int = 50
    guidance_scale: float = 5.0


POCKET = SamplingDefaults(num_inference_steps=20, guidance_scale=2.0)


def sampling_defaults(model: Any) -> SamplingDefaults:
    """Defaults for the session's ``model`` argument."""
    return POCKET if isinstance(model, str) and model == "pocket" else SamplingDefaults()


def store_location(store: str | os.PathLike[str] | None) -> str:
    """Where the identities are, a folder or a URL: the given one, else ``SEAL_STORE``, else the user's data folder."""
    chosen = os.fspath(store) if store is not None else os.environ.get(STORE_VARIABLE)
    if chosen and is_remote(chosen):
        return chosen
    return str(Path(chosen).expanduser() if chosen else user_data_path("seal") / "identities")


def store_folder(store: str | os.PathLike[str] | None) -> Path:
    """The folder of the identities; for a URL, that of its cache on this machine."""
    location = store_location(store)
    if is_remote(location):
        return user_cache_path("seal") / "mirrors" / hashlib.sha256(location.encode()).hexdigest()[:16]
    return Path(location)


def open_identities(store: str | os.PathLike[str] | None, **options: Any) -> IdentityStore:
    """The store at a folder or URL, with the options of IdentityStore. Raises StoreError."""
    location = store_location(store)
    if is_remote(location):
        return MirroredStore(location, store_folder(store), **{**options, "create": True})
    return IdentityStore(location, **options)
