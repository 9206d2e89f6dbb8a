"""The session's promises, on a tiny pipeline: nothing computed twice, batches equal singles, everything left as found."""

from __future__ import annotations

import copy
import gc
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from seal_sdk import Appearance, Callback, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import ConfigError, InputError, NumericalError, PromptError, SizeError, UnknownIdentity, WrongModel

BOX = (20.0, 20.0, 100.0, 110.0)
FAST = dict(num_inference_steps=3, guidance_scale=4.0)


@contextmanager
def counted(pipe):
    """Counts, by hooks of its own, the rows of the UNet and the images that the VAE encodes."""
    counts = {"unet_rows": 0, "vae_encodes": 0}

    def count_rows(_module, args, kwargs):
        counts["unet_rows"] += len(args[0])

    def count_encodes(_module, args):
        counts["vae_encodes"] += len(args[0])

    handles = [
        pipe.unet.register_forward_pre_hook(count_rows, with_kwargs=True),
        pipe.vae.encoder.register_forward_pre_hook(count_encodes),
    ]
    yield counts
    for handle in handles:
        handle.remove()


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    return IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False)


def register(session, image, **arguments):
    return session.register(image, **{"prompt": "a photo of a cat", "name": "cat", "box": BOX, **arguments})


def pixels(generation):
    return [np.asarray(image) for image in generation.images]


def test_register_computes_one_row_per_timestep_and_the_second_time_nothing(session, reference_image):
    with counted(session.pipe) as first:
        identity = register(session, reference_image, timesteps=5)
    assert first == {"unet_rows": 5, "vae_encodes": 1}
    with counted(session.pipe) as second:
        again = register(session, reference_image, timesteps=5)
    assert second == {"unet_rows": 0, "vae_encodes": 0}
    assert again.digest == identity.digest


def test_a_later_session_gets_a_hit_and_draws_the_same(tiny_pipeline, tmp_path, reference_image, structure_image):
    class NoFinder:
        fingerprint, calls = "none", 0

        def find(self, image, what="reference"):
            raise AssertionError("nobody should be asked")

    images = []
    for _ in range(2):
        session = IdentitySession(tiny_pipeline(), store=tmp_path, subject=NoFinder(), enable_progress_bar=False)
        register(session, reference_image)
        with counted(session.pipe) as counts:
            drawn = session.generate(structure_image, "a cat", structure_box=BOX, seed=5, **FAST)
        assert counts["vae_encodes"] == 1  # the structure image: nothing of the reference
        assert counts["unet_rows"] == drawn.unet_rows
        images.append(pixels(drawn)[0])
    assert np.array_equal(*images)


def test_rows_are_computed_only_where_they_are_used(session, reference_image, structure_image):
    register(session, reference_image)

    def rows(**settings):
        return session.generate(
            structure_image, "a cat", structure_box=BOX, seed=5, num_inference_steps=10, **settings
        ).unet_rows

    off, none = DeltaBridge(strength=0), Structure(control="none")
    assert rows(guidance_scale=4.0, delta_bridge=off, structure_control=none) == 20
    assert rows(guidance_scale=1.0, delta_bridge=off, structure_control=none) == 10
    early = rows(guidance_scale=4.0, delta_bridge=DeltaBridge(strength=1, end=0.5, override=0), structure_control=none)
    assert 20 < early < 30
    whole = rows(guidance_scale=4.0, delta_bridge=off, structure_control=Structure(end=1.0))
    assert 20 < rows(guidance_scale=4.0, delta_bridge=off, structure_control=Structure(end=0.5)) < whole == 30
    app = rows(
        guidance_scale=4.0,
        delta_bridge=DeltaBridge(strength=1, base="app", end=0.5, override=0),
        structure_control=none,
    )
    assert app == early  # late in sampling the generation row is the one that nothing uses


def test_a_batch_draws_what_single_calls_draw(session, reference_image, structure_image):
    register(session, reference_image)
    prompts = ["a cat on snow", "a cat at night", "a cat in a forest"]
    structures = [structure_image, None, structure_image]
    batch = session.generate(structures, prompts, structure_box=BOX, seed=[3, 4, 5], **FAST)
    singles = [
        session.generate(structure, prompt, structure_box=BOX, seed=seed, **FAST)
        for structure, prompt, seed in zip(structures, prompts, [3, 4, 5], strict=True)
    ]
    assert batch.seeds == [3, 4, 5]
    for together, alone in zip(pixels(batch), singles, strict=True):
        assert np.array_equal(together, pixels(alone)[0])


