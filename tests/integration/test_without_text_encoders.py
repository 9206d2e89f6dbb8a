"""Pipelines without text encoders or tokenizers draw from embeddings; where words are to be read they say what is missing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from fixtures import tiny, tiny_sd15

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import UnsupportedModel, WrongModel

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
FAST = dict(num_inference_steps=2, guidance_scale=4.0, height=64, width=64)
BOX = (20, 20, 100, 110)
TEXT = ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2")
NAMES = ("prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds")


def without(pipe, *names):
    """A pipeline of the same parts without these."""
    parts = {name: None if name in names else part for name, part in pipe.components.items()}
    if isinstance(pipe, StableDiffusionPipeline):
        return StableDiffusionPipeline(**parts, requires_safety_checker=False)
    return StableDiffusionXLPipeline(**parts, add_watermarker=False)


@pytest.fixture(scope="module")
def pipe(tiny_tokenizer):
    return tiny.pipeline(tiny_tokenizer)


@pytest.fixture(scope="module")
def sd15(tiny_tokenizer):
    return tiny_sd15.pipeline(tiny_tokenizer)


@pytest.fixture
def open_session(tmp_path):
    return lambda pipe: IdentitySession(pipe, store=tmp_path, enable_progress_bar=False)


@pytest.fixture
def rows(pipe, sd15):
    """One item per forward of a UNet."""
    counted = []
    handles = [each.unet.register_forward_pre_hook(lambda *_: counted.append(1)) for each in (pipe, sd15)]
    yield counted
    for handle in handles:
        handle.remove()


def embeds_of(pipe):
    with torch.no_grad():
        if isinstance(pipe, StableDiffusionPipeline):
            return dict(zip(NAMES, pipe.encode_prompt("a cat", "cpu", 1, True, "a dog"), strict=False))
        return dict(zip(NAMES, pipe.encode_prompt("a cat", negative_prompt="a dog"), strict=True))


def both_draw(session, **arguments):
    session.pipe.set_progress_bar_config(disable=True)
    ours = session.generate(None, seed=3, output_type="np", **arguments, **FAST, **OFF).image
    theirs = session.pipe(generator=torch.Generator().manual_seed(3), output_type="np", **arguments, **FAST).images[0]
    return ours, theirs


@pytest.mark.parametrize("family", ["pipe", "sd15"])
def test_embeddings_are_drawn(request, open_session, family):
    whole = request.getfixturevalue(family)
    embeds = embeds_of(whole)
    with open_session(without(whole, *TEXT)) as session:
        assert np.array_equal(*both_draw(session, **embeds))


def test_where_no_negative_is_zeros_it_may_be_left_out(pipe, sd15, open_session, rows):
    with open_session(without(pipe, *TEXT)) as session:
        embeds = {name: value for name, value in embeds_of(pipe).items() if "negative" not in name}
        assert np.array_equal(*both_draw(session, **embeds))
    rows.clear()
    with open_session(without(sd15, *TEXT)) as session, pytest.raises(UnsupportedModel, match="negative_prompt_embeds"):
        session.generate(None, prompt_embeds=embeds_of(sd15)["prompt_embeds"], **FAST, **OFF)
    assert not rows


@pytest.mark.parametrize(
    "left_out, named",
    [
        (TEXT, "no text_encoder, tokenizer, text_encoder_2, tokenizer_2, so"),
        (("text_encoder", "tokenizer"), "no text_encoder, tokenizer, so"),
        (("text_encoder_2",), r"no text_encoder_2, so .*register_modules\(text_encoder_2="),
        (("tokenizer", "tokenizer_2"), "no tokenizer, tokenizer_2, so"),
    ],
)
def test_registering_names_what_is_missing(pipe, open_session, reference_image, rows, left_out, named):
    with open_session(without(pipe, *left_out)) as session, pytest.raises(UnsupportedModel, match=named):
        session.register(reference_image, prompt="a photo of a cat", box=BOX)
    assert not rows


def test_stable_diffusion_15_names_its_own_parts(sd15, open_session, reference_image, rows):
    with open_session(without(sd15, *TEXT)) as session:
        with pytest.raises(UnsupportedModel, match="no text_encoder, tokenizer, so"):
            session.register(reference_image, prompt="a photo of a cat", box=BOX)
        with pytest.raises(UnsupportedModel, match="no text_encoder, tokenizer, so"):
            session.generate(None, "a cat", **FAST, **OFF)
    assert not rows


@pytest.mark.parametrize(
    "words",
    [
        dict(prompt="a cat"),
        dict(prompt_embeds=True, negative_prompt="a dog"),
        dict(prompt_embeds=True, negative_prompt_2="a dog"),
        dict(prompt_embeds=True, structure_prompt="a mesh of a cat"),
    ],
    ids=lambda words: list(words)[-1],
)
def test_generating_from_words_names_what_is_missing(pipe, open_session, rows, words):
    words = dict(words)
    if words.pop("prompt_embeds", False):
        words |= {name: value for name, value in embeds_of(pipe).items() if "negative" not in name}
    with open_session(without(pipe, *TEXT)) as session, pytest.raises(UnsupportedModel, match="cannot read words"):
        session.generate(None, **words, **FAST, **OFF)
    assert not rows


def test_an_identity_of_the_whole_pipeline_is_another_models(pipe, open_session, reference_image, rows):
    embeds = embeds_of(pipe)
    with open_session(pipe) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX)
    rows.clear()
    with open_session(without(pipe, *TEXT)) as session:
        session.use("cat")
        with pytest.raises(WrongModel, match=r"'cat' was .* \(differs in: text_encoder, text_encoder_2\)"):
            session.generate(None, **embeds, **FAST)
    with open_session(without(pipe, "tokenizer", "tokenizer_2")) as session:
        session.use("cat")
        with pytest.raises(UnsupportedModel, match="no tokenizer, tokenizer_2"):
            session.generate(None, **embeds, delta_bridge=DeltaBridge(override=0), **FAST)
        assert not rows
        drawn = session.generate(None, **embeds, appearance=Appearance(tau=-1.0), delta_bridge=DeltaBridge(0.0), **FAST)
        assert drawn.coverage[0] > 0.5  # where the subject is nobody says: what looks like it is infused


def test_a_refiner_needs_the_second_text_encoder_alone(tiny_tokenizer, open_session):
    from fixtures.pipeline_states import with_unet

    refiner = without(with_unet(tiny.pipeline(tiny_tokenizer), cross_attention_dim=32), "text_encoder", "tokenizer")
    with open_session(refiner) as session:
        assert np.array_equal(*both_draw(session, prompt="a cat"))
