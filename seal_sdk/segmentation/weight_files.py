"""Files of weights: read without running what pickles may hold, and told apart by their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def read_tensors(path: Path) -> Any:
    """What a ``.safetensors`` file or a torch checkpoint holds, on the CPU; pickled programs are never run.

    Raises whatever the libraries do: unpicklers raise anything on hostile bytes.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