def test_several_images_per_prompt_take_following_seeds(session, reference_image):
    register(session, reference_image)
    batch = session.generate(None, ["a cat", "a dog"], num_images_per_prompt=2, seed=10, **FAST)
    assert batch.seeds == [10, 11, 12, 13]
    assert [each["prompt"] for each in batch.settings] == ["a cat", "a cat", "a dog", "a dog"]
    assert np.array_equal(pixels(batch)[3], pixels(session.generate(None, "a dog", seed=13, **FAST))[0])


def test_a_generator_is_a_seed(session, reference_image):
    register(session, reference_image)
    by_seed = session.generate(None, "a cat", seed=8, **FAST)
    by_generator = session.generate(None, "a cat", generator=torch.Generator().manual_seed(8), **FAST)
    assert np.array_equal(pixels(by_seed)[0], pixels(by_generator)[0])
    assert by_generator.seeds == [None]


def test_infusion_changes_the_image_and_reports_its_coverage(session, reference_image, structure_image):
    register(session, reference_image)
    arguments = dict(structure_box=BOX, seed=2, delta_bridge=DeltaBridge(strength=0), **FAST)
    plain = session.generate(structure_image, "a cat", appearance=Appearance(delta=0), **arguments)
    gated = session.generate(structure_image, "a cat", appearance=Appearance(tau=-1.0), **arguments)
    unreachable = session.generate(
        structure_image, "a cat", appearance=Appearance(tau=1.0, schedule="constant"), **arguments
    )
    assert not np.array_equal(pixels(plain)[0], pixels(gated)[0])
    assert gated.coverage[0] > 0.9 and unreachable.coverage == [0.0]
    assert np.array_equal(pixels(plain)[0], pixels(unreachable)[0])


def test_exact_timesteps_are_at_distance_zero_and_anchors_report_theirs(session, reference_image):
    register(session, reference_image, timesteps="exact", num_inference_steps=3)
    assert session.generate(None, "a cat", seed=1, **FAST).timestep_distance == [0.0]
    identity = register(session, reference_image, timesteps=[500])
    assert identity.timesteps == (500,)
    assert session.generate(None, "a cat", seed=1, **FAST).timestep_distance[0] > 100


def pipeline_state(pipe):
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in pipe.unet.modules())
    return (
        hooks,
        dict(pipe.unet.attn_processors),
        copy.deepcopy(pipe.scheduler.__dict__.get("timesteps")),
        {key: value for key, value in pipe.__dict__.items() if key.startswith("_") and not key.startswith("_internal")},
        pipe.unet.dtype,
        pipe.vae.dtype,
    )


def same_state(before, after):
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in zip(before, after, strict=True))


def test_the_pipeline_is_left_as_found_also_after_an_exception(session, reference_image, structure_image):
    before = pipeline_state(session.pipe)
    register(session, reference_image)
    session.generate(structure_image, "a cat", structure_box=BOX, seed=1, **FAST)
    assert same_state(before, pipeline_state(session.pipe))

    def fail(pipe, index, timestep, given):
        raise RuntimeError("stop here")

    with pytest.raises(RuntimeError, match="stop here"):
        session.generate(structure_image, "a cat", structure_box=BOX, callback_on_step_end=fail, **FAST)
    assert same_state(before, pipeline_state(session.pipe))


def test_a_failed_register_stores_nothing_and_leaves_the_pipeline(session, reference_image):
    before = pipeline_state(session.pipe)
    with torch.no_grad():
        weight = session.pipe.unet.up_blocks[0].attentions[0].transformer_blocks[0].attn1.to_k.weight
        kept = weight.clone()
        weight.fill_(float("nan"))
        with pytest.raises(NumericalError, match=r"K/V"):
            register(session, reference_image)
        weight.copy_(kept)
    assert list(session.identities) == []
    assert same_state(before, pipeline_state(session.pipe))


