"""What an image has of its preset, and what not, as plain data for its metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from seal_sdk.identity import Identity
from seal_sdk.presets import PRESETS, Preset

GROUPS = ("alignment", "appearance", "delta_bridge", "structure")
MAX_ROUNDING = 0.5  # of the timesteps that "exact" captures, which are whole numbers


def describe_preset(chosen: Preset, identities: Sequence[Identity], distances: Mapping[str, float]) -> dict[str, Any]:
    """The preset's name, its timesteps, which settings were given in the place of its own, and what identities hold otherwise.

    chosen: the preset with what was given. distances: digest -> the largest distance of a sampled timestep to the nearest cached one.
    """
    preset = PRESETS[chosen.name]
    held = {each.name: _held_otherwise(preset, each, distances.get(each.digest, 0.0)) for each in identities}
    return {
        "name": preset.name,
        "timesteps": preset.timesteps,
        "changes": _changes(preset, chosen),
        "registered_otherwise": {name: differing for name, differing in held.items() if differing},
    }


def _changes(preset: Preset, chosen: Preset) -> dict[str, dict[str, Any]]:
    """Of each setting that differs, named "group.setting": the preset's value, and the one that was given."""
    found = {}
    for group in GROUPS:
        own, given = getattr(preset, group), getattr(chosen, group)
        for name in (each.name for each in fields(own)):
            values = getattr(own, name), getattr(given, name)
            if values[0] != values[1]:
                found[f"{group}.{name}"] = {"preset": values[0], "given": values[1]}
    return found


def _held_otherwise(preset: Preset, identity: Identity, distance: float) -> dict[str, dict[str, Any]]:
    """What registering with the preset would have stored, and what is stored of the identity."""
    appearance, stored = preset.appearance, identity.capture
    wanted = {
        "latents": appearance.latents,
        "tokens": appearance.stored_tokens,
        "quantization": appearance.quantization,
    }
    found: dict[str, dict[str, Any]] = {
        name: {"preset": value, "stored": stored[name]}
        for name, value in wanted.items()
        if name in stored and stored[name] != value
    }
    if not _has_timesteps(preset, identity, distance):
        found["timesteps"] = {"preset": preset.timesteps, "stored": list(identity.timesteps)}
    return found


def _has_timesteps(preset: Preset, identity: Identity, distance: float) -> bool:
    wanted = preset.timesteps
    if wanted == "exact":
        return distance <= MAX_ROUNDING
    if isinstance(wanted, int):
        return len(identity.timesteps) == wanted
    return list(identity.timesteps) == sorted(wanted, reverse=True)
