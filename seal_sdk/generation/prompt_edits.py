"""What the prompt changes in a reference: read from the model before anything is drawn (ours; `method.prompt_edit`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.generation.meter import Meter
from seal_sdk.generation.word_attention import attention_ratios
from seal_sdk.method.prompt_edit.answer import Answer
from seal_sdk.method.prompt_edit.latent_edit import edit_latents
from seal_sdk.method.prompt_edit.probes import (
    Probe,
    choose_probes,
    describes_subject,
    new_words,
    removal_probes,
    split_words,
)

NOISE_LEVELS = (0.8, 0.9, 0.7)  # shares of the training schedule: so much noise hides colours and leaves shapes (ours)
NO_WORDS = (
    "prompt_embeds have no words to compare with the reference's prompt: DeltaBridge(override=...) does nothing. "
    "Give prompt= instead, or switch it off with override=0."
)
MAX_EDITS = 3  # words that are asked about, those with the most attention first (ours)
MIN_ATTENTION = 1.1  # inside of the subject to outside, over the prompt's mean, for words of which the sentence does not tell (ours)


@dataclass(frozen=True)
class SubjectPrompt:
    """What is said of one subject.

    prompt: None where only its embeddings are known: nothing is edited. negative: the negative prompt, None for none. others: the reference
    prompts of the other subjects.
    """

    prompt: str | None
    negative: str | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ReferenceReader:
    """Reads a noised reference with one text or another.

    latents: (1, C, h, w), clean. subject: (1, 1, h, w) in [0, 1]. encode: gives a text's conditioning. meter: counts the rows.
    The noise is the same every time.
    """

    backbone: Backbone
    latents: Tensor
    subject: Tensor
    encode: Callable[[str], Conditioning]
    meter: Meter

    @torch.no_grad()
    def find_probes(self, reference_prompt: str, said: SubjectPrompt) -> list[Probe]:
        """Probes of the words that say of the subject what the reference's prompt does not, those with the most attention first.

        The sentence tells which these are, or else where the model attends to them. Then those of the reference's words that the negative
        prompt takes away.
        """
        if said.prompt is None:
            return []
        words = self._words_of_subject(reference_prompt, said.prompt)
        probes = choose_probes(reference_prompt, said.prompt, words, said.others)
        probes += removal_probes(reference_prompt, said.prompt, said.negative or "")
        return list(dict.fromkeys(probes))[:MAX_EDITS]

    def _words_of_subject(self, reference_prompt: str, prompt: str) -> list[int]:
        """Indices of the prompt's new words that act on the subject, those with the most attention first."""
        words, new = split_words(prompt), new_words(reference_prompt, prompt)
        said = {index: describes_subject(reference_prompt, prompt, index) for index in new}
        certain = [index for index in new if said[index]]
        if len(certain) <= 1 and None not in said.values():
            return certain  # the sentence tells, and there is no order to find
        # Joined by spaces, since tokenizers join marks that stand together, such as "((".
        rows = self._encode([" ".join(words)])
        ratios = attention_ratios(
            self.backbone.hooks(),
            self.backbone.cross_attention_layers(),
            self.subject,
            self.backbone.words.token_counts(words),
            lambda: self._predict(rows, 0),
        )
        least = MIN_ATTENTION * sum(ratios) / len(ratios)
        of_subject = [index for index in new if said[index] or (said[index] is None and ratios[index] > least)]
        return sorted(of_subject, key=lambda index: -ratios[index])

    @torch.no_grad()
    def ask(self, probes: Sequence[Probe]) -> list[Answer]:
        """The model's answers."""
        texts = list(dict.fromkeys(text for each in probes for text in (each.edited, each.base)))
        rows = self._encode(texts)
        predicted = torch.stack([self._predict(rows, draw) for draw in range(len(NOISE_LEVELS))]).mean(0)
        by_text = dict(zip(texts, torch.split(predicted, 1), strict=True))
        return [Answer(by_text[each.edited], by_text[each.base], each.replaces) for each in probes]

    def _encode(self, texts: Sequence[str]) -> Conditioning:
        """One row per text."""
        return stack([self.encode(text) for text in texts])

    def _predict(self, rows: Conditioning, draw: int) -> Tensor:
        """(R, C, h, w) float32: the clean latents that the model predicts from under noise, with R rows of conditioning."""
        timestep = round(NOISE_LEVELS[draw] * self.backbone.train_timesteps) - 1
        level, latents = self.backbone.noise_level(timestep), self.latents
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(draw)).to(latents)
        noisy = level.add_noise(latents, noise).expand(len(rows.embeds), -1, -1, -1)
        self.meter.unet_rows += len(noisy)
        prediction = self.backbone.predict(noisy, torch.tensor(timestep, device=latents.device), rows)
        return level.clean(prediction.float(), noisy.float())


@dataclass(frozen=True, eq=False)
class EditedReference:
    """A reference as the prompt would have it.

    latents: (1, C, h, w), clean. mask: (1, 1, h, w) in [0, 1], how much of each latent's look does not stay; None: nothing changes.
    redrawn: the same for patterns alone, which are drawn anew in the reference's colours; None: none is.
    """

    latents: Tensor
    mask: Tensor | None = None
    redrawn: Tensor | None = None


def edit_reference(reader: ReferenceReader, probes: Sequence[Probe], strength: float) -> EditedReference:
    """A reference with its subject changed as the probed words say.

    strength: what changes of colour are multiplied by, and, up to 1, how much of a pattern is drawn anew.
    """
    latents, dtype = reader.latents.float(), reader.latents.dtype
    edit = edit_latents(latents, reader.subject.float(), reader.ask(probes))
    redrawn = edit.redrawn * min(strength, 1.0)
    return EditedReference(
        (latents + strength * edit.change).to(dtype),
        torch.maximum(edit.recoloured, redrawn).to(dtype),
        redrawn.to(dtype) if redrawn.any() else None,
    )