def test_callbacks_hear_everything_in_order(session, reference_image):
    heard = []

    class Listener(Callback):
        def on_register_start(self, session, name, total):
            heard.append(("register_start", name, total))

        def on_register_step(self, session, index, timestep):
            heard.append(("register_step", index))

        def on_register_end(self, session, identity, hit):
            heard.append(("register_end", hit))

        def on_step_end(self, session, index, timestep, latents):
            heard.append(("step", index, tuple(latents.shape)))

        def on_generate_end(self, session, generation):
            heard.append(("generate_end", len(generation)))

        def on_exception(self, session, error):
            heard.append(("exception", type(error)))

    session.callbacks.append(Listener())
    register(session, reference_image, timesteps=2)
    register(session, reference_image, timesteps=2)
    session.generate(None, ["a cat", "a dog"], seed=1, num_inference_steps=2)
    with pytest.raises(PromptError):
        session.generate(None, " ")
    assert heard == [
        ("register_start", "cat", 2),
        ("register_step", 0),
        ("register_step", 1),
        ("register_end", False),
        ("register_end", True),
        ("step", 0, (2, 4, 32, 32)),
        ("step", 1, (2, 4, 32, 32)),
        ("generate_end", 2),
        ("exception", PromptError),
    ]


def test_step_callback_may_change_latents_and_interrupt(session, reference_image):
    register(session, reference_image)
    seen = []

    def stop_after_two(pipe, index, timestep, given):
        seen.append(index)
        pipe._interrupt = index == 1
        return {"latents": torch.zeros_like(given["latents"])}

    drawn = session.generate(
        None, "a cat", seed=1, num_inference_steps=6, output_type="latent", callback_on_step_end=stop_after_two
    )
    assert seen == [0, 1] and not drawn.image.any()


def test_state_dict_goes_on_where_it_was(session, tiny_pipeline, tmp_path, reference_image):
    register(session, reference_image)
    session.appearance = replace(session.appearance, delta=1.5, layers=("mid",))
    state = session.state_dict()
    expected = session.generate(None, "a cat", **FAST)
    other = IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False)
    other.load_state_dict(state)
    drawn = other.generate(None, "a cat", **FAST)
    assert drawn.seeds == expected.seeds
    assert np.array_equal(pixels(drawn)[0], pixels(expected)[0])


def test_unknown_identities_suggest_the_nearest(session, reference_image):
    with pytest.raises(UnknownIdentity, match="register"):
        session.generate(None, "a cat")
    register(session, reference_image, name="tiger")
    with pytest.raises(UnknownIdentity, match="tiger"):
        session.use("tigre")
    with pytest.raises(KeyError):
        session.identities["nobody"]


def test_an_identity_of_another_model_is_refused(session, tiny_pipeline, tmp_path, reference_image):
    register(session, reference_image)
    other = IdentitySession(tiny_pipeline(seed=1), store=tmp_path / "store", enable_progress_bar=False)
    with pytest.raises(WrongModel, match="unet"):
        other.generate(None, "a cat", identity="cat", **FAST)


def test_changed_weights_are_noticed_within_a_session(session, reference_image):
    register(session, reference_image)
    with torch.no_grad():
        session.pipe.unet.conv_in.weight.mul_(1.5)
    with pytest.raises(WrongModel):
        session.generate(None, "a cat", **FAST)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (dict(height=130), SizeError, "multiple of 4.*128"),
        (dict(width=0), SizeError, "multiple of 4"),
        (dict(num_inference_steps=0), InputError, "num_inference_steps=0"),
        (dict(guidance_scale=float("nan")), InputError, "nan"),
        (dict(output_type="jpeg"), InputError, "jpeg"),
        (dict(seed=-1), InputError, "-1"),
        (dict(seed=[1, 2]), InputError, "1 images need 1 seeds|2 seeds|seeds"),
        (dict(num_images_per_prompt=0), InputError, "num_images_per_prompt=0"),
        (dict(latents=torch.full((1, 4, 32, 32), float("nan"))), InputError, "finite"),
        (dict(latents=torch.zeros(1, 4, 8, 8)), InputError, "shape"),
        (dict(structure_control=Structure(control="controlnet")), ConfigError, "controlnet="),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_bad_arguments_are_named_before_any_unet_row(session, reference_image, arguments, error, says):
    register(session, reference_image)
    prompt = ["a cat", "a dog", "a bird"] if "seed" in arguments and isinstance(arguments["seed"], list) else "a cat"
    with counted(session.pipe) as counts, pytest.raises(error, match=says):
        session.generate(None, prompt, **{"num_inference_steps": 2, **arguments})
    assert counts["unet_rows"] == 0


def test_lists_of_different_lengths_are_refused(session, reference_image):
    register(session, reference_image)
    with pytest.raises(InputError, match=r"prompt: 2, negative_prompt: 3"):
        session.generate(None, ["a cat", "a dog"], negative_prompt=["x", "y", "z"])


