"""ControlNet and IP-Adapter as a baseline: it draws what diffusers draws, and the session's UNet is as it was."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline
from diffusers.models.attention_processor import AttnProcessor
from fixtures import tiny_adapter
from fixtures.tiny_question import nobody
from safetensors.torch import load_file, save_file

from seal_sdk import Alignment, IdentitySession, Structure
from seal_sdk.errors import ConfigError, WeightsNotFound
from seal_sdk.evaluation.baselines import Question
from seal_sdk.evaluation.baselines.adapter_weights import find_adapter
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import Adapter, ControlNetPipeline


@pytest.fixture
def session(tiny_pipeline, tmp_path, monkeypatch):
    pipe = tiny_pipeline()
    pipe.unet.mid_block.attentions[0].transformer_blocks[0].attn1.set_processor(AttnProcessor())  # a user's own
    with IdentitySession(pipe, store=tmp_path / "store", enable_progress_bar=False) as session:
        monkeypatch.setattr(type(session), "segmenter", property(lambda session: nobody()))
        yield session


@pytest.fixture
def weights(session, tmp_path):
    unet = session.pipe.unet
    return Adapter(
        str(tiny_adapter.controlnet(tmp_path / "controlnet", unet)),
        find_adapter(tiny_adapter.adapter(tmp_path / "adapter", unet)),
    )


@pytest.fixture
def question(session, reference_image, structure_image):
    mask = np.zeros((128, 128), bool)
    mask[20:110, 20:110] = True
    structure_mask = np.zeros((128, 128), bool)
    structure_mask[40:100, 30:90] = True
    identity = session.register(reference_image, prompt="a photo of a horse", name="it", mask=mask, timesteps=1)
    return Question(
        structure=structure_image,
        prompt="a photo of a horse on snow",
        identity=identity,
        structure_prompt="a mesh of a horse",
        structure_mask=structure_mask,
        seed=5,
        size=(128, 128),
        steps=2,
        guidance_scale=3.0,
        alignment=Alignment(enabled=False),
        control=Structure(control="controlnet"),
    )


def test_it_draws_what_diffusers_draws_with_both(session, question, weights):
    drawn = ControlNetPipeline(session, weights).draw(question)
    own = copy.deepcopy(session.pipe)
    parts = {name: part for name, part in own.components.items() if part is not None}
    net = ControlNetModel.from_pretrained(weights.controlnet)
    theirs = StableDiffusionXLControlNetPipeline(**parts, controlnet=net, add_watermarker=False)
    theirs.load_ip_adapter(str(weights.weights.parent), subfolder="", weight_name=weights.weights.name)
    theirs.set_ip_adapter_scale(0.6)
    theirs.set_progress_bar_config(disable=True)
    expected = theirs(
        question.prompt,
        image=question.structure,
        ip_adapter_image=question.identity.image,
        num_inference_steps=2,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
    ).images[0]
    assert drawn.shape == (128, 128, 3) and np.abs(drawn / 255 - expected).max() < 0.01


def test_reference_structure_and_scales_all_count(session, question, weights, structure_image):
    draw = ControlNetPipeline(session, weights).draw
    whole = draw(question)
    others = [
        ControlNetPipeline(session, replace(weights, scale=0.0)).draw(question),
        draw(replace(question, structure=structure_image.rotate(90))),
        draw(replace(question, control=Structure(control="controlnet", scale=0.1))),
        draw(replace(question, seed=6)),
        draw(replace(question, alignment=Alignment())),
    ]
    assert all(not np.array_equal(whole, each) for each in others)


def test_the_unet_is_afterwards_as_it_was_and_the_adapter_is_loaded_once(session, question, weights, monkeypatch):
    unet, scheduler = session.pipe.unet, copy.deepcopy(session.pipe.scheduler)
    processors, config = dict(unet.attn_processors), (dict(unet.config), unet.config.encoder_hid_dim_type)
    state = {name: weight.clone() for name, weight in unet.state_dict().items()}
    before = session.generate(None, "a horse", seed=1, num_inference_steps=1)
    baseline = ControlNetPipeline(session, weights)
    loads = []
    real = StableDiffusionXLControlNetPipeline.load_ip_adapter
    monkeypatch.setattr(
        StableDiffusionXLControlNetPipeline, "load_ip_adapter", lambda *a, **k: (loads.append(k), real(*a, **k))
    )
    first, second = baseline.draw(question), baseline.draw(question)
    assert np.array_equal(first, second) and len(loads) == 1
    after = dict(unet.attn_processors)
    assert list(after) == list(processors) and all(after[name] is processors[name] for name in processors)
    assert (dict(unet.config), unet.config.encoder_hid_dim_type) == config and unet.encoder_hid_proj is None
    assert list(unet.state_dict()) == list(state)
    assert all(torch.equal(weight, state[name]) for name, weight in unet.state_dict().items())
    assert session.pipe.image_encoder is None and session.pipe.feature_extractor is None
    assert str(vars(session.pipe.scheduler)) == str(vars(scheduler))
    again = session.generate(None, "a horse", seed=1, num_inference_steps=1)
    assert np.array_equal(np.asarray(before.image), np.asarray(again.image))


def test_the_unet_is_as_it_was_after_a_failure_too(session, question, weights, monkeypatch):
    unet = session.pipe.unet
    processors = dict(unet.attn_processors)
    baseline = ControlNetPipeline(session, weights)
    monkeypatch.setattr(
        StableDiffusionXLControlNetPipeline, "__call__", lambda *a, **k: (_ for _ in ()).throw(RuntimeError("full"))
    )
    with pytest.raises(RuntimeError, match="full"):
        baseline.draw(question)
    assert all(unet.attn_processors[name] is each for name, each in processors.items())
    assert unet.encoder_hid_proj is None and unet.config.encoder_hid_dim_type is None


def test_what_is_missing_or_no_adapter_is_told(session, question, weights, tmp_path):
    with pytest.raises(WeightsNotFound, match="neither a"):
        find_adapter(tmp_path / "nothing")
    alone = tmp_path / "alone.safetensors"
    tensors = load_file(weights.weights)
    save_file(tensors, alone)
    with pytest.raises(WeightsNotFound, match="image encoder beside it"):
        find_adapter(alone)
    (tmp_path / "image_encoder").mkdir()
    (tmp_path / "image_encoder" / "config.json").write_text("{}")
    assert find_adapter(alone) == alone
    save_file({"unet.weight": torch.zeros(1)}, alone)
    with pytest.raises(ConfigError, match="no IP-Adapter"):
        find_adapter(alone)
    save_file({**tensors, "ip_adapter.1.to_k_lora.down.weight": torch.zeros(1)}, alone)
    with pytest.raises(ConfigError, match="no IP-Adapter"):
        find_adapter(alone)
    alone.write_bytes(b"nothing")
    with pytest.raises(WeightsNotFound, match="cannot be read"):
        find_adapter(alone)
    with pytest.raises(WeightsNotFound, match="controlnet="):
        ControlNetPipeline(session, replace(weights, controlnet=str(tmp_path / "nothing")))
    with pytest.raises(ConfigError, match="0 to 1"):
        replace(weights, scale=1.5)


def test_an_adapter_of_another_model_is_told_and_leaves_nothing(session, question, weights):
    tensors = load_file(weights.weights)
    kept = {name: each for name, each in tensors.items() if not name.startswith("ip_adapter.3.")}
    save_file(kept, weights.weights)
    processors = dict(session.pipe.unet.attn_processors)
    with pytest.raises(ConfigError, match="does not fit this model"):
        ControlNetPipeline(session, weights).draw(question)
    assert all(session.pipe.unet.attn_processors[name] is each for name, each in processors.items())
