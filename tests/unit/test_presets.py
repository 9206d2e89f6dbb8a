"""Every setting of every preset, written out; and how settings are given on top of one."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import pytest

from seal_sdk import Alignment, Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.presets import PAPER, PRESETS, SEAL, Preset, find_preset

EXPECTED = {
    "seal": {
        "name": "seal",
        "alignment": {"enabled": True, "fill": "border"},
        "appearance": {
            "delta": 10.0,
            "tau": 0.15,
            "top_k": 0,
            "schedule": "dynamic",
            "layers": ("mid", "up"),
            "per_head": False,
            "rows": "all",
            "gating": "subject",
            "tokens": "subject",
            "latents": "scaled",
            "quantization": "int8",
            "detail": 0.9,
        },
        "delta_bridge": {
            "strength": 0.1,
            "base": "gen",
            "region": "subject",
            "end": 0.3,
            "low_pass": 3,
            "quality": "",
            "override": 1.0,
        },
        "structure": {"control": "inject", "end": None, "scale": 1.0, "features": None, "attention": None},
        "timesteps": 4,
    },
    "paper": {
        "name": "paper",
        "alignment": {"enabled": True, "fill": "border"},
        "appearance": {
            "delta": 3.0,
            "tau": 0.15,
            "top_k": 1,
            "schedule": "dynamic",
            "layers": ("mid", "up"),
            "per_head": False,
            "rows": "all",
            "gating": "none",
            "tokens": "all",
            "latents": "clean",
            "quantization": "none",
            "detail": 0.0,
        },
        "delta_bridge": {
            "strength": 0.1,
            "base": "gen",
            "region": "image",
            "end": 0.6,
            "low_pass": 3,
            "quality": "high quality",
            "override": 0.0,
        },
        "structure": {
            "control": "inject",
            "end": 0.6,
            "scale": 1.0,
            "features": ("up_blocks.0.resnets.0",),
            "attention": ("up0",),
        },
        "timesteps": "exact",
    },
}


def test_the_presets_are_these():
    assert list(PRESETS) == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_every_setting_of_a_preset_is_pinned(name):
    assert asdict(PRESETS[name]) == EXPECTED[name]


def test_seal_is_what_the_settings_are_by_default():
    assert Preset("seal", Alignment(), Appearance(), DeltaBridge(), Structure(), 4) == SEAL


@pytest.mark.parametrize("name", ["papre", "", None, 3, ["paper"]])
def test_an_unknown_preset_is_refused_with_the_choices(name):
    with pytest.raises(ConfigError, match="'seal', 'paper'"):
        find_preset(name)


def test_what_is_given_takes_the_place_and_the_rest_and_the_name_stay():
    given = PAPER.with_given(delta_bridge=DeltaBridge(strength=0.5), timesteps=2)
    assert given == replace(PAPER, delta_bridge=DeltaBridge(strength=0.5), timesteps=2)
    assert given.name == "paper" and PAPER.with_given() == PAPER


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_goes_through_json(name):
    preset = PRESETS[name].with_given(appearance=Appearance(tau=0.3))
    assert Preset.from_dict(json.loads(json.dumps(asdict(preset)))) == preset


def test_a_state_without_a_name_is_the_default_with_its_settings():
    groups = {name: value for name, value in asdict(PAPER).items() if name not in ("name", "timesteps")}
    assert Preset.from_dict(groups) == replace(PAPER, name="seal", timesteps=4)


@pytest.mark.parametrize("name", ["alignment", "appearance", "delta_bridge", "structure"])
@pytest.mark.parametrize("given", [{"enabled": True}, "paper", 0.5])
def test_settings_of_another_kind_are_refused_with_what_to_write(name, given):
    kind = type(getattr(find_preset("seal"), name)).__name__
    with pytest.raises(ConfigError, match=f"no {kind}: write {kind}"):
        find_preset("seal").with_given(**{name: given})


def test_every_entry_refuses_a_dict_for_settings(tmp_path, reference_image):
    with pytest.raises(ConfigError, match="Appearance"):
        IdentitySession("pocket", store=tmp_path, appearance={"delta": 3.0})
    with IdentitySession("pocket", store=tmp_path) as session:
        with pytest.raises(ConfigError, match="Appearance"):
            session.register(reference_image, prompt="a photo", name="one", appearance={"delta": 3.0})
        for name in ("alignment", "appearance", "delta_bridge", "structure_control"):
            with pytest.raises(ConfigError, match="write "):
                session.generate(None, "a photo", **{name: {}})


@pytest.mark.parametrize("kind", [Appearance, DeltaBridge, Structure])
def test_fields_with_choices_name_them_and_take_no_other(kind):
    named = {each.name: each.metadata["choices"] for each in fields(kind) if "choices" in each.metadata}
    assert named and all(each.default in named[each.name] for each in fields(kind) if each.name in named)
    for name, choices in named.items():
        assert all(getattr(kind(**{name: choice}), name) == choice for choice in choices)
        with pytest.raises(ConfigError, match=f"{name}='other': expected one of '{choices[0]}'"):
            kind(**{name: "other"})
