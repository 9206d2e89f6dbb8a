"""Step callbacks switch guidance off and on, as in diffusers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.callbacks import SDCFGCutoffCallback, SDXLCFGCutoffCallback
from fixtures.step_callbacks import XL, by_diffusers, by_session, steps

from seal_sdk.errors import InputError


@pytest.mark.parametrize("family, cutoff", [("xl", SDXLCFGCutoffCallback), ("sd15", SDCFGCutoffCallback)])
def test_diffusers_own_cutoffs_of_guidance(open_session, family, cutoff):
    how = dict(callback_on_step_end=cutoff(cutoff_step_ratio=0.5, cutoff_step_index=None))
    with open_session(family) as session:
        ours = by_session(session, **how)
        assert np.array_equal(ours.image, by_diffusers(session, **how))
        assert ours.unet_rows == by_session(session).unet_rows - (1 if family == "xl" else 2)


def test_guidance_may_begin_later(session):
    with torch.no_grad():
        positive, negative, pooled, negative_pooled = session.pipe.encode_prompt("a cat", negative_prompt="a dog")

    def begin(pipe, index, tensors):
        if index != 1:
            return None
        pipe._guidance_scale = 5.0
        return {
            "prompt_embeds": torch.cat([negative, positive]),
            "add_text_embeds": torch.cat([negative_pooled, pooled]),
            "add_time_ids": tensors["add_time_ids"].repeat(2, 1),
        }

    how = dict(guidance_scale=1.0, **steps(begin, XL))
    ours = by_session(session, **how)
    assert np.array_equal(ours.image, by_diffusers(session, **how))
    assert ours.unet_rows == 1 + 1 + 2 + 2


def test_guidance_that_begins_without_unconditional_rows_is_refused(session):
    def begin(pipe, index, tensors):
        pipe._guidance_scale = 5.0

    with pytest.raises(InputError, match="switched guidance on"):
        by_session(session, guidance_scale=1.0, **steps(begin))
    with pytest.raises(InputError, match=r"prompt_embeds is of shape \(1, 77, 64\); expected .* \(2, 77, 64\)"):
        by_session(session, guidance_scale=1.0, **steps(begin, XL))


def test_a_cutoff_for_one_image_is_refused_for_two(session):
    how = dict(callback_on_step_end=SDXLCFGCutoffCallback(cutoff_step_ratio=0.5, cutoff_step_index=None))
    with pytest.raises(InputError, match=r"\(1, 77, 64\); expected .* \(2, 77, 64\) or \(4, 77, 64\)"):
        by_session(session, ["a cat", "a dog"], **how)
