"""A form of all the method's settings, made from their dataclasses: a new field appears by itself, with its help from the docstring."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import gradio as gr

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.presets import Preset

GROUPS: Mapping[str, tuple[str, type]] = {  # field of Preset -> title, class
    "appearance": ("Identity", Appearance),
    "structure": ("Structure", Structure),
    "delta_bridge": ("Text", DeltaBridge),
    "alignment": ("Placement", Alignment),
}


class SettingsForm:
    """Components for every field of the settings, made where it is constructed. ``components``: in the order of `values`."""

    def __init__(self, preset: Preset) -> None:
        self._fields: list[tuple[str, Field[Any]]] = []
        self.components: list[Any] = []
        for group, (title, kind) in GROUPS.items():
            help_texts = field_help(kind)
            gr.Markdown(f"**{title}** · `{kind.__name__}`")
            with gr.Row(elem_classes="seal-form"):
                for each in fields(kind):
                    value = to_form(getattr(getattr(preset, group), each.name))
                    self.components.append(_component(each, hint_of(kind, each.name), value, help_texts.get(each.name)))
                    self._fields.append((group, each))

    def values(self, preset: Preset) -> list[Any]:
        """What the components show for these settings."""
        return [to_form(getattr(getattr(preset, group), each.name)) for group, each in self._fields]

    def read(self, preset: Preset, values: Sequence[Any]) -> Preset:
        """The settings that the components show; the preset gives the rest. Raises ConfigError, which names the field."""
        given: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
        for (group, each), value in zip(self._fields, values, strict=True):
            kind = GROUPS[group][1]
            given[group][each.name] = from_form(each.name, hint_of(kind, each.name), value)
        return preset.with_given(**{group: GROUPS[group][1](**chosen) for group, chosen in given.items()})


def field_help(kind: type) -> dict[str, str]:
    """What a settings class says of each field: its docstring's lines that begin with a field's name and a colon."""
    names = "|".join(each.name for each in fields(kind))
    parts = re.split(rf"(?:^ *|(?<=\. ))((?:{names})(?:, (?:{names}))*): ", kind.__doc__ or "", flags=re.MULTILINE)
    described = zip(parts[1::2], parts[2::2], strict=True)
    return {name: " ".join(text.replace("``", "`").split()) for names, text in described for name in names.split(", ")}


def hint_of(kind: type, name: str) -> Any:
    """The type of a field."""
    return get_type_hints(kind)[name]


def to_form(value: Any) -> Any:
    """A setting as a component shows it: names and numbers with commas between, nothing for None."""
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else value


def from_form(name: str, hint: Any, shown: Any) -> Any:
    """The setting of what a component shows. Raises ConfigError for a number that is none."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if NoneType in kinds and shown in (None, ""):
        return None
    if hint is bool:
        return bool(shown)
    if hint is int or float in kinds:
        return _number(name, hint, shown)
    text = "" if shown is None else str(shown)
    sequence = next((each for each in kinds if get_origin(each) is tuple), None)
    if sequence is None or ("," not in text and str in kinds):
        return text
    items = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(_number(name, int, item) for item in items) if int in get_args(sequence) else tuple(items)


def _number(name: str, hint: Any, shown: Any) -> Any:
    try:
        return int(shown) if hint is int else float(shown)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}={shown!r}: expected a number.") from error


def _component(each: Field[Any], hint: Any, value: Any, info: str | None) -> Any:
    choices = each.metadata.get("choices")
    options: dict[str, Any] = {"value": value, "label": each.name, "info": info, "min_width": 220}
    placeholder = "what suits the model" if value is None else None
    if choices:
        return gr.Dropdown(list(choices), **options)
    if hint is bool:
        return gr.Checkbox(**options)
    if hint is int or hint is float:
        return gr.Number(precision=0 if hint is int else None, **options)
    return gr.Textbox(placeholder=placeholder, **options)
