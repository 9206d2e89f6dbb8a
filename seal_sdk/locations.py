"""Where identities live, a folder or a URL; and whether images and weights may be fetched from elsewhere."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path, user_data_path

from seal_sdk.errors import ConfigError
from store import IdentityStore, MirroredStore, is_remote

STORE_VARIABLE = "SEAL_STORE"
OFFLINE_VARIABLE = "SEAL_OFFLINE"


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


def open_identities(
    store: str | os.PathLike[str] | IdentityStore | None, *, budget: int | None = None, **options: Any
) -> IdentityStore:
    """The store at a folder or URL, with the options of IdentityStore; a store that is open already stays as it is.

    Raises ConfigError for a budget beside an open store, or a StoreError.
    """
    if isinstance(store, IdentityStore):
        if budget is not None:
            raise ConfigError(
                "store_budget= is for a store that the session opens: give budget= to your IdentityStore."
            )
        return store
    location = store_location(store)
    if is_remote(location):
        return MirroredStore(location, store_folder(store), budget=budget, **{**options, "create": True})
    return IdentityStore(location, budget=budget, **options)


def is_offline() -> bool:
    """Whether ``SEAL_OFFLINE`` forbids the SDK to fetch images and SAM's weights: set, and not empty, 0, false, no or off.

    Models are fetched by diffusers, which heeds ``HF_HUB_OFFLINE``.
    """
    return os.environ.get(OFFLINE_VARIABLE, "").strip().lower() not in ("", "0", "false", "no", "off")