def test_layers_that_were_not_stored_are_refused(session, reference_image):
    register(session, reference_image, appearance=Appearance(layers=("mid",)))
    with pytest.raises(InputError, match=r"mid.*up"):
        session.generate(None, "a cat", num_inference_steps=1)
    session.generate(None, "a cat", num_inference_steps=1, appearance=Appearance(layers=("mid",)))


@pytest.mark.parametrize("timesteps", [0, -3, [], [1000], [1.5], "all", True])
def test_bad_timesteps_are_refused(session, reference_image, timesteps):
    with pytest.raises(InputError, match="timesteps="):
        register(session, reference_image, timesteps=timesteps)


def test_a_long_prompt_warns_with_what_was_cut(session, reference_image):
    register(session, reference_image)
    with pytest.warns(UserWarning, match="zebra"):
        session.generate(None, "a cat " * 40 + "zebra", num_inference_steps=1, seed=1)


def test_nan_latents_end_in_a_clear_error(session, reference_image):
    register(session, reference_image)

    def poison(pipe, index, timestep, given):
        return {"latents": given["latents"] * float("nan")}

    with pytest.raises(NumericalError, match="precision="):
        session.generate(None, "a cat", num_inference_steps=1, callback_on_step_end=poison)


def test_a_closed_session_says_so(session):
    session.close()
    with pytest.raises(ConfigError, match="closed"):
        session.generate(None, "a cat")


def test_non_square_reference_and_target_of_another_size(session, structure_image):
    wide = Image.new("RGB", (300, 150), "white")
    identity = register(session, wide, box=(100, 20, 200, 140))
    assert identity.size[0] > identity.size[1]
    drawn = session.generate(
        structure_image, "a cat", structure_box=BOX, height=160, width=96, seed=1, num_inference_steps=2
    )
    assert drawn.image.size == (96, 160)


def test_given_masks_win_over_boxes_and_the_segmenter(session, reference_image):
    mask = np.zeros((128, 128), dtype=bool)
    mask[30:60, 40:90] = True
    identity = register(session, reference_image, box=None, mask=mask)
    assert identity.box == (40, 30, 90, 60)
    assert np.array_equal(identity.mask, mask)


def test_a_memory_budget_bounds_what_is_kept(tiny_pipeline, tmp_path, reference_image):
    def draw(budget):
        session = IdentitySession(
            tiny_pipeline(), store=tmp_path / "store", memory_budget=budget, enable_progress_bar=False
        )
        exact = Appearance(tokens="all", quantization="none")
        identity = register(session, reference_image, timesteps=3, appearance=exact)
        image = pixels(session.generate(None, "a cat", seed=1, num_inference_steps=6))[0]
        return image, session._cache.nbytes, identity.nbytes

    (none, kept_none, total), (one, kept_one, _), (whole, kept_whole, _) = draw(0), draw(300_000), draw(None)
    assert kept_none == 0 and kept_one <= 300_000 and kept_whole == total
    assert np.array_equal(none, one) and np.array_equal(one, whole)
    with pytest.raises(ConfigError, match="memory_budget"):
        draw(-1)


def test_a_read_only_store_serves_hits(session, tiny_pipeline, reference_image, monkeypatch):
    register(session, reference_image)
    monkeypatch.setattr(type(session.store), "tag", lambda *args, **kwargs: pytest.fail("the store was written to"))
    register(session, reference_image)


def test_a_generation_says_where_its_key_values_came_from(session, reference_image, structure_image):
    session.register(reference_image, prompt="a photo", name="one", box=BOX, timesteps=2)
    first = session.generate(structure_image, "a photo", structure_box=BOX, seed=1, **FAST)
    second = session.generate(structure_image, "a photo", structure_box=BOX, seed=1, **FAST)
    assert first.reads == {"disk": 2} and second.reads == {"memory": 2}
    assert first.timings["store_wait"] >= 0


def test_a_call_leaves_nothing_behind_that_only_the_garbage_collector_frees(session, reference_image, structure_image):
    """K/V of a call may be gigabytes on an accelerator: they must go when the call ends."""
    register(session, reference_image)
    session.generate(structure_image, "a red cat", structure_box=BOX, seed=1, **FAST)
    session._cache.clear()
    gc.collect()
    gc.disable()
    try:
        before = sum(type(each) is torch.Tensor for each in gc.get_objects())
        drawn = session.generate(structure_image, "a red cat", structure_box=BOX, seed=1, **FAST)
        del drawn
        session._cache.clear()
        after = sum(type(each) is torch.Tensor for each in gc.get_objects())
    finally:
        gc.enable()
    assert after <= before
