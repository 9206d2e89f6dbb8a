"""Textual Inversion: the model stays as it is, and the embedding of one new word learns to mean the subject.

Gal et al., ICLR 2023, arXiv 2208.01618, as in diffusers' example for SDXL: embeddings for each text encoder, started from the class's
word, trained with the denoising loss under prompts of many openings ("a photo of a *", "a close-up photo of a *").

It departs from the paper where the comparison asks for it: there is one reference instead of three to five, prompts name its scene, as the
reference's prompt does, and there are four embeddings instead of one, which the benchmark prefers. The tokenizer learns no new word: "*",
which is one token of every CLIP tokenizer, is the word, and hooks give it the learned embeddings while the subject is drawn.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.unet import UNetBackbone
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.class_words import find_noun, with_word
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

NAME = "textual-inversion"
WORD = "*"
OPENING = "a photo of"
OPENINGS = (  # of the paper's list of templates, and as Pocket's captions begin
    OPENING,
    "high quality photo of",
    "a rendering of",
    "a cropped photo of",
    "a close-up photo of",
    "a bright photo of",
    "a good photo of",
    "a picture of",
)


@dataclass(frozen=True)
class TextualInversion:
    """Settings.

    Attributes:
        fitting: How the embeddings are trained.
        vectors: Embeddings of the word in each text encoder; it then stands in the prompt as often.
        nouns: Words instead of which the subject's word stands.
    """

    fitting: Fitting = field(default_factory=lambda: Fitting(600, learning_rate=5e-3, batch=2, weight_decay=0.0))
    vectors: int = 4
    nouns: Sequence[str] = world.SPECIES

    def check(self, backbone: UNetBackbone) -> None:
        """Raise ConfigError if a tokenizer does not take the word for one token."""
        for name, (tokenizer, _) in _encoders(backbone).items():
            if len(_ids(tokenizer, WORD)) != 1:
                raise ConfigError(f"{NAME}: the tokenizer of {name} takes {WORD!r} for several tokens, and needs one.")

    def ask(self, prompt: str) -> str:
        """The prompt with the subject's word instead of its class. Raises ConfigError if the prompt has that word already."""
        if WORD in prompt:
            raise ConfigError(f"{NAME}: {WORD!r} names the subject; take it out of the prompt {prompt!r}.")
        return with_word(prompt, " ".join([WORD] * self.vectors), self.nouns, instead=True)

    def learn(self, session: IdentitySession, identity: Identity, steps: Sequence[int]) -> list[LearnedSubject]:
        """Train the embeddings: what they are after each of these numbers of steps. Raises ConfigError if the prompt names no class."""
        noun = find_noun(identity.prompt, self.nouns)
        if noun is None:
            raise ConfigError(
                f"{NAME}: the reference's prompt {identity.prompt!r} has none of the words {', '.join(self.nouns)}, "
                "from which the subject's word starts."
            )
        started, backbone = time.perf_counter(), session.backbone
        encoders = [encoder for _, encoder in _encoders(backbone).values()]
        with backbone.lock, frozen(backbone.pipe.unet, *encoders):
            embeddings = {name: self._start(*each, noun) for name, each in _encoders(backbone).items()}
            with _word(backbone, embeddings):
                loss = self._loss(backbone, identity)
                prepared = time.perf_counter() - started
                snapshots = fit_parameters(embeddings, self.fitting, loss, steps)
        return [
            LearnedSubject(each.tensors, prepared + each.seconds, count * self.fitting.batch)
            for count, each in zip(steps, snapshots, strict=True)
        ]

    @contextmanager
    def applied(self, backbone: UNetBackbone, learned: LearnedSubject) -> Iterator[None]:
        """The word has the subject's embeddings."""
        with _word(backbone, learned.tensors):
            yield

    def _start(self, tokenizer: Any, encoder: Any, noun: str) -> nn.Parameter:
        """(vectors, D) fp32: the class's word, the mean of its tokens if it has several."""
        weight: Tensor = encoder.get_input_embeddings().weight.detach()
        start = weight[_ids(tokenizer, noun)].float().mean(0, keepdim=True)
        return nn.Parameter(start.repeat(self.vectors, 1))

    def _loss(self, backbone: UNetBackbone, identity: Identity) -> Loss:
        """Of one step: the reference, under one of the openings."""
        size, prompt = backbone.geometry.check_size(None, None), self.ask(identity.prompt)
        own = reference_latents(backbone, identity, size).expand(self.fitting.batch, -1, -1, -1)
        rest = prompt.removeprefix(OPENING)
        prompts = [opening + rest for opening in OPENINGS] if rest != prompt else [prompt]

        def loss(generator: torch.Generator) -> Tensor:
            picked = prompts[int(torch.randint(0, len(prompts), (), generator=generator))]
            return denoising_loss(backbone, own, [backbone.encode_prompt(picked, size)] * len(own), generator)

        return loss


def _encoders(backbone: UNetBackbone) -> dict[str, tuple[Any, Any]]:
    """Name of each text encoder -> its tokenizer and itself."""
    return {
        name: (getattr(backbone.pipe, name.replace("text_encoder", "tokenizer")), getattr(backbone.pipe, name))
        for name in backbone.text_encoders
        if getattr(backbone.pipe, name, None) is not None
    }


def _ids(tokenizer: Any, word: str) -> list[int]:
    ids: list[int] = tokenizer(word, add_special_tokens=False).input_ids
    return ids


@contextmanager
def _word(backbone: UNetBackbone, embeddings: Mapping[str, Tensor]) -> Iterator[None]:
    """While inside, the word has these embeddings, by text encoder, (vectors, D) each: its first place the first, and so on."""
    with Hooks() as hooks:
        for name, (tokenizer, encoder) in _encoders(backbone).items():
            _give(hooks, encoder.get_input_embeddings(), _ids(tokenizer, WORD)[0], embeddings[name])
        yield


def _give(hooks: Hooks, table: nn.Module, token: int, embeddings: Tensor) -> None:
    """Let a table of embeddings answer with others where it is asked for a token."""
    places: list[Tensor] = []

    def find(ids: Tensor) -> None:
        places[:] = [ids == token]

    def answer(found: Tensor) -> Tensor:
        (here,) = places
        order = (here.long().cumsum(-1) - 1).clamp(min=0) % len(embeddings)
        return torch.where(here.unsqueeze(-1), embeddings.to(found)[order], found)

    hooks.before(table, find)
    hooks.after(table, answer)


BASELINE = partial(PersonalDrawer, baseline=TextualInversion())
