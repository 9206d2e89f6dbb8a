"""ControlNet with IP-Adapter, the trained way to condition on structure and reference, by diffusers' own pipeline.

Zhang et al., ICCV 2023, arXiv 2302.05543, and Ye et al., arXiv 2308.06721. The structure image is aligned as for all
methods. The reference is not cropped. Noise, steps and guidance are those of the other methods. The ControlNet has to fit
the kind of the structure images. Between images the session's UNet is restored.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLControlNetPipeline
from safetensors import safe_open

from seal_sdk.backbone.control import load_controlnet
from seal_sdk.backbone.fingerprint import fingerprint
from seal_sdk.backbone.loading import quiet_unless_terminal
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.evaluation.baselines.loop import Question
from seal_sdk.generation.structure import Anchor, StructureAligner
from seal_sdk.segmentation import SubjectSegmenter
from seal_sdk.segmentation.weight_files import file_digest

NAME = "ip-adapter"
FOLDER, FILE, ENCODER = "sdxl_models", "ip-adapter_sdxl.safetensors", "image_encoder"  # layout of h94/IP-Adapter
_SHARED = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet")


@dataclass(frozen=True)
class Adapter:
    """Weights and scale of the baseline.

    Attributes:
        controlnet: A folder or hub id.
        weights: An IP-Adapter's ``.safetensors`` file, with its `ENCODER` folder beside it.
        scale: Weight of the reference, 0 to 1. We chose 0.6, which diffusers' guide suggests together with a prompt.
    """

    controlnet: str
    weights: Path
    scale: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= 1:
            raise ConfigError(f"scale={self.scale!r} of the IP-Adapter: expected a number from 0 to 1.")


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


class IpAdapter:
    """Generates images with a pipeline that shares the session's modules. The first image loads the adapter.

    Raises:
        ConfigError: If the ControlNet or the adapter does not fit the model.
    """

    def __init__(self, backbone: UNetBackbone, segmenter: Callable[[], SubjectSegmenter], adapter: Adapter) -> None:
        self._segmenter, self._adapter, pipe = segmenter, adapter, backbone.pipe
        shared = {name: getattr(pipe, name) for name in _SHARED}
        make: Any = StableDiffusionXLControlNetPipeline  # diffusers does not export types for its pipelines
        self._pipeline = make(
            **shared,
            scheduler=copy.deepcopy(pipe.scheduler),  # calls change its timesteps
            controlnet=load_controlnet(adapter.controlnet, backbone.device, backbone.dtype),
            force_zeros_for_empty_prompt=pipe.config.get("force_zeros_for_empty_prompt", True),
            add_watermarker=False,
        )
        self._pipeline.set_progress_bar_config(disable=True)
        self._loaded: _State | None = None

    def facts(self) -> dict[str, Any]:
        """The weights and scale that an image depends on besides the session's, by content."""
        encoder = sorted((self._adapter.weights.parent / ENCODER).iterdir())
        return {
            "controlnet": fingerprint(self._pipeline.controlnet),
            "weights": file_digest(self._adapter.weights),
            "encoder": {each.name: file_digest(each) for each in encoder if each.is_file()},
            "scale": self._adapter.scale,
        }

    def draw(self, question: Question) -> np.ndarray:
        """The image, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
        height, width = question.size
        aligner = StructureAligner((width, height), question.alignment, self._segmenter)
        anchor = Anchor.of(question.identity, aligner.canvas)
        aligned = aligner.align(question.structure_input, anchor, needs_mask=False)
        with self._adapted():
            drawn = self._pipeline(
                question.prompt,
                negative_prompt=question.negative_prompt,
                image=aligned.image,
                ip_adapter_image=question.identity.image,
                height=height,
                width=width,
                num_inference_steps=question.steps,
                guidance_scale=question.guidance_scale,
                controlnet_conditioning_scale=float(question.control.scale),
                control_guidance_end=1.0 if question.control.end is None else float(question.control.end),
                generator=torch.Generator("cpu").manual_seed(question.seed),
            )
        return np.asarray(drawn.images[0].convert("RGB"))

    @contextmanager
    def _adapted(self) -> Iterator[None]:
        """A context in which the UNet has the adapter. The UNet is restored afterwards."""
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
        file = self._adapter.weights
        try:
            with quiet_unless_terminal():
                self._pipeline.load_ip_adapter(
                    str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder=ENCODER
                )
        except OSError as error:
            raise WeightsNotFound(f"{NAME}: {file} and its {ENCODER} could not be loaded: {error}") from error
        except (KeyError, ValueError, RuntimeError) as error:
            raise ConfigError(f"{NAME}: {file} does not fit this model: {error}") from error
        self._pipeline.set_ip_adapter_scale(self._adapter.scale)


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
