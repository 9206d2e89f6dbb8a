"""Asks the UNet what the text changes in a reference, before it is drawn (`method.text_change`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.noise import alpha_bar, at_level, train_timesteps
from seal_sdk.method.detail import clean
from seal_sdk.method.text_change import text_change

HIDDEN = 0.8  # share of the training schedule: this much noise hides colours and leaves shapes (ours)
DRAWS = 2  # of noise, each with one UNet row per prompt (ours)


@torch.no_grad()
def reworded(
    pipe: StableDiffusionXLPipeline,
    latents: Tensor,
    subject: Tensor,
    shown: Conditioning,
    neither: Conditioning,
    edits: Sequence[Conditioning],
    override: float,
) -> tuple[Tensor, Tensor]:
    """A reference's clean latents (1, C, h, w), its subject changed as the edits of its prompt say, and which of them are
    changed, (1, 1, h, w) from 0 to 1.

    subject: (1, 1, h, w) in [0, 1]. shown: the reference's own prompt; neither: none; edits: ``shown`` with one difference each.
    override: what the changes are multiplied by. Needs `DRAWS` forwards of ``2 + len(edits)`` rows; the same noise every time.
    """
    rows = (shown, neither, *edits)
    read = torch.stack([_read(pipe, latents, rows, draw) for draw in range(DRAWS)]).mean(0).split(1)
    before, region = latents.float(), subject.float()
    changes, shares = zip(*(text_change(before, region, read[0], read[1], edited) for edited in read[2:]))
    return (before + override * sum(changes)).to(latents.dtype), torch.stack(shares).amax(0).to(latents.dtype)


def _read(pipe: StableDiffusionXLPipeline, latents: Tensor, rows: Sequence[Conditioning], draw: int) -> Tensor:
    """(rows, C, h, w) float32: the clean latents that the UNet predicts from under noise, with each row's prompt."""
    timestep = round(HIDDEN * train_timesteps(pipe.scheduler)) - 1
    level = alpha_bar(pipe.scheduler, timestep)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(draw)).to(latents)
    noisy, given = at_level(latents, noise, level).expand(len(rows), -1, -1, -1), stack(rows)
    prediction = pipe.unet(
        noisy,
        torch.tensor(timestep, device=latents.device),
        encoder_hidden_states=given.embeds,
        added_cond_kwargs={"text_embeds": given.pooled, "time_ids": given.time_ids},
        return_dict=False,
    )[0]
    return clean(prediction.float(), noisy.float(), level, pipe.scheduler.config.prediction_type)
