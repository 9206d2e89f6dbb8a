"""The arguments that diffusers' pipelines take: their meaning here is the one they have there, bit for bit."""

from __future__ import annotations

import json
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)
from fixtures import tiny_sd15

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.cli.commands.explain import redraw
from seal_sdk.cli.main import seal
from seal_sdk.errors import InputError

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
FAST = dict(num_inference_steps=2, guidance_scale=4.0)
SEEN = Appearance(tau=-1.0)


@pytest.fixture
def open_session(tmp_path):
    return partial(IdentitySession, store=tmp_path, enable_progress_bar=False)


@pytest.fixture
def session(tiny_pipeline, open_session):
    with open_session(tiny_pipeline()) as session:
        yield session


@pytest.fixture
def sd15_session(tiny_tokenizer, open_session):
    with open_session(tiny_sd15.pipeline(tiny_tokenizer)) as session:
        yield session


@pytest.fixture
def with_identity(session, reference_image):
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110))
    return session


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def by_diffusers(session, *prompt, seed=3, **arguments):
    session.pipe.set_progress_bar_config(disable=True)
    return session.pipe(*prompt, generator=generator(seed), output_type="np", **{**FAST, **arguments}).images


def by_session(session, *prompt, **arguments):
    return session.generate(None, *prompt, output_type="np", **{**FAST, "seed": 3, **OFF, **arguments})


def assert_draws_an_identity(session, *prompt, override=1.0, **arguments):
    """Infused images of these arguments are finite, and are not those that are drawn without."""
    drawn = by_session(
        session, *prompt, **{**arguments, "appearance": SEEN, "delta_bridge": DeltaBridge(override=override)}
    )
    assert drawn.coverage[0] == 1.0 and all(np.isfinite(image).all() for image in drawn.images)
    assert not np.array_equal(drawn.images[0], by_session(session, *prompt, **arguments).images[0])


def test_one_generator_draws_the_noise_of_all_images_at_once(session):
    ours = by_session(session, ["a cat", "a dog"], seed=None, generator=generator(), num_images_per_prompt=2)
    noise = torch.randn((4, 4, 32, 32), generator=generator())
    for number, image in enumerate(ours.images):
        prompt = ["a cat", "a cat", "a dog", "a dog"][number]
        assert np.array_equal(image, by_diffusers(session, prompt, latents=noise[number : number + 1])[0])
    assert ours.seeds == [None] * 4


def test_one_generator_goes_on_drawing_for_a_scheduler_that_asks(session):
    session.pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(session.pipe.scheduler.config)
    ours = by_session(
        session, "a cat", seed=None, generator=generator(), num_images_per_prompt=2, num_inference_steps=3
    )
    theirs = by_diffusers(session, "a cat", num_images_per_prompt=2, num_inference_steps=3)
    assert np.allclose(ours.images, theirs, atol=1e-3)  # diffusers draws the two in one forward, which rounds otherwise


def test_one_generator_draws_an_identity(with_identity):
    how = dict(num_images_per_prompt=2, appearance=SEEN)
    assert with_identity.generate(None, "a cat", generator=generator(), **how, **FAST).coverage == [1.0, 1.0]


def test_a_list_of_generators_has_one_per_image(session):
    with pytest.raises(InputError, match="3 generators"):
        by_session(session, "a cat", seed=None, generator=[generator()] * 2, num_images_per_prompt=3)


SCHEDULES = {
    "timesteps": (EulerDiscreteScheduler, dict(timesteps=[900, 500, 20])),
    "sigmas": (EulerDiscreteScheduler, dict(sigmas=[10.0, 2.0, 0.3])),
    "multistep": (DPMSolverMultistepScheduler, dict(timesteps=[900, 500, 20])),
    "eta": (DDIMScheduler, dict(eta=0.7)),
}


@pytest.mark.parametrize("scheduler, arguments", SCHEDULES.values(), ids=SCHEDULES)
def test_custom_schedules(with_identity, scheduler, arguments):
    pipe = with_identity.pipe
    pipe.scheduler = scheduler.from_config(pipe.scheduler.config)
    ours = by_session(with_identity, "a cat", **arguments)
    assert np.array_equal(ours.image, by_diffusers(with_identity, "a cat", **arguments)[0])
    assert not np.array_equal(ours.image, by_session(with_identity, "a cat").image)
    assert_draws_an_identity(with_identity, "a cat", **arguments)
    settings = ours.settings[0]
    assert {key: settings[key] for key in arguments} == arguments
    assert settings["num_inference_steps"] == (3 if "timesteps" in arguments else 2)


