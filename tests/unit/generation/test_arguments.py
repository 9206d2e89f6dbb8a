"""The arguments of diffusers' pipelines, and who takes them."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest
from diffusers import (
    StableDiffusionXLAdapterPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLControlNetUnionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)

from seal_sdk import IdentitySession
from seal_sdk.backbone.control import ControlArguments
from seal_sdk.backbone.image_prompt import ImagePrompt
from seal_sdk.backbone.prompt_embeds import PromptEmbeds
from seal_sdk.backbone.prompt_options import SizeIds
from seal_sdk.backbone.schedule import CustomSchedule
from seal_sdk.backbone.window import Window
from seal_sdk.generation import ImageArguments, Sampling
from seal_sdk.generation.arguments import DiffusersArguments, check_names
from seal_sdk.generation.picture import PictureArguments

NAMES = set(DiffusersArguments.__annotations__)
PIPELINES = (
    StableDiffusionXLPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLControlNetUnionPipeline,
    StableDiffusionXLAdapterPipeline,
)


def test_every_argument_is_taken_by_somebody():
    groups = (
        *(SizeIds, PromptEmbeds, ImagePrompt, CustomSchedule, ControlArguments, ImageArguments, Sampling),
        *(PictureArguments, Window),
    )
    taken = {each.name for group in groups for each in fields(group)}
    assert NAMES - taken == {"callback_on_step_end", "callback_on_step_end_tensor_inputs"}


def test_every_argument_has_diffusers_name():
    theirs = {name for pipeline in PIPELINES for name in inspect.signature(pipeline.__call__).parameters}
    assert theirs >= NAMES


def test_an_unknown_name_is_a_type_error_that_names_the_nearest():
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'negative_promt_2'.*'negative_prompt_2'"):
        check_names({"negative_promt_2": "a dog"})


def test_a_session_refuses_unknown_names_before_any_work(tiny_pipeline, tmp_path):
    with (
        IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session,
        pytest.raises(TypeError, match=r"sigma.*sigmas"),
    ):
        session.generate(None, "a cat", sigma=[1.0])
