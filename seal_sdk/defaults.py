"""What is used where the caller says nothing: where identities live, and how long to sample."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

STORE_VARIABLE = "SEAL_STORE"


@dataclass(frozen=True)
class SamplingDefaults:
    """Steps and guidance of a model; SDXL's are diffusers' own."""

    num_inference_steps: int = 50
    guidance_scale: float = 5.0


POCKET = SamplingDefaults(num_inference_steps=20, guidance_scale=4.0)


def sampling_defaults(model: Any) -> SamplingDefaults:
    """Defaults for the session's ``model`` argument."""
    return POCKET if isinstance(model, str) and model == "pocket" else SamplingDefaults()


def store_root(store: str | os.PathLike[str] | None) -> Path:
    """The folder of the identities: the given one, else ``SEAL_STORE``, else the user's data folder."""
    chosen = os.fspath(store) if store is not None else os.environ.get(STORE_VARIABLE)
    return Path(chosen).expanduser() if chosen else user_data_path("seal") / "identities"
