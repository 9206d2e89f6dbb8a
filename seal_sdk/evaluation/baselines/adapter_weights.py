"""The files of an IP-Adapter (Ye et al., arXiv 2308.06721), and a UNet that has it for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from seal_sdk.backbone.loading import quiet_unless_terminal
from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.segmentation.weight_files import file_digest

NAME = "ip-adapter"
FOLDER, FILE, ENCODER = "sdxl_models", "ip-adapter_sdxl.safetensors", "image_encoder"  # layout of h94/IP-Adapter


def find_adapter(path: Path) -> Path:
    """The weights file at a path: a file, or a folder in the layout of h94/IP-Adapter. It is checked without loading it.

    Raises:
        WeightsNotFound: If the file or the image encoder is missing.
        ConfigError: If it is no IP-Adapter, or one for faces, whose LoRA could not be removed from the UNet.
    """
    file = next((each for each in (path / FOLDER / FILE, path / FILE) if each.is_file()), path)
    if not file.is_file() or file.suffix != ".safetensors":
        raise WeightsNotFound(f"{NAME}: {path} is neither a .safetensors file nor a folder with {FOLDER}/{FILE}.")
    if not (file.parent / ENCODER / "config.json").is_file():
        raise WeightsNotFound(f"{NAME}: {file} needs its image encoder beside it, in {file.parent / ENCODER}.")
    try:
        with safe_open(file, framework="pt") as tensors:
            names = list(tensors.keys())
    except Exception as error:  # safetensors has its own errors for broken files
        raise WeightsNotFound(f"{NAME}: {file} cannot be read: {error}") from error
    if {name.split(".")[0] for name in names} != {"image_proj", "ip_adapter"} or any("lora" in name for name in names):
        raise ConfigError(f"{NAME}: {file} is no IP-Adapter of image_proj and ip_adapter weights alone.")
    return file


class AdaptedUnet:
    """Gives a pipeline's UNet an IP-Adapter while it draws. It is loaded once, when it is first needed.

    Args:
        pipeline: Of diffusers. It keeps the adapter's image encoder; the UNet is restored each time.
        file: As of `find_adapter`.
        scale: Weight of the reference, 0 to 1.
    """

    def __init__(self, pipeline: Any, file: Path, scale: float) -> None:
        self._pipeline, self._file, self._scale = pipeline, file, scale
        self._loaded: _State | None = None

    def facts(self) -> dict[str, Any]:
        """Weights, by content, and scale."""
        encoder = [each for each in sorted((self._file.parent / ENCODER).iterdir()) if each.is_file()]
        return {
            "weights": file_digest(self._file),
            "encoder": {each.name: file_digest(each) for each in encoder},
            "scale": self._scale,
        }

    @contextmanager
    def applied(self) -> Iterator[None]:
        """A context in which the UNet has the adapter. Raises WeightsNotFound, or ConfigError if it does not fit the model."""
        unet = self._pipeline.unet
        before = _State.of(unet)
        try:
            if self._loaded is None:
                self._load()
                self._loaded = _State.of(unet)
            else:
                self._loaded.put(unet)
            yield
        finally:
            before.put(unet)

    def _load(self) -> None:
        file = self._file
        try:
            with quiet_unless_terminal():
                self._pipeline.load_ip_adapter(
                    str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder=ENCODER
                )
        except OSError as error:
            raise WeightsNotFound(f"{NAME}: {file} and its {ENCODER} could not be loaded: {error}") from error
        except (KeyError, ValueError, RuntimeError) as error:
            raise ConfigError(f"{NAME}: {file} does not fit this model: {error}") from error
        self._pipeline.set_ip_adapter_scale(self._scale)


@dataclass(frozen=True)
class _State:
    """What ``load_ip_adapter`` changes in a UNet. ``unload_ip_adapter`` would not restore a user's own processors."""

    processors: dict[str, Any]
    projection: Any
    projection_type: str | None

    @classmethod
    def of(cls, unet: Any) -> _State:
        return cls(dict(unet.attn_processors), unet.encoder_hid_proj, unet.config.encoder_hid_dim_type)

    def put(self, unet: Any) -> None:
        unet.set_attn_processor(dict(self.processors))
        unet.encoder_hid_proj = self.projection
        unet.config.encoder_hid_dim_type = self.projection_type
