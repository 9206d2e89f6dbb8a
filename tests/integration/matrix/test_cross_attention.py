"""``cross_attention_kwargs``: the scale of LoRAs for one call, and what attention processors of their own take."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.errors import InputError

peft = pytest.importorskip("peft")

BOX = (10.0, 10.0, 50.0, 55.0)
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
STEPS = dict(num_inference_steps=2, guidance_scale=4.0, height=64, width=64, output_type="np")


def add_lora(module, targets):
    """A LoRA of random weights, at a weight of 0.3."""
    peft.inject_adapter_in_model(peft.LoraConfig(r=2, lora_alpha=2, target_modules=targets), module, "one")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            if ".lora_B.one." in key:
                parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    set_weight(module)


def layers(module):
    return [each for each in module.modules() if isinstance(getattr(each, "scaling", None), dict)]


def set_weight(module):
    for layer in layers(module):
        layer.set_scale("one", 0.3)


def scales(pipe):
    parts = (pipe.unet, pipe.text_encoder, pipe.text_encoder_2)
    return [dict(layer.scaling) for part in parts for layer in layers(part)]


@pytest.fixture
def bare(tiny_pipeline, tmp_path):
    with IdentitySession(tiny_pipeline(), store=tmp_path, enable_progress_bar=False) as session:
        session.pipe.set_progress_bar_config(disable=True)
        yield session


@pytest.fixture
def session(bare):
    add_lora(bare.pipe.unet, ["to_k", "to_v"])
    for encoder in (bare.pipe.text_encoder, bare.pipe.text_encoder_2):
        add_lora(encoder, ["k_proj", "v_proj"])
    assert scales(bare.pipe)
    return bare


@pytest.mark.parametrize("scale", [0.7, 0, 1.0])
@pytest.mark.parametrize("guidance_scale", [4.0, 1.0])
def test_with_the_method_off_it_is_plain_diffusers(session, scale, guidance_scale):
    before, given = scales(session.pipe), STEPS | dict(guidance_scale=guidance_scale)
    scaled = given | dict(cross_attention_kwargs={"scale": scale})
    ours = session.generate(None, "a cat", seed=3, **scaled, **OFF)
    assert scales(session.pipe) == before
    plain = session.generate(None, "a cat", seed=3, **given, **OFF)
    theirs = session.pipe("a cat", generator=torch.Generator().manual_seed(3), **scaled)
    assert np.array_equal(ours.image, theirs.images[0])
    assert np.array_equal(ours.image, plain.image) == (scale == 1)


def test_a_batch_draws_what_single_calls_draw(session):
    given = STEPS | dict(cross_attention_kwargs={"scale": 0.7})
    batch = session.generate(None, ["a cat", "a dog"], seed=[3, 4], **given, **OFF)
    for image, prompt, seed in zip(batch.images, ["a cat", "a dog"], [3, 4], strict=True):
        assert np.array_equal(image, session.generate(None, prompt, seed=seed, **given, **OFF).image)


def test_callbacks_see_it_and_the_pipeline_is_as_it_was_found_after_an_error(session):
    session.pipe._cross_attention_kwargs = {"scale": 0.25}
    before, seen = scales(session.pipe), []

    def stop(pipe, *_):
        seen.append(pipe.cross_attention_kwargs)
        raise RuntimeError("stop")

    given = STEPS | dict(cross_attention_kwargs={"scale": 0.7}, callback_on_step_end=stop)
    with pytest.raises(RuntimeError, match="stop"):
        session.generate(None, "a cat", seed=3, **given, **OFF)
    assert seen == [{"scale": 0.7}]
    assert session.pipe.cross_attention_kwargs == {"scale": 0.25} and scales(session.pipe) == before
    assert "_lora_scale" not in session.pipe.__dict__


def test_an_identity_and_another_scale_are_refused_before_any_work(session, reference_image, monkeypatch):
    session.register(reference_image.resize((64, 64)), prompt="a cat", name="cat", box=BOX, timesteps=1)
    given = STEPS | dict(cross_attention_kwargs={"scale": 0.7})
    session.generate(None, "a red cat", seed=3, **given, appearance=Appearance(delta=0))  # no K/V are used
    session.generate(None, "a red cat", seed=3, **STEPS, cross_attention_kwargs={"scale": 1.0})
    monkeypatch.setattr(session.pipe.unet, "forward", lambda *_, **__: pytest.fail("the UNet ran"))
    with pytest.raises(InputError, match=r"'scale': 0\.7.*pipe\.set_adapters\(name, weight\) and register it again"):
        session.generate(None, "a red cat", seed=3, **given)


def test_without_loras_a_scale_changes_nothing(bare, reference_image):
    bare.register(reference_image.resize((64, 64)), prompt="a cat", name="cat", box=BOX, timesteps=1)
    plain = bare.generate(None, "a red cat", seed=3, **STEPS)
    scaled = bare.generate(None, "a red cat", seed=3, **STEPS, cross_attention_kwargs={"scale": 0.7})
    assert np.array_equal(plain.image, scaled.image)
    assert scaled.settings[0]["cross_attention_kwargs"] == {"scale": 0.7}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0.5, "cross_attention_kwargs=0.5: expected a dict"),
        ({"scale": "half"}, "'scale': 'half'.*a number"),
        ({"scale": float("nan")}, "'scale': nan"),
        ({"gligen": {"boxes": []}}, "GLIGEN"),
    ],
)
def test_what_does_not_fit_is_refused(bare, monkeypatch, given, told):
    monkeypatch.setattr(bare.pipe.unet, "forward", lambda *_, **__: pytest.fail("the UNet ran"))
    with pytest.raises(InputError, match=told):
        bare.generate(None, "a cat", seed=3, **STEPS, **OFF, cross_attention_kwargs=given)
