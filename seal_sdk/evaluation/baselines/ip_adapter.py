"""IP-Adapter (Ye et al., arXiv 2308.06721), the trained way to condition on the reference, with the structure injection of all methods."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from diffusers import StableDiffusionXLPipeline
from numpy.typing import NDArray
from torch import Tensor

from seal_sdk.config import Appearance, DeltaBridge
from seal_sdk.evaluation.baselines.adapter_weights import AdaptedUnet
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import SHARED
from seal_sdk.evaluation.baselines.question import Question
from seal_sdk.identity import Identity
from seal_sdk.pocket import IP_ADAPTER_FILE, IP_ADAPTER_FOLDER
from seal_sdk.session import IdentitySession

SCALE = 0.8  # from there on the subject error falls little, and prompts are obeyed less (docs/benchmark.md)


class IpAdapter:
    """Draws by the session, without infusion and Delta-Bridge, while its UNet has the adapter.

    What a subject costs once is its embedding. Weights: as of `adapter_weights.find_adapter`.
    """

    def __init__(self, session: IdentitySession, weights: Path, scale: float = SCALE) -> None:
        self._session, pipe = session, session.backbone.pipe
        make: Any = StableDiffusionXLPipeline  # diffusers does not export types for its pipelines
        shared = {name: getattr(pipe, name) for name in SHARED}
        self._pipeline = make(**shared, scheduler=copy.deepcopy(pipe.scheduler), add_watermarker=False)
        self._adapted = AdaptedUnet(self._pipeline, weights, scale)
        self._embeds: dict[str, Tensor] = {}

    def prepare(self, identity: Identity) -> int:
        """Embed the reference, unless that is done. Returns the embedding's bytes in half precision."""
        with self._applied():
            return 2 * self._embedding(identity)[1:].numel()

    def draw(self, question: Question) -> NDArray[np.uint8]:
        """The image, uint8 (H, W, 3). Raises SubjectNotFound as ``session.generate`` does."""
        height, width = question.size
        with self._applied():
            drawn = self._session.generate(
                question.structure,
                question.prompt,
                identity=question.identity,
                structure_prompt=question.structure_prompt,
                structure_mask=question.structure_mask,
                negative_prompt=question.negative_prompt,
                seed=question.seed,
                height=height,
                width=width,
                num_inference_steps=question.steps,
                guidance_scale=question.guidance_scale,
                ip_adapter_image_embeds=[self._embedding(question.identity)],
                alignment=question.alignment,
                appearance=Appearance(delta=0),
                delta_bridge=DeltaBridge(strength=0),
                structure_control=question.control,
            )
        return np.asarray(drawn.image.convert("RGB"))

    def facts(self) -> dict[str, Any]:
        """Weights, by content, and scale."""
        return self._adapted.facts()

    def _applied(self) -> AbstractContextManager[None]:
        return self._adapted.applied()

    def _embedding(self, identity: Identity) -> Tensor:
        """(2, 1, D): zeros for the unconditional row, and the reference."""
        if identity.digest not in self._embeds:
            (embeds,) = self._pipeline.prepare_ip_adapter_image_embeds(
                identity.image, None, self._session.backbone.device, 1, True
            )
            self._embeds[identity.digest] = embeds
        return self._embeds[identity.digest]


def BASELINE(session: IdentitySession) -> IpAdapter:  # each baseline's module has this name
    """With the IP-Adapter that the embedded model comes with."""
    return IpAdapter(session, IP_ADAPTER_FOLDER / IP_ADAPTER_FILE)
