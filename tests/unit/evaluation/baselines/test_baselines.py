"""The baselines do what their papers say, and nothing but the way to the reference differs from the method's own loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures.tiny_question import ask, nobody, random

from seal_sdk import Appearance, DeltaBridge
from seal_sdk.backbone.attention import self_attention_layers
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import METHODS, parse_method, parse_methods, run
from seal_sdk.evaluation.baselines import BASELINES, Baseline, draw
from seal_sdk.evaluation.baselines.attention import Projections, adain, install_attention, statistics
from seal_sdk.evaluation.baselines.baseline import ReferenceForward, Subjects
from seal_sdk.evaluation.baselines.concat import shared_attention
from seal_sdk.evaluation.baselines.cross_image import CrossImage, cross_attention
from seal_sdk.evaluation.baselines.ctrlx import normalized, transferred, transfers
from seal_sdk.evaluation.baselines.style_aligned import StyleAligned
from seal_sdk.generation.forward import CurrentForward, Forward

READING = ("ctrlx", "cross-image", "concat", "style-aligned", "drf")  # in the denoising loop that they share


def projections(tokens, seed=0):
    return Projections(*(random(2, tokens, 8, seed=seed + index) for index in range(3)))


def plain(own):
    return torch.nn.functional.scaled_dot_product_attention(own.query, own.key, own.value)


@pytest.fixture(scope="module")
def question(session, triple):
    return ask(session, triple, 64)


def test_a_baseline_that_reads_nothing_draws_what_the_session_draws(session, question, triple):
    ours = session.generate(
        triple.structure.image,
        triple.prompt,
        identity=question.identity,
        structure_prompt=triple.structure_prompt,
        structure_mask=triple.structure.mask,
        seed=5,
        height=64,
        width=64,
        num_inference_steps=3,
        guidance_scale=3.0,
        appearance=Appearance(delta=0),
        delta_bridge=DeltaBridge(strength=0),
    )
    drawn = draw(session.backbone, Baseline(), question, nobody)
    assert np.array_equal(drawn, np.asarray(ours.image))


def test_every_baseline_reads_the_reference_and_leaves_no_hook(session, question):
    nothing = draw(session.backbone, Baseline(), question, nobody)
    pictures = [nothing, *(BASELINES[name](session).draw(question) for name in READING)]
    assert all(not np.array_equal(a, b) for index, a in enumerate(pictures) for b in pictures[index + 1 :])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in session.pipe.unet.modules())


def test_an_empty_reference_leaves_concatenation_at_plain_attention():
    own, empty = projections(6), projections(0)
    assert torch.allclose(shared_attention(own, empty), plain(own), atol=1e-6)


def test_concatenation_with_oneself_is_plain_and_far_keys_take_no_part():
    own = projections(6)
    assert torch.allclose(shared_attention(own, own), plain(own), atol=1e-5)
    far = Projections(own.query, own.key - 100 * own.query.sign().mean(1, keepdim=True), own.value + 5)
    assert not torch.allclose(shared_attention(own, projections(4, seed=9)), plain(own), atol=1e-3)
    weights = torch.softmax(own.query @ torch.cat([own.key, far.key], -2).transpose(-2, -1) / 8**0.5, -1)
    assert torch.allclose(shared_attention(own, far), weights @ torch.cat([own.value, far.value], -2), atol=1e-5)


def test_adain_takes_the_references_statistics():
    moved = adain(random(2, 50, 8), 3 * random(2, 40, 8, seed=1) + 2)
    for got, wanted in zip(statistics(moved), statistics(3 * random(2, 40, 8, seed=1) + 2), strict=True):
        assert torch.allclose(got, wanted, atol=1e-3)


def test_style_aligned_aligns_queries_and_keys_but_not_values():
    own, reference = projections(6), projections(5, seed=7)
    aligned = Projections(adain(own.query, reference.query), adain(own.key, reference.key), own.value)
    drawn = StyleAligned().attend(None, None, own, reference)
    assert torch.equal(drawn, shared_attention(aligned, reference))
    assert not torch.allclose(drawn, shared_attention(own, reference), atol=1e-3)


def test_cross_image_attention_is_plain_on_the_references_tokens_at_contrast_1():
    own, reference = projections(6), projections(5, seed=7)
    mixed = Projections(own.query, reference.key, reference.value)
    assert torch.allclose(cross_attention(own.query, reference.key, reference.value, 1.0), plain(mixed), atol=1e-6)


def test_contrast_sharpens_the_attention_map():
    query, key = random(1, 4, 8), random(1, 10, 8, seed=1)
    soft, sharp = (cross_attention(query, key, torch.eye(10)[None], contrast) for contrast in (1.0, 1.67))
    assert torch.all(sharp.std(-1) > soft.std(-1)) and sharp.min() >= 0 and sharp.max() <= 1


def test_cross_image_adain_moves_the_subject_alone():
    latents, reference = random(1, 4, 8, 8), 2 * random(1, 4, 8, 8, seed=1) + 1
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[2:6, 2:6] = True
    subjects = Subjects(mask, mask.roll(1, 0))
    settled = CrossImage().settle(latents, reference, subjects, 0.5)
    assert torch.equal(settled[..., ~mask], latents[..., ~mask])
    expected = reference[..., mask.roll(1, 0)].mean(-1)
    assert torch.allclose(settled[..., mask].mean(-1), expected, atol=1e-4)
    assert CrossImage().settle(latents, reference, subjects, 0.2) is None


def test_ctrlx_gives_the_attended_mean_and_standard_deviation():
    features, reference, query, key = (random(2, 30, 8, seed=seed) for seed in range(4))
    weights = torch.softmax(query @ key.transpose(-2, -1) / 8**0.5, -1)
    mean = weights @ reference
    std = (weights @ reference.square() - mean.square()).clamp(min=0).sqrt()
    assert torch.allclose(transferred(features, reference, query, key), std * normalized(features) + mean, atol=1e-5)
    even = transferred(features, reference, torch.zeros_like(query), key)  # attends to all tokens alike
    for got, wanted in zip(statistics(even), statistics(reference), strict=True):
        assert torch.allclose(got, wanted, atol=1e-3)


def test_ctrlx_transfers_in_its_papers_layers(tiny_pipeline):
    layers = [layer for layer in self_attention_layers(tiny_pipeline().unet, ("down", "mid", "up")) if transfers(layer)]
    assert {layer.group for layer in layers} == {"down1", "down2", "up0", "up1"}
    assert not any(layer.name.startswith("up_blocks.0.attentions.0") for layer in layers)


def test_hooks_act_in_forwards_with_reference_rows_alone(tiny_pipeline):
    unet = tiny_pipeline().unet
    layer = self_attention_layers(unet, ("mid",))[0]
    current, hidden = CurrentForward(), random(3, 16, 64)
    with torch.no_grad(), Hooks() as hooks:
        before = layer.module(hidden)
        install_attention(hooks, [layer], current, lambda layer, forward, own, shown: plain(shown))
        assert torch.equal(layer.module(hidden), before)
        with current.running(Forward(("uncond", "generation", "reference"))):
            assert torch.equal(layer.module(hidden), before)
        with current.running(ReferenceForward(("uncond", "generation", "reference"), pairs={1: 2})):
            after = layer.module(hidden)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
    assert torch.allclose(after[1], before[2], atol=1e-5)


def test_baselines_have_names_and_settings_on_the_command_line():
    assert [each.baseline for each in parse_methods(",".join(BASELINES))] == list(BASELINES)
    assert set(BASELINES) < set(METHODS)
    assert {name for name in BASELINES if METHODS[name].structure.control == "controlnet"} == {
        "controlnet",
        "controlnet+ip-adapter",
    }
    variant = parse_method("ctrlx:structure.end=0.5,enabled=false,steps=4")
    assert variant.structure.end == 0.5 and not variant.alignment.enabled and variant.baseline == "ctrlx"
    for text, message in (
        ("ctrlx:delta=1", "no setting 'delta'"),
        ("concat:timesteps=2", "knows no 'timesteps'"),
        ("concat:control=controlnet", "by injection"),
        ("controlnet:control=inject", "has a ControlNet"),
        ("controlnet+ip-adapter:structure.end=0", "above 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse_method(text)


def test_the_benchmark_draws_baselines_with_its_sampling(session, triple):
    methods = parse_methods("structure concat concat:steps=1")
    scores = run(session, [triple], methods, boxes="true", sampling={"num_inference_steps": 2, "guidance_scale": 3.0})
    pictures = [score.image for score in scores]
    assert all(not np.array_equal(pictures[0], each) for each in pictures[1:])
    assert not np.array_equal(pictures[1], pictures[2])
    again = run(
        session, [triple], methods[1:2], boxes="true", sampling={"num_inference_steps": 2, "guidance_scale": 3.0}
    )
    assert np.array_equal(again[0].image, pictures[1])
