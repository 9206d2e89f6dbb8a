"""DreamBooth with LoRA: the UNet learns a subject under a word of its own.

Ruiz et al., CVPR 2023, arXiv 2208.12242, and Hu et al., arXiv 2106.09685, as in diffusers' example for SDXL: LoRA on the projections of
all attention layers, and if asked for prior preservation with pictures of the class that the model draws itself. It is off, as in that
example: a picture of the benchmark shows nobody of the class but the subject.

It departs from the paper where the comparison asks for it: there is one reference instead of three to five, since that is what all methods
have, and the reference's own prompt, which names its scene, with the word before the class.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.class_words import with_word
from seal_sdk.evaluation.baselines.fitting import (
    Fitting,
    Loss,
    denoising_loss,
    fit_parameters,
    frozen,
    reference_latents,
)
from seal_sdk.evaluation.baselines.personal import LearnedSubject, PersonalDrawer
from seal_sdk.identity import Identity
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

NAME = "dreambooth-lora"
ADAPTER = "seal_dreambooth"
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


@dataclass(frozen=True)
class DreamBooth:
    """Settings.

    Attributes:
        fitting: How the LoRA is trained. With prior preservation half of each batch is the reference.
        word: Names the subject.
        rank: Of the LoRA, whose alpha is the same.
        prior: How many pictures of the class are drawn for prior preservation; 0 does without.
        prior_steps: In how many steps each of them is drawn.
        nouns: Words before which the subject's word stands.
    """

    fitting: Fitting = field(default_factory=lambda: Fitting(steps=300, learning_rate=3e-3, batch=2))
    word: str = "sks"
    rank: int = 8
    prior: int = 0
    prior_steps: int = 20
    nouns: Sequence[str] = world.SPECIES

    def check(self, backbone: UNetBackbone) -> None:
        """Raise ConfigError without peft, or if the UNet has adapters, which could not be told from the subject's."""
        if find_spec("peft") is None:
            raise ConfigError(f"{NAME} needs the package peft: pip install peft")
        if backbone.adapters:
            raise ConfigError(
                f"{NAME}: the UNet has adapters ({', '.join(backbone.adapters)}); fuse them first: pipe.fuse_lora() and "
                "then pipe.unload_lora_weights()."
            )

    def ask(self, prompt: str) -> str:
        """The prompt with the subject's word before its class."""
        return with_word(prompt, self.word, self.nouns)

    def learn(self, session: IdentitySession, identity: Identity, steps: Sequence[int]) -> list[LearnedSubject]:
        """Train the LoRA: what it is after each of these numbers of steps."""
        started, backbone = time.perf_counter(), session.backbone
        priors = self._priors(session, identity) if self.prior else None
        with backbone.lock, self._adapter(backbone.pipe.unet) as parameters:
            loss = self._loss(backbone, identity, priors)
            prepared = time.perf_counter() - started
            snapshots = fit_parameters(parameters, self.fitting, loss, steps)
        return [
            LearnedSubject(
                each.tensors, prepared + each.seconds, count * self.fitting.batch, 2 * self.prior_steps * self.prior
            )
            for count, each in zip(steps, snapshots, strict=True)
        ]

    @contextmanager
    def applied(self, backbone: UNetBackbone, learned: LearnedSubject) -> Iterator[None]:
        """The UNet has the subject's LoRA."""
        with self._adapter(backbone.pipe.unet) as parameters:
            for name, parameter in parameters.items():
                parameter.data.copy_(learned.tensors[name])
            yield

    def _loss(self, backbone: UNetBackbone, identity: Identity, priors: Tensor | None) -> Loss:
        """Of one step: the reference under its word, and pictures of the class under its plain prompt."""
        size = backbone.geometry.check_size(None, None)
        shared = 0 if priors is None else self.fitting.batch // 2
        own = reference_latents(backbone, identity, size).expand(self.fitting.batch - shared, -1, -1, -1)
        with torch.no_grad():
            asked = backbone.encode_prompt(self.ask(identity.prompt), size)
            plain = backbone.encode_prompt(identity.prompt, size)
        rows: list[Conditioning] = [asked] * len(own) + [plain] * shared

        def loss(generator: torch.Generator) -> Tensor:
            if priors is None:
                return denoising_loss(backbone, own, rows, generator)
            picked = torch.randint(0, len(priors), (shared,), generator=generator)
            return denoising_loss(backbone, torch.cat([own, priors[picked]]), rows, generator)

        return loss

    def _priors(self, session: IdentitySession, identity: Identity) -> Tensor:
        """Latents (prior, C, h, w) of pictures of the class."""
        drawn = session.generate(
            None,
            identity.prompt,
            identity=False,
            seed=list(range(self.prior)),
            num_inference_steps=self.prior_steps,
            output_type="latent",
        )
        return torch.stack(drawn.images).to(session.backbone.device, session.backbone.dtype)

    @contextmanager
    def _adapter(self, unet: Any) -> Iterator[dict[str, nn.Parameter]]:
        """While inside, the UNet has a new LoRA: its parameters, in fp32. Afterwards its modules are the ones that it had."""
        from peft import LoraConfig

        config = LoraConfig(
            r=self.rank, lora_alpha=self.rank, init_lora_weights="gaussian", target_modules=list(PROJECTIONS)
        )
        with frozen(unet):
            try:
                with torch.random.fork_rng(devices=[]):
                    torch.default_generator.manual_seed(self.fitting.seed)  # peft draws on the CPU
                    unet.add_adapter(config, ADAPTER)
                parameters = {name: each for name, each in unet.named_parameters() if ADAPTER in name}
                for parameter in parameters.values():
                    parameter.data = parameter.data.float()
                yield parameters
            finally:
                unet.unload_lora()


BASELINE = partial(PersonalDrawer, baseline=DreamBooth())
