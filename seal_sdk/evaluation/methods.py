"""Methods that are compared: named settings of the session, and variants written in one line."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Interval, SamplingDefaults, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines import BASELINES
from seal_sdk.presets import find_preset


@dataclass(frozen=True)
class Method:
    """One way to generate the image of a question.

    Attributes:
        name: The name in results.
        uses_structure: Whether it sees the structure image.
        alignment: Alignment of the structure image.
        appearance: Settings of the infusion.
        delta_bridge: Settings of Delta-Bridge.
        structure: How the structure image controls the layout.
        sampling: Arguments of ``session.generate``, such as guidance_scale.
        timesteps: As of ``session.register``.
        exact: Whether the image is rendered instead of generated: the ground truth on another sample of the prompted
            scene. It shows the best value that each metric can reach.
        baseline: Name of the baseline that generates the image instead of the session. Baselines use only alignment,
            structure, steps and guidance.
    """

    name: str
    uses_structure: bool = True
    alignment: Alignment = Alignment()
    appearance: Appearance = Appearance()
    delta_bridge: DeltaBridge = DeltaBridge()
    structure: Structure = Structure()
    sampling: Mapping[str, Any] = field(default_factory=dict)
    timesteps: str | int | Sequence[int] | None = None
    exact: bool = False
    baseline: str | None = None


def _structure_of(baseline: str) -> Structure:
    """How a baseline takes the structure image."""
    return Structure(control="controlnet" if baseline.startswith("controlnet") else "inject")


_NO_IDENTITY: dict[str, Any] = {"appearance": Appearance(delta=0), "delta_bridge": DeltaBridge(strength=0)}
METHODS = {
    method.name: method
    for method in (
        Method("prompt", uses_structure=False, structure=Structure(control="none"), **_NO_IDENTITY),  # the prompt only
        Method("structure", **_NO_IDENTITY),  # prompt and aligned structure image, no appearance
        Method("seal"),  # the whole method with its defaults
        Method("exact", exact=True),
        *(Method(name, baseline=name, structure=_structure_of(name), **_NO_IDENTITY) for name in BASELINES),
    )
}
_GROUPS = {"alignment": "alignment", "appearance": "appearance", "bridge": "delta_bridge", "structure": "structure"}
_SAMPLING = {"steps": "num_inference_steps", "guidance": "guidance_scale", "rescale": "guidance_rescale"}


def parse_methods(text: str, known: Mapping[str, Method] = METHODS) -> list[Method]:
    """Methods from a text such as "prompt structure seal seal:delta=1,top_k=4".

    Args:
        text: Methods separated by spaces or semicolons, or by commas where no setting of a variant follows.
        known: Name -> method to choose from.

    Raises:
        ConfigError: If a name, setting or value is unknown, or a name is given twice.
    """
    methods = [parse_method(word, known) for word in _words(text)]
    if not methods:
        raise ConfigError("No methods given; name some of " + ", ".join(known) + ".")
    names = [method.name for method in methods]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"The method {twice!r} is given twice.")
    return methods


def parse_method(text: str, known: Mapping[str, Method] = METHODS) -> Method:
    """A method, or a variant such as "seal:delta=1,layers=mid+up,bridge.end=0.4,steps=10,timesteps=exact".

    A setting is a field of `Alignment`, `Appearance`, `DeltaBridge` or `Structure`. If several of them have the field,
    it needs the prefix ``alignment.``, ``appearance.``, ``bridge.`` or ``structure.``. Other settings: steps, guidance,
    rescale and guidance_interval, such as 0.2-0.8 (sampling), timesteps (registration), and preset ("seal" only): all
    settings but those beside it.

    Args:
        text: The method's name, then a colon and settings separated by commas.
        known: Name -> method to choose from.

    Raises:
        ConfigError: If the name, a setting or a value is unknown.
    """
    name, _, settings = text.partition(":")
    if name not in known:
        raise ConfigError(f"There is no method {name!r}; choose from {', '.join(known)}.")
    pairs = [_pair(setting, text) for setting in filter(None, settings.split(","))]
    method = replace(known[name], name=text)
    for key, value in sorted(pairs, key=lambda pair: pair[0] != "preset"):  # the others win over it
        method = _use_preset(method, name, value) if key == "preset" else _set(method, key, value)
    _check_control(method)
    return method


def _check_control(method: Method) -> None:
    """Raise ConfigError where a baseline is asked to take the structure image in a way that it has not."""
    if method.baseline is None:
        return
    has_controlnet, control = method.baseline.startswith("controlnet"), method.structure
    if has_controlnet and (control.control != "controlnet" or control.end == 0):
        raise ConfigError(
            f"{method.name!r}: {method.baseline} has a ControlNet; leave structure.control, and structure.end above 0."
        )
    if not has_controlnet and control.control == "controlnet":
        raise ConfigError(
            f"{method.name!r}: this baseline takes the structure image by injection; leave structure.control as it is."
        )


def _pair(setting: str, text: str) -> tuple[str, Any]:
    key, equals, value = setting.partition("=")
    if not equals:
        raise ConfigError(f"{setting!r} in {text!r}: expected setting=value.")
    return key.strip(), _value(value.strip())


def _use_preset(method: Method, name: str, preset: Any) -> Method:
    """The method with all settings of a preset."""
    if name != "seal":
        raise ConfigError(f"{method.name!r}: presets are for 'seal', as in seal:preset=paper.")
    chosen = find_preset(preset)
    return replace(
        method,
        alignment=chosen.alignment,
        appearance=chosen.appearance,
        delta_bridge=chosen.delta_bridge,
        structure=chosen.structure,
        timesteps=chosen.timesteps,
    )


def _words(text: str) -> list[str]:
    words: list[str] = []
    for word in text.replace(";", " ").split():
        for piece in word.split(","):  # a setting after a comma belongs to the variant before
            if words and ":" in words[-1] and "=" in piece and ":" not in piece:
                words[-1] += "," + piece
            elif piece:
                words.append(piece)
    return words


def _set(method: Method, key: str, value: Any) -> Method:
    if method.baseline and key in ("timesteps", "rescale", "guidance_interval"):
        raise ConfigError(f"{method.baseline!r} knows no {key!r}.")
    if key == "timesteps":
        several = isinstance(value, str) and "+" in value
        return replace(method, timesteps=[_value(piece) for piece in value.split("+")] if several else value)
    if key == "guidance_interval":
        return replace(method, sampling={**method.sampling, key: _interval(value)})
    if key in _SAMPLING:
        return replace(method, sampling={**method.sampling, _SAMPLING[key]: value})
    group, _, name = key.rpartition(".")
    homes = _homes(method)
    found = [home for home, names in homes.items() if name in names and group in ("", home)]
    if len(found) != 1:
        raise ConfigError(_unclear(key, name, found, homes))
    attribute = _GROUPS[found[0]]
    if name in ("layers", "fill", "features", "attention") and isinstance(value, str) and value != "border":
        value = tuple(_value(piece) for piece in value.split("+"))
    return replace(method, **{attribute: replace(getattr(method, attribute), **{name: value})})


def _homes(method: Method) -> dict[str, list[str]]:
    """Group -> names of its settings. Baselines have neither infusion nor Delta-Bridge."""
    return {
        group: [each.name for each in fields(getattr(method, attribute))]
        for group, attribute in _GROUPS.items()
        if not method.baseline or group in ("alignment", "structure")
    }


def _unclear(key: str, name: str, found: list[str], homes: Mapping[str, list[str]]) -> str:
    if found:
        return f"The setting {key!r} could be {' or '.join(f'{group}.{name}' for group in found)}: write which."
    known = sorted(
        {*(each for names in homes.values() for each in names), *_SAMPLING, "guidance_interval", "timesteps", "preset"}
    )
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"There is no setting {key!r}" + (
        f"; did you mean {', '.join(near)}?" if near else f"; there are {', '.join(known)}."
    )


def _interval(value: Any) -> Interval:
    """(start, end) of a text such as "0.2-0.8"."""
    pair: Any = tuple(_value(piece) for piece in str(value).split("-"))
    try:
        return SamplingDefaults(guidance_interval=pair).guidance_interval
    except ConfigError as error:
        raise ConfigError(
            f"guidance_interval={value}: expected start-end with 0 <= start < end <= 1, such as 0.2-0.8."
        ) from error


def _value(text: str) -> Any:
    """A number, True or False (in any case), else the text itself, such as "none"."""
    try:
        return ast.literal_eval(text.capitalize() if text.lower() in ("true", "false") else text)
    except (ValueError, SyntaxError):
        return text