@pytest.mark.parametrize("scheduler, name", [(PNDMScheduler, "sigmas"), (DDIMScheduler, "timesteps")])
def test_a_scheduler_that_takes_no_custom_schedule_is_named(session, scheduler, name):
    session.pipe.scheduler = scheduler.from_config(session.pipe.scheduler.config)
    with pytest.raises(InputError, match=f"{name}=.*{scheduler.__name__} does not take them"):
        by_session(session, "a cat", **{name: [900, 20]})


@pytest.mark.parametrize(
    "arguments",
    [
        dict(timesteps=[20], sigmas=[0.3]),
        dict(timesteps=[]),
        dict(timesteps=[1.5]),
        dict(sigmas="ab"),
        dict(sigmas=[-1.0]),
        dict(eta=2),
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused(session, arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        by_session(session, "a cat", **arguments)


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


@pytest.mark.parametrize("names", [[], ["latents"]], ids=str)
def test_step_callbacks_get_the_tensors_they_name(with_identity, names):
    seen = []

    def halve(pipe, index, timestep, tensors):
        seen.append(sorted(tensors))
        return {name: tensor * 0.5 for name, tensor in tensors.items()}

    how = dict(callback_on_step_end=halve, callback_on_step_end_tensor_inputs=names)
    ours = by_session(with_identity, "a cat", **how)
    assert np.array_equal(ours.image, by_diffusers(with_identity, "a cat", **how)[0])
    assert_draws_an_identity(with_identity, "a cat", **how)
    assert seen == [names] * len(seen) and len(seen) == 8


def embeds_of(session, prompt, negative="a dog"):
    """What the pipeline's own encode_prompt gives, by the names of ``generate``."""
    names = ["prompt_embeds", "negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds"]
    if not hasattr(session.pipe, "text_encoder_2"):
        return dict(zip(names, session.pipe.encode_prompt(prompt, "cpu", 1, True, negative), strict=False))
    with torch.no_grad():
        return dict(zip(names, session.pipe.encode_prompt(prompt, negative_prompt=negative), strict=True))


KINDS = {
    "all": dict(),
    "no negative": dict(negative_prompt_embeds=None, negative_pooled_prompt_embeds=None),
    "negative words": dict(
        negative_prompt_embeds=None, negative_pooled_prompt_embeds=None, negative_prompt="snow", negative_prompt_2="sun"
    ),
    "words": dict(prompt_embeds=None, pooled_prompt_embeds=None, prompt="a cat"),
    "no guidance": dict(guidance_scale=1.0),
}


@pytest.mark.parametrize("changed", KINDS.values(), ids=KINDS)
def test_embeddings_take_the_place_of_words(with_identity, changed):
    arguments = {**embeds_of(with_identity, "a red cat"), **changed}
    ours = by_session(with_identity, **arguments)
    assert np.array_equal(ours.image, by_diffusers(with_identity, **arguments)[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert_draws_an_identity(with_identity, **arguments)
    warned = [each for each in caught if "prompt_embeds have no words" in str(each.message)]
    assert len(warned) == ("prompt" not in changed and "guidance_scale" not in changed)
    assert all(each.filename == __file__ for each in warned)
    assert ours.settings[0]["prompt"] == changed.get("prompt")
    given = {name for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    assert set(ours.settings[0]["embeds"]) == given


def test_embeddings_of_words_draw_what_the_words_draw(with_identity, structure_image):
    how = dict(
        appearance=SEEN, delta_bridge=DeltaBridge(override=0, quality=""), seed=2, structure_box=(20, 20, 100, 110)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ours = with_identity.generate(structure_image, **embeds_of(with_identity, "a red cat"), **how, **FAST)
    words = with_identity.generate(structure_image, "a red cat", negative_prompt="a dog", **how, **FAST)
    assert ours.image.tobytes() == words.image.tobytes()


def test_a_batch_of_embeddings(session):
    embeds = [embeds_of(session, prompt) for prompt in ("a cat", "a dog")]
    together = {name: torch.cat([each[name] for each in embeds]) for name in embeds[0]}
    batch = by_session(session, **together, num_images_per_prompt=2, seed=[3, 4, 5, 3])
    assert np.array_equal(batch.images[0], by_diffusers(session, **embeds[0])[0])
    assert np.array_equal(batch.images[3], by_diffusers(session, **embeds[1])[0])


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


def test_an_image_of_embeddings_cannot_be_explained(with_identity, tmp_path):
    embeds = embeds_of(with_identity, "a red cat")
    drawn = with_identity.generate(None, **embeds, delta_bridge=DeltaBridge(override=0), seed=4, **FAST)
    drawn.image.save(tmp_path / "drawn.png")
    done = CliRunner().invoke(seal, ["explain", str(tmp_path / "drawn.png"), "-o", str(tmp_path / "maps.png")])
    assert done.exit_code and "drawn from embeddings" in done.output + str(done.exception)


def test_longer_prompts_than_the_text_encoders_read(with_identity):
    embeds = embeds_of(with_identity, "a red cat")
    long = {name: value if "pooled" in name else torch.cat([value, -value], 1) for name, value in embeds.items()}
    assert np.array_equal(by_session(with_identity, **long).image, by_diffusers(with_identity, **long)[0])
    assert_draws_an_identity(with_identity, **long, override=0)


def test_rows_with_repeated_tokens_predict_the_same(session):
    row = session.backbone.encode_prompt("a red cat", (128, 128))
    longer = Conditioning(torch.cat([row.embeds] * 2, 1), row.added)
    both = stack([row, longer])
    noisy = torch.randn((1, 4, 32, 32), generator=generator())
    with torch.no_grad():
        alone = session.backbone.predict(noisy, torch.tensor(500), row)
        together = session.backbone.predict(torch.cat([noisy] * 2), torch.tensor(500), both)
    assert torch.allclose(together[:1], alone, atol=1e-5) and torch.allclose(together[1:], alone, atol=1e-5)


def test_stable_diffusion_15_takes_embeddings_without_pooled_ones(sd15_session, reference_image):
    sd15_session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110))
    embeds = embeds_of(sd15_session, "a red cat")
    assert set(embeds) == {"prompt_embeds", "negative_prompt_embeds"}
    assert np.array_equal(by_session(sd15_session, **embeds).image, by_diffusers(sd15_session, **embeds)[0])
    assert_draws_an_identity(sd15_session, **embeds, override=0)
    with pytest.raises(InputError, match="no pooled embedding"):
        by_session(sd15_session, **embeds, pooled_prompt_embeds=torch.zeros(1, 4))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(prompt="a cat"), "prompt= or prompt_embeds=, not both"),
        (dict(prompt_2="a cat"), "prompt_2= or prompt_embeds=, not both"),
        (dict(negative_prompt="a cat"), "negative_prompt= or negative_prompt_embeds=, not both"),
        (dict(pooled_prompt_embeds=None), "prompt_embeds and pooled_prompt_embeds go together"),
        (dict(negative_pooled_prompt_embeds=None), "negative_pooled_prompt_embeds go together"),
        (dict(prompt_embeds=None), "expected words"),
        (dict(prompt_embeds=None, prompt="a cat"), "prompt_embeds and pooled_prompt_embeds go together"),
        (dict(prompt_embeds=torch.zeros(77, 4)), r"\(B, T, D\)"),
        (dict(prompt_embeds="a cat"), r"\(B, T, D\)"),
        (dict(pooled_prompt_embeds=torch.zeros(2, 4)), "same length"),
        (dict(prompt_embeds=torch.zeros(1, 77, 4)), "last dimension"),
        (dict(pooled_prompt_embeds=torch.zeros(1, 3)), "last dimension"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_are_no_embeddings_is_refused(session, changed, message):
    with pytest.raises(InputError, match=message):
        by_session(session, **{**embeds_of(session, "a cat"), **changed})


def test_embeddings_that_do_not_fit_each_other_are_refused(session):
    embeds = embeds_of(session, "a cat")
    with pytest.raises(InputError, match="must have one shape"):
        by_session(session, **{**embeds, "negative_prompt_embeds": embeds["negative_prompt_embeds"][:, :5]})
    with pytest.raises(InputError, match="finite"):
        by_session(session, **{**embeds, "prompt_embeds": embeds["prompt_embeds"] * torch.nan})


def test_neither_words_nor_embeddings(session):
    with pytest.raises(InputError, match="expected words"):
        by_session(session)
