"""Tensors of a wrong name or shape are refused, and the pipeline is left as it was."""

from __future__ import annotations

import pytest
import torch
from diffusers import StableDiffusionXLControlNetPipeline
from diffusers.callbacks import SDXLControlnetCFGCutoffCallback
from fixtures import tiny_control
from fixtures.step_callbacks import XL, by_session, steps

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError


def returns(name, value):
    return steps(lambda pipe, index, tensors: {name: value}, XL)


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("prompt_embeds", torch.zeros(1, 77, 64), r"\(1, 77, 64\); expected .* \(2, 77, 64\), the uncond"),
        ("prompt_embeds", torch.zeros(2, 77, 65), r"\(2, 77, 64\)"),
        ("prompt_embeds", torch.zeros(2, 0, 64), r"\(2, 77, 64\)"),
        ("add_text_embeds", torch.zeros(2, 31), r"\(2, 32\)"),
        ("add_time_ids", torch.zeros(6), r"\(2, 6\)"),
        ("add_time_ids", None, r"a NoneType; expected .* \(2, 6\)"),
        ("latents", torch.zeros(2, 4, 16, 16), r"\(1, 4, 16, 16\)\."),
    ],
)
def test_tensors_of_a_wrong_shape_are_refused(session, name, value, expected):
    before = dict(session.pipe.__dict__)
    with pytest.raises(InputError, match=f"{name} is .*{expected}"):
        by_session(session, **returns(name, value))
    assert session.pipe.__dict__ == before


def test_what_is_no_dict_is_refused(session):
    with pytest.raises(InputError, match="returned None: expected a dict"):
        by_session(session, callback_on_step_end=lambda *given: None)


def test_other_tensors_of_the_pipeline_are_refused_by_name(session, open_session):
    rows = []
    handle = session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(InputError, match=r"image cannot .* latents, prompt_embeds, add_text_embeds, add_time_ids can"):
        by_session(session, callback_on_step_end=SDXLControlnetCFGCutoffCallback(cutoff_step_ratio=0.5))
    with (
        open_session("sd15") as other,
        pytest.raises(InputError, match=r"negative_.* cannot .* latents, prompt_embeds can"),
    ):
        by_session(other, **steps(print, ["negative_prompt_embeds"]))
    handle.remove()
    assert not rows


def test_returning_another_tensor_of_the_pipeline_is_refused(pipes, tmp_path):
    pipe = StableDiffusionXLControlNetPipeline(
        **pipes["xl"].components, controlnet=tiny_control.controlnet(pipes["xl"].unet), add_watermarker=False
    )
    with (
        IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session,
        pytest.raises(InputError, match="returned: image cannot"),
    ):
        by_session(session, **steps(lambda *given: {"image": torch.zeros(1)}))
