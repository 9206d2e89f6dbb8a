"""ControlNet with IP-Adapter, the trained way to condition on structure and reference, by diffusers' own pipeline.

Zhang et al., ICCV 2023, arXiv 2302.05543, and Ye et al., arXiv 2308.06721. The structure image is aligned as for all methods. The
reference is not cropped. Noise, steps and guidance are those of the other methods. The ControlNet has to fit the kind of the structure
images. Between images the session's UNet is restored.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLControlNetPipeline
from numpy.typing import NDArray

from seal_sdk.backbone.control import load_controlnet
from seal_sdk.backbone.fingerprint import fingerprint
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.adapter_weights import AdaptedUnet
from seal_sdk.evaluation.baselines.drawer import picture_bytes
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.generation.structure import Anchor, StructureAligner
from seal_sdk.identity import Identity
from seal_sdk.pocket import CONTROLNET_FOLDER, IP_ADAPTER_FILE, IP_ADAPTER_FOLDER
from seal_sdk.session import IdentitySession

NAME = "controlnet+ip-adapter"
SHARED = ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet")


@dataclass(frozen=True)
class Adapter:
    """Weights and scale of the baseline.

    Attributes:
        controlnet: A folder or hub id.
        weights: An IP-Adapter's ``.safetensors`` file, with its `ENCODER` folder beside it; None draws without the reference.
        scale: Weight of the reference, 0 to 1. We chose 0.6, which diffusers' guide suggests together with a prompt.
    """

    controlnet: str
    weights: Path | None
    scale: float = 0.6

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= 1:
            raise ConfigError(f"scale={self.scale!r} of the IP-Adapter: expected a number from 0 to 1.")


class ControlNetPipeline:
    """Generates images with a pipeline that shares the session's modules. The first image loads the adapter.

    Raises:
        ConfigError: If the ControlNet or the adapter does not fit the model.
    """

    def __init__(self, session: IdentitySession, adapter: Adapter) -> None:
        backbone = session.backbone
        self._session, self._adapter, pipe = session, adapter, backbone.pipe
        make: Any = StableDiffusionXLControlNetPipeline  # diffusers does not export types for its pipelines
        self._pipeline = make(
            **{name: getattr(pipe, name) for name in SHARED},
            scheduler=copy.deepcopy(pipe.scheduler),  # calls change its timesteps
            controlnet=load_controlnet(adapter.controlnet, backbone.device, backbone.dtype),
            force_zeros_for_empty_prompt=pipe.config.get("force_zeros_for_empty_prompt", True),
            add_watermarker=False,
        )
        self._pipeline.set_progress_bar_config(disable=True)
        self._adapted = AdaptedUnet(self._pipeline, adapter.weights, adapter.scale) if adapter.weights else None

    def facts(self) -> dict[str, Any]:
        """Weights, by content, and scale."""
        adapter = self._adapted.facts() if self._adapted else {}
        return {"controlnet": fingerprint(self._pipeline.controlnet)} | adapter

    def weight_bytes(self) -> int:
        """Bytes of all weights that it draws with: the shared modules, ControlNet, image encoder and adapter."""
        file = self._adapter.weights
        return weight_bytes(self._pipeline) + (file.stat().st_size if file else 0)

    def prepare(self, identity: Identity) -> int:
        """Nothing; the reference is kept, if it is used."""
        return picture_bytes(identity) if self._adapted else 0

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The image, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
        height, width = question.size
        aligner = StructureAligner((width, height), question.alignment, lambda: self._session.segmenter)
        anchor = Anchor.of(question.identity, aligner.canvas)
        aligned = aligner.align(question.structure_input, anchor, needs_mask=False)
        with self._adapted.applied() if self._adapted else nullcontext():
            drawn = self._pipeline(
                question.prompt,
                negative_prompt=question.negative_prompt,
                image=aligned.image,
                height=height,
                width=width,
                num_inference_steps=question.steps,
                guidance_scale=question.guidance_scale,
                controlnet_conditioning_scale=float(question.control.scale),
                control_guidance_end=1.0 if question.control.end is None else float(question.control.end),
                generator=torch.Generator("cpu").manual_seed(question.seed),
                **({"ip_adapter_image": question.identity.image} if self._adapted else {}),
            )
        return np.asarray(drawn.images[0].convert("RGB"))


def BASELINE(session: IdentitySession) -> ControlNetPipeline:  # each baseline's module has this name
    """With the weights that the embedded model comes with, and the scale that suits them (docs/benchmark.md)."""
    return ControlNetPipeline(session, Adapter(str(CONTROLNET_FOLDER), IP_ADAPTER_FOLDER / IP_ADAPTER_FILE, scale=0.8))


def weight_bytes(pipeline: Any) -> int:
    """Bytes of all weights of a pipeline's modules."""
    modules = [each for each in pipeline.components.values() if isinstance(each, torch.nn.Module)]
    return sum(each.numel() * each.element_size() for module in modules for each in module.parameters())
