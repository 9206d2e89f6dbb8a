"""Methods and their variants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation import METHODS, parse_method, parse_methods
from seal_sdk.evaluation.claims.ablation import variant
from seal_sdk.presets import PAPER


def test_named_methods_are_the_sessions_settings():
    assert METHODS["seal"].appearance == Appearance() and METHODS["seal"].delta_bridge == DeltaBridge()
    assert METHODS["structure"].appearance.delta == 0 and METHODS["structure"].delta_bridge.strength == 0
    assert METHODS["structure"].structure == Structure() and METHODS["structure"].uses_structure
    assert not METHODS["prompt"].uses_structure


def test_a_variant_changes_what_it_names():
    method = parse_method(
        "seal:delta=1,top_k=4,latents=clean,layers=mid+up+down,strength=0.25,bridge.end=0.4,structure.end=0.5"
    )
    assert method.appearance == Appearance(delta=1, top_k=4, latents="clean", layers=("mid", "up", "down"))
    assert method.delta_bridge == DeltaBridge(strength=0.25, end=0.4)
    assert method.structure == Structure(end=0.5)
    assert method.name.startswith("seal:delta=1")


def test_a_variant_may_change_alignment_sampling_and_registration():
    method = parse_method("structure:enabled=false,fill=0+0+0,steps=7,guidance=2.5,timesteps=exact")
    assert method.alignment == Alignment(enabled=False, fill=(0, 0, 0))
    assert method.sampling == {"num_inference_steps": 7, "guidance_scale": 2.5}
    assert method.timesteps == "exact"
    assert method.appearance.delta == 0
    assert parse_method("seal:layers=up").appearance.layers == ("up",)
    assert parse_method("seal:timesteps=2").timesteps == 2
    assert parse_method("seal:gating=none,quantization=none").appearance.gating == "none"


def test_a_preset_gives_all_settings_but_those_beside_it():
    paper = parse_method("seal:preset=paper")
    assert (paper.alignment, paper.appearance, paper.delta_bridge) == (
        PAPER.alignment,
        PAPER.appearance,
        PAPER.delta_bridge,
    )
    assert (paper.structure, paper.timesteps, paper.name) == (PAPER.structure, "exact", "seal:preset=paper")
    for text in ("seal:preset=paper,tau=0.3,timesteps=2", "seal:timesteps=2,tau=0.3,preset=paper"):
        changed = parse_method(text)
        assert changed.appearance == replace(PAPER.appearance, tau=0.3) and changed.timesteps == 2
    assert variant("seal:preset=paper", "delta=1").appearance == replace(PAPER.appearance, delta=1)


def test_a_variant_may_be_guided_a_part_of_sampling():
    method = parse_method("seal:guidance_interval=0.2-0.8,guidance=3,tau=0.3")
    assert method.sampling == {"guidance_interval": (0.2, 0.8), "guidance_scale": 3}
    assert method.appearance == Appearance(tau=0.3)
    assert parse_method("structure:guidance_interval=0-0.5").sampling == {"guidance_interval": (0.0, 0.5)}
    plain, part = parse_methods("seal seal:preset=paper,guidance_interval=0.2-1")
    assert plain.sampling == {} and part.sampling == {"guidance_interval": (0.2, 1.0)}
    assert part.appearance == PAPER.appearance


@pytest.mark.parametrize(
    "text",
    [
        "prompt,structure,seal:delta=1,top_k=4",
        "prompt structure seal:delta=1,top_k=4",
        "prompt;structure;seal:delta=1,top_k=4",
    ],
)
def test_lists_of_methods(text):
    methods = parse_methods(text)
    assert [method.name for method in methods] == ["prompt", "structure", "seal:delta=1,top_k=4"]
    assert methods[2].appearance.top_k == 4


def test_variants_may_follow_each_other_after_commas():
    assert [m.name for m in parse_methods("seal:tau=0.3,seal:delta=2,tau=0.1,prompt")] == [
        "seal:tau=0.3",
        "seal:delta=2,tau=0.1",
        "prompt",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sael", "no method 'sael'"),
        ("seal:detla=1", "did you mean delta"),
        ("seal:end=0.5", "bridge.end or structure.end"),
        ("seal:delta", "setting=value"),
        ("seal:delta=-1", "delta=-1"),
        ("seal:top_k=many", "top_k='many'"),
        ("seal:guidance_interval=0.8-0.2", "guidance_interval=0.8-0.2: expected start-end .* such as 0.2-0.8"),
        ("seal:guidance_interval=0.5", "guidance_interval=0.5: expected start-end"),
        ("seal:guidance_interval=0.2-0.8-1", "guidance_interval=0.2-0.8-1: expected start-end"),
        ("seal:guidance_interval=early-late", "guidance_interval=early-late: expected start-end"),
        ("ctrlx:guidance_interval=0.2-0.8", "knows no 'guidance_interval'"),
        ("seal:guidance_intervall=0.2-0.8", "did you mean guidance_interval"),
        ("seal:preset=papre", "expected one of 'seal', 'paper'"),
        ("structure:preset=paper", "presets are for 'seal'"),
        ("ctrlx:preset=paper", "presets are for 'seal'"),
        ("seal:bridge.delta=1", "no setting 'bridge.delta'"),
        ("seal seal", "given twice"),
        ("", "No methods"),
    ],
)
def test_mistakes_are_named(text, message):
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        parse_methods(text)
