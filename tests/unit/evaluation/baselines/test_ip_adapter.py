"""IP-Adapter and ControlNet, each alone, as baselines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fixtures import tiny_adapter, tiny_question

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.evaluation.baselines.adapter_weights import find_adapter
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import Adapter, ControlNetPipeline
from seal_sdk.evaluation.baselines.ip_adapter import SCALE, IpAdapter

NOBODY = {"appearance": Appearance(delta=0), "delta_bridge": DeltaBridge(strength=0)}


@pytest.fixture
def session(tiny_pipeline, tmp_path):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        yield session


@pytest.fixture
def question(session, triple):
    return tiny_question.ask(session, triple, 64)


@pytest.fixture
def weights(session, tmp_path):
    return find_adapter(tiny_adapter.adapter(tmp_path / "adapter", session.pipe.unet))


def generated(session, question, **given):
    drawn = session.generate(
        question.structure,
        question.prompt,
        identity=question.identity,
        structure_prompt=question.structure_prompt,
        structure_mask=question.structure_mask,
        seed=question.seed,
        height=64,
        width=64,
        num_inference_steps=question.steps,
        guidance_scale=question.guidance_scale,
        **NOBODY,
        **given,
    )
    return np.asarray(drawn.image)


def test_it_draws_what_the_session_draws_with_diffusers_adapter_and_the_reference(session, question, weights):
    before = generated(session, question)
    drawn = IpAdapter(session, weights).draw(question)
    assert np.array_equal(generated(session, question), before)  # the UNet is as it was
    session.pipe.load_ip_adapter(str(weights.parent), subfolder="", weight_name=weights.name)
    session.pipe.set_ip_adapter_scale(SCALE)
    theirs = generated(session, question, ip_adapter_image=question.identity.image)
    assert np.array_equal(drawn, theirs) and not np.array_equal(drawn, before)


def test_a_subject_is_embedded_once_and_its_embedding_is_all_that_is_kept(session, question, weights, monkeypatch):
    baseline, embedded = IpAdapter(session, weights), []
    baseline.prepare(question.identity)  # loads the image encoder
    encoder = baseline._pipeline.image_encoder
    encoder.register_forward_hook(lambda *_: embedded.append(1))
    width = encoder.config.projection_dim
    assert baseline.prepare(question.identity) == 2 * width
    first, second = baseline.draw(question), baseline.draw(question)
    assert np.array_equal(first, second) and not embedded
    assert not np.array_equal(first, IpAdapter(session, weights, scale=0.1).draw(question))
    assert session.pipe.image_encoder is None and session.pipe.unet.encoder_hid_proj is None


def test_the_unet_is_as_it_was_after_a_failure(session, question, weights):
    processors = dict(session.pipe.unet.attn_processors)
    with pytest.raises(ValueError, match="num_inference_steps=0"):
        IpAdapter(session, weights).draw(replace(question, steps=0))
    after = session.pipe.unet.attn_processors
    assert all(after[name] is each for name, each in processors.items()) and session.pipe.unet.encoder_hid_proj is None


def test_a_controlnet_alone_ignores_the_reference(session, question, weights, tmp_path, triple):
    net = str(tiny_adapter.controlnet(tmp_path / "net", session.pipe.unet))
    other = session.register(
        triple.structure.image, prompt="a dog", name="other", mask=triple.reference.mask, timesteps=1
    )
    asked = replace(question, control=Structure(control="controlnet"))
    alone, both = (ControlNetPipeline(session, Adapter(net, found)) for found in (None, weights))
    pictures = [each.draw(replace(asked, identity=who)) for each in (alone, both) for who in (asked.identity, other)]
    assert np.array_equal(pictures[0], pictures[1]) and not np.array_equal(pictures[2], pictures[3])
    assert alone.prepare(other) == 0 and both.prepare(other) > 100
    assert alone.facts() == {"controlnet": both.facts()["controlnet"]}
    assert both.facts().keys() == {"controlnet", "weights", "encoder", "scale"}
