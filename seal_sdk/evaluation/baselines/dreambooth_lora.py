"""DreamBooth with LoRA: the UNet learns a subject under a word of its own, beside pictures that keep the meaning of its class.

Ruiz et al., CVPR 2023, arXiv 2208.12242, and Hu et al., arXiv 2106.09685, as in diffusers' example for SDXL: LoRA on the projections of
all attention layers, prior preservation with pictures of the class that the model draws itself. Here it has one reference instead of
three to five, since that is what all methods have.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.personal import (
    Fitting,
    LearnedSubject,
    denoising_loss,
    fit_parameters,
    frozen,
    reference_latents,
    with_word,
)
from seal_sdk.identity import Identity
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

NAME = "dreambooth-lora"
ADAPTER = "seal_dreambooth"
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class DreamBooth:
    """Settings. word: names the subject. rank: of LoRA. prior: pictures of the class, steps: in which each is drawn."""

    fitting: Fitting = field(default_factory=lambda: Fitting(steps=200, learning_rate=1e-3))
    word: str = "sks"
    rank: int = 8
    prior: int = 8
    steps: int = 20
    nouns: Sequence[str] = world.SPECIES

    def ask(self, prompt: str, identity: Identity) -> str:
        """The prompt with the subject's word before its class."""
        return with_word(prompt, self.word, self.nouns)

    def learn(self, session: IdentitySession, identity: Identity) -> LearnedSubject:
        """Train the LoRA. Half of each batch is the reference, half are pictures of the class."""
        started, backbone = time.perf_counter(), session.backbone
        priors = self._priors(session, identity)
        size = backbone.geometry.check_size(None, None)
        with backbone.lock, frozen(backbone.pipe.unet), self._adapter(backbone.pipe.unet):
            own = reference_latents(backbone, identity, size)
            asked = backbone.encode_prompt(self.ask(identity.prompt, identity), size)
            plain = backbone.encode_prompt(identity.prompt, size)
            parameters = _lora(backbone.pipe.unet)

            def loss(generator: torch.Generator) -> Tensor:
                half = self.fitting.batch // 2
                picked = torch.randint(0, len(priors), (half,), generator=generator)
                rows: list[Conditioning] = [asked] * half + [plain] * half
                return denoising_loss(
                    backbone, torch.cat([own.expand(half, -1, -1, -1), priors[picked]]), rows, generator
                )

            fit_parameters(list(parameters.values()), self.fitting, loss)
            learned = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        rows = 2 * self.steps * self.prior + self.fitting.steps * self.fitting.batch
        return LearnedSubject(learned, time.perf_counter() - started, rows)

    @contextmanager
    def applied(self, backbone: UNetBackbone, learned: LearnedSubject) -> Iterator[None]:
        """The UNet has the subject's LoRA."""
        with self._adapter(backbone.pipe.unet):
            for name, parameter in _lora(backbone.pipe.unet).items():
                parameter.data.copy_(learned.tensors[name])
            yield

    def _priors(self, session: IdentitySession, identity: Identity) -> Tensor:
        """Latents (prior, C, h, w) of pictures of the class."""
        drawn = session.generate(
            None,
            identity.prompt,
            identity=False,
            seed=list(range(self.prior)),
            num_inference_steps=self.steps,
            output_type="latent",
        )
        return torch.stack(drawn.images)

    @contextmanager
    def _adapter(self, unet: Any) -> Iterator[None]:
        """While inside, the UNet has a new LoRA. Raises ConfigError without peft."""
        try:
            from peft import LoraConfig
        except ImportError as error:
            raise ConfigError(f"{NAME} needs peft: pip install peft") from error
        torch.manual_seed(0)
        config = LoraConfig(
            r=self.rank, lora_alpha=self.rank, init_lora_weights="gaussian", target_modules=list(PROJECTIONS)
        )
        unet.add_adapter(config, ADAPTER)
        try:
            yield
        finally:
            unet.delete_adapters(ADAPTER)
            unet.unload_lora()


def _lora(unet: Any) -> dict[str, Any]:
    return {name: parameter for name, parameter in unet.named_parameters() if ADAPTER in name}


PERSONAL = DreamBooth()
