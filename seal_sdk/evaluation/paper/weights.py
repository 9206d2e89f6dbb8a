"""Weights of a metric: a local file or folder, or a repository of the hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError

from seal_sdk.backbone.loading import quiet_unless_terminal
from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.segmentation import weight_files

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # as transformers names them, in order of preference
_SMALL = ("*.json", "*.txt")  # configuration and vocabulary
_SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".json", ".ckpt")


def not_found(name: str, looked_for: str, why: object = "") -> WeightsNotFound:
    """An error that says what was looked for and how to provide it."""
    reason = f" ({str(why).splitlines()[0].rstrip('.')})" if str(why) else ""
    return WeightsNotFound(
        f"{name}: found no weights at {looked_for}{reason}. Give a path that holds them, --weights {name}=PATH, or run "
        "this once where the network reaches the hub."
    )


def here(name: str, given: str) -> Path | None:
    """A local file or folder; None if the text can only be the id of a hub repository.

    Raises:
        WeightsNotFound: If it is a path and nothing exists there.
    """
    path = Path(given).expanduser()
    if path.exists():
        return path
    if path.is_absolute() or given.startswith((".", "~")) or path.suffix in _SUFFIXES or given.count("/") != 1:
        raise not_found(name, given, "there is no such file or folder")
    return None


def model_folder(name: str, given: str) -> Path:
    """A folder in transformers' layout: a local one, or a hub repository, which is downloaded."""
    path = here(name, given)
    if path is None:
        with _hub(name, given):
            folder = Path(snapshot_download(given, allow_patterns=list(_SMALL)))
            try:
                hf_hub_download(given, _WEIGHTS[0])
            except EntryNotFoundError:
                hf_hub_download(given, _WEIGHTS[1])
            return folder
    if not any((path / each).is_file() for each in (*_WEIGHTS, _WEIGHTS[0] + ".index.json")):
        raise not_found(name, str(path), f"a folder with {' or '.join(_WEIGHTS)} was expected")
    return path


def hub_file(name: str, repository: str, file: str) -> Path:
    """A file of a hub repository. It is downloaded once."""
    with _hub(name, f"{repository}, {file}"):
        return Path(hf_hub_download(repository, file))


def hub_files(name: str, repository: str, patterns: Sequence[str]) -> Path:
    """A folder with the files of a hub repository that match a pattern. They are downloaded once."""
    with _hub(name, repository):
        return Path(snapshot_download(repository, allow_patterns=list(patterns)))


def pretrained(kind: Any, folder: Path, name: str, **options: Any) -> Any:
    """Load a transformers model for inference, in fp32.

    Args:
        kind: The model's class.
        folder: Folder in transformers' layout.
        name: Name of the metric, for errors.
        **options: Further arguments of ``from_pretrained``.

    Raises:
        WeightsNotFound: If the folder cannot be read.
        ConfigError: If weights are missing, which transformers would initialize at random.
    """
    try:
        with quiet_unless_terminal():
            model, found = kind.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, dtype=torch.float32, **options
            )
    except (OSError, ValueError) as error:
        raise not_found(name, str(folder), error) from error
    except RuntimeError as error:
        raise ConfigError(f"{name}: {folder} does not fit {kind.__name__}: {error}") from error
    if found["missing_keys"]:
        missing = ", ".join(sorted(found["missing_keys"])[:3])
        raise ConfigError(f"{name}: {folder} is no {kind.__name__}: it lacks {missing}, ...")
    return model.eval().requires_grad_(False)


def read_tensors(path: Path, name: str) -> Any:
    """The content of a ``.safetensors`` file or a torch checkpoint. Pickled code is never executed.

    Raises:
        WeightsNotFound: If the file cannot be read this way.
    """
    try:
        return weight_files.read_tensors(path)
    except Exception as error:
        raise not_found(name, str(path), f"it cannot be read as tensors alone: {error}") from error


@contextmanager
def _hub(name: str, looked_for: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EntryNotFoundError) as error:
        raise not_found(name, f"the hub's {looked_for}", error) from error
