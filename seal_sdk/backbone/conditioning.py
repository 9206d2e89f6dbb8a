"""What a row of a forward is conditioned on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


class PromptTruncated(UserWarning):
    """A prompt is longer than the text encoders read; the message names what was cut."""


@dataclass(frozen=True, eq=False)
class Conditioning:
    """One row's conditioning, or that of several stacked.

    embeds: (R, T, D) of the prompt. added: further inputs of the model by its own names, (R, ...) each, such as SDXL's pooled
    embedding and size ids. image_embeds: (R, n, ...) per IP-Adapter; without them the forward runs without the image branch.
    """

    embeds: Tensor
    added: Mapping[str, Tensor] = field(default_factory=dict)
    image_embeds: tuple[Tensor, ...] = ()

    def take(self, rows: Sequence[int]) -> Conditioning:
        """Some of its rows."""
        indices = list(rows)
        return Conditioning(self.embeds[indices], {name: each[indices] for name, each in self.added.items()})


def same_or(first: Conditioning, second: Conditioning) -> Conditioning:
    """The first itself where the second says the same bit for bit, else the second."""
    one, other = ([each.embeds, *each.added.values(), *each.image_embeds] for each in (first, second))
    return first if all(torch.equal(*pair) for pair in zip(one, other, strict=True)) else second


def equally_long(embeds: Sequence[Tensor]) -> list[Tensor]:
    """Embeddings (R, T, D) of different T with their tokens repeated up to the least common multiple.

    Attention to tokens that all occur equally often is attention to those tokens once.
    """
    length = math.lcm(*(each.shape[1] for each in embeds))
    return [each.repeat(1, length // each.shape[1], 1) for each in embeds]


def stack(rows: Sequence[Conditioning]) -> Conditioning:
    """Several rows as one batch, equally long."""
    embeds = equally_long([row.embeds for row in rows])
    added = {name: torch.cat([row.added[name] for row in rows]) for name in rows[0].added}
    images = tuple(torch.cat(each) for each in zip(*(row.image_embeds for row in rows), strict=True))
    return Conditioning(torch.cat(embeds), added, images)
