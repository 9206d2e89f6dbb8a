"""Second prompts, skipped layers of the text encoders and size ids mean what they mean in diffusers, bit for bit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from fixtures.diffusers_calls import FAST, OFF, SEEN, assert_draws_an_identity, by_diffusers, by_session, generator

from seal_sdk.cli.commands.explain import redraw
from seal_sdk.errors import InputError

PROMPTS = {
    "prompt_2": dict(prompt_2="a photo of a red dog"),
    "negative_prompt_2": dict(negative_prompt="a dog", negative_prompt_2="a horse at night"),
    "both": dict(prompt_2="a dog", negative_prompt_2="a horse", negative_prompt="snow"),
    "no guidance": dict(prompt_2="a dog", guidance_scale=1.0),
}
SIZES = {
    "original_size": dict(original_size=(64, 48), target_size=(96, 96)),
    "crops": dict(crops_coords_top_left=(32, 16)),
    "negative": dict(negative_original_size=(32, 32), negative_target_size=(96, 64)),
    "negative crops": dict(
        negative_original_size=(32, 32), negative_crops_coords_top_left=(5, 9), negative_target_size=(96, 64)
    ),
    "one negative": dict(original_size=(64, 48), negative_target_size=(96, 64)),
    "no guidance": dict(crops_coords_top_left=(32, 16), guidance_scale=1.0),
}


@pytest.mark.parametrize("arguments", [*PROMPTS.values(), *SIZES.values()], ids=[*PROMPTS, *SIZES])
def test_second_prompts_and_size_ids(with_identity, arguments):
    ours = by_session(with_identity, "a cat", **arguments)
    assert np.array_equal(ours.image, by_diffusers(with_identity, "a cat", **arguments)[0])
    plain = {name: arguments[name] for name in ("guidance_scale", "negative_prompt") if name in arguments}
    assert not np.array_equal(ours.image, by_session(with_identity, "a cat", **plain).image)
    assert_draws_an_identity(with_identity, "a cat", **arguments)
    assert {name: ours.settings[0][name] for name in arguments} == arguments


def test_each_image_of_a_batch_has_its_own_second_prompt(session):
    batch = by_session(session, ["a cat", "a dog"], prompt_2=["snow", None], negative_prompt_2="night", seed=[3, 3])
    for image, prompt, second in zip(batch.images, ["a cat", "a dog"], ["snow", None], strict=True):
        assert np.array_equal(image, by_session(session, prompt, prompt_2=second, negative_prompt_2="night").image)


@pytest.mark.parametrize("name", ["prompt_2", "negative_prompt_2"])
def test_stable_diffusion_15_has_one_text_encoder(sd15_session, name):
    with pytest.raises(InputError, match="one text encoder"):
        by_session(sd15_session, "a cat", **{name: "a dog"})


def test_stable_diffusion_15_has_no_size_ids(sd15_session):
    with pytest.raises(InputError, match="no size ids: leave target_size out"):
        by_session(sd15_session, "a cat", target_size=(64, 64))


@pytest.mark.parametrize("value", [(64,), "ab", (1.5, 2), (-1, 3), None])
def test_what_is_no_pair_of_pixels_is_refused(session, value):
    with pytest.raises(InputError, match="crops_coords_top_left"):
        by_session(session, "a cat", crops_coords_top_left=value)


def test_what_is_no_second_prompt_is_refused(session):
    with pytest.raises(InputError, match="prompt_2=3"):
        by_session(session, "a cat", prompt_2=3)


@pytest.mark.parametrize("clip_skip", [-1, 3, 1.0, True])
def test_layers_that_cannot_be_skipped_are_refused_before_any_work(session, clip_skip):
    calls = []
    session.pipe.text_encoder.register_forward_pre_hook(lambda *_: calls.append(1))
    with pytest.raises(InputError, match=f"clip_skip={clip_skip}: expected an integer from 0 to 2"):
        session.generate(None, "a cat", clip_skip=clip_skip, **FAST, **OFF)
    assert not calls


def test_all_layers_but_one_can_be_skipped(session):
    ours = session.generate(None, "a cat", seed=3, clip_skip=2, output_type="np", **FAST, **OFF)
    theirs = session.pipe("a cat", clip_skip=2, generator=generator(), output_type="np", **FAST)
    assert np.array_equal(ours.image, theirs.images[0])


def test_the_settings_in_an_image_draw_it_again(with_identity):
    how = dict(prompt_2="snow", negative_prompt_2="sun", target_size=(96, 96), timesteps=[900, 500, 20], seed=4)
    drawn = with_identity.generate(None, "a red cat", crops_coords_top_left=(4, 8), appearance=SEEN, **how)
    settings = json.loads(json.dumps(drawn.settings[0]))
    again = redraw(with_identity, settings, (with_identity.identities["cat"],), None)
    assert again.image.tobytes() == drawn.image.tobytes()
