"""Where SAM's weights come from: the embedded model, a file, or the official download with its checksum."""

from __future__ import annotations

import os
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from platformdirs import user_cache_path

from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.locations import OFFLINE_VARIABLE, is_offline
from seal_sdk.segmentation.sam import SamSegmenter
from seal_sdk.segmentation.weight_files import file_digest, read_tensors

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

WEIGHTS_VARIABLE = "SEAL_SAM_WEIGHTS"
OFFICIAL = "https://dl.fbaipublicfiles.com/segment_anything/"
FILES = {
    "vit_b": "sam_vit_b_01ec64.pth",
    "vit_l": "sam_vit_l_0b3195.pth",
    "vit_h": "sam_vit_h_4b8939.pth",
}  # name_<sha256 prefix>
WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}  # channels of the image encoder


def load_sam(weights: str | os.PathLike[str] | None = None, device: torch.device | str = "cpu") -> SamSegmenter:
    """A segmenter with the given weights: "pocket", "vit_b", "vit_l", "vit_h", or a file (``.pth`` or ``.safetensors``).

    None: the file that ``SEAL_SAM_WEIGHTS`` names, else "vit_b". Official weights are downloaded once into the user's cache and their
    checksum verified. Raises WeightsNotFound when they are not here and cannot be fetched. Pickles are never executed.
    """
    chosen = os.fspath(weights) if weights is not None else os.environ.get(WEIGHTS_VARIABLE, "vit_b")
    if chosen == "pocket":
        from seal_sdk.pocket.sam import load_pocket_sam, pocket_sam_digest

        return SamSegmenter(load_pocket_sam().to(device), "sam:pocket:" + pocket_sam_digest(), points_per_side=6)
    path = _official(chosen) if chosen in FILES else Path(chosen).expanduser()
    if not path.is_file():
        raise WeightsNotFound(
            f"There are no SAM weights at {path}; give a file, 'vit_b', 'vit_l' or 'vit_h', or pass box= or mask=."
        )
    state = _read(path)
    return SamSegmenter(_build(state, path).to(device), "sam:" + file_digest(path)[:16])


def _official(kind: str) -> Path:
    """The official file in the user's cache, downloaded when it is not there."""
    path = user_cache_path("seal") / "sam" / FILES[kind]
    if path.is_file():
        return path
    prefix = path.stem.rsplit("_", 1)[-1]
    try:
        if is_offline():
            raise OSError(f"{OFFLINE_VARIABLE} is set")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(OFFICIAL + path.name, str(path), hash_prefix=prefix)
    except (OSError, RuntimeError, HTTPException) as error:
        raise WeightsNotFound(
            f"SAM's weights could not be downloaded ({error}). Download {OFFICIAL}{path.name} elsewhere and name the file in "
            f"{WEIGHTS_VARIABLE} or subject=, or avoid SAM: pass box= or mask= to register and structure_box= to generate."
        ) from error
    return path


def _read(path: Path) -> Any:
    try:
        return read_tensors(path)
    except Exception as error:
        raise WeightsNotFound(f"{path} holds no SAM weights that can be read safely: {error}") from error


def _build(state: Any, path: Path) -> Sam:
    """The Sam of a state dict; its size follows from the width of the position embedding."""
    embedding = state.get("image_encoder.pos_embed") if isinstance(state, dict) else None
    kind = WIDTHS.get(embedding.shape[-1]) if isinstance(embedding, torch.Tensor) else None
    if kind is None:
        raise ConfigError(f"{path} is no checkpoint of segment-anything's vit_b, vit_l or vit_h.")
    from segment_anything import sam_model_registry

    sam = sam_model_registry[kind]()
    try:
        sam.load_state_dict(state)
    except RuntimeError as error:
        raise ConfigError(f"{path} does not fit segment-anything's {kind}: {error}") from error
    return sam
