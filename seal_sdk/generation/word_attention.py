"""Which words of a prompt the model looks at where the subject is (ours).

Cross-attention maps show where each word acts (Hertz et al., Prompt-to-Prompt, arXiv 2208.01626).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from seal_sdk.backbone.base import SelfAttention
from seal_sdk.backbone.hooks import Hooks


def attention_ratios(
    hooks: Hooks,
    layers: Sequence[SelfAttention],
    subject: Tensor,
    token_counts: Sequence[int],
    run: Callable[[], object],
) -> list[float]:
    """For each word, the attention that it gets inside the subject divided by that outside, over all layers; 0 for words cut off.

    hooks: of the model, entered here. layers: of cross-attention. subject: (1, 1, h, w) in [0, 1]. token_counts: how many tokens each
    word has, after one that begins the prompt. run: computes the forward, whose first row counts.
    """
    tally: list[Tensor] = []
    with hooks:
        for layer in layers:
            _watch(hooks, layer, subject, tally)
        run()
    inside, outside = torch.stack(tally).mean(0)[:, :-1]  # the last token ends the prompt, also where words are cut off
    starts = [1 + sum(token_counts[:number]) for number in range(len(token_counts))]
    spans = [slice(start, start + count) for start, count in zip(starts, token_counts, strict=True)]
    return [float(inside[span].sum() / outside[span].sum().clamp(min=1e-12)) for span in spans]


def _watch(hooks: Hooks, layer: SelfAttention, subject: Tensor, tally: list[Tensor]) -> None:
    query: list[Tensor] = []

    def keep(output: Tensor) -> None:
        query[:] = [output[0]]

    def attend(key: Tensor) -> None:
        tally.append(_attention_by_side(query.pop(), key[0], layer, subject))

    layer.after("query", hooks, keep)
    layer.after("key", hooks, attend)


def _attention_by_side(query: Tensor, key: Tensor, layer: SelfAttention, subject: Tensor) -> Tensor:
    """(2, T) float32: mean attention that each token of the prompt gets inside and outside of the subject."""
    heads = [each.float().view(len(each), layer.heads, -1).transpose(0, 1) for each in (query, key)]
    scores = heads[0] @ heads[1].transpose(1, 2) / heads[0].shape[-1] ** 0.5
    attention = torch.softmax(scores, dim=-1).mean(0)
    height, width = subject.shape[-2:]
    inside = F.interpolate(subject.float(), layer.grid((height, width)), mode="area").flatten()
    sides = torch.stack([inside, 1 - inside])
    return sides @ attention / sides.sum(1, keepdim=True).clamp(min=1e-6)
