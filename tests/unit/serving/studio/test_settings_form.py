"""The form of all settings is made of their dataclasses."""

from dataclasses import dataclass, fields

import gradio as gr
import pytest

from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.presets import PRESETS
from seal_sdk.serving.studio import settings_form
from seal_sdk.serving.studio.settings_form import SettingsForm, field_help, from_form, hint_of


def form():
    with gr.Blocks(analytics_enabled=False):
        return SettingsForm(PRESETS["seal"])


def test_every_field_of_every_class_has_a_component():
    labels = [each.label for each in form().components]
    assert sorted(labels) == sorted(
        each.name for kind in (Alignment, Appearance, DeltaBridge, Structure) for each in fields(kind)
    )


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_a_preset_comes_back_as_it_went_in(preset):
    made = form()
    assert made.read(PRESETS["seal"], made.values(preset)).appearance == preset.appearance
    read = made.read(preset, made.values(preset))
    assert (read.structure, read.delta_bridge, read.alignment) == (
        preset.structure,
        preset.delta_bridge,
        preset.alignment,
    )


def test_a_new_field_appears_by_itself(monkeypatch):
    @dataclass(frozen=True)
    class More(Alignment):
        """Settings.

        shine: how much it shines,
        from 0 to 1.
        """

        shine: float = 0.5

    monkeypatch.setattr(settings_form, "GROUPS", {**settings_form.GROUPS, "alignment": ("Placement", More)})
    preset = PRESETS["seal"].with_given(alignment=More())
    with gr.Blocks(analytics_enabled=False):
        made = SettingsForm(preset)
    (component,) = [each for each in made.components if each.label == "shine"]
    assert isinstance(component, gr.Number) and component.info == "how much it shines, from 0 to 1."
    values = made.values(preset)
    values[made.components.index(component)] = 0.75
    assert made.read(preset, values).alignment == More(shine=0.75)


def test_choices_are_those_that_the_settings_take():
    choices = {
        each.label: [name for name, _ in each.choices] for each in form().components if isinstance(each, gr.Dropdown)
    }
    assert choices["schedule"] == ["dynamic", "constant"] and choices["latents"] == ["scaled", "clean", "noised"]
    assert choices["control"] == ["inject", "controlnet", "none"] and choices["region"] == ["subject", "image"]


def test_help_comes_from_the_docstring():
    texts = field_help(Structure)
    assert texts["scale"].startswith("strength from 0 to 1 for") and texts["attention"].startswith("blocks (")
    assert "attention" not in texts["features"]
    for kind in (Alignment, Appearance, DeltaBridge, Structure):
        assert set(field_help(kind)) == {each.name for each in fields(kind)}


@pytest.mark.parametrize(
    ("kind", "name", "shown", "expected"),
    [
        (Structure, "end", None, None),
        (Structure, "end", 0.5, 0.5),
        (Structure, "features", "", None),
        (Structure, "features", "a, b", ("a", "b")),
        (Appearance, "layers", "mid", ("mid",)),
        (Appearance, "top_k", 3.0, 3),
        (Appearance, "per_head", True, True),
        (Alignment, "fill", "border", "border"),
        (Alignment, "fill", "1, 2, 3", (1, 2, 3)),
    ],
)
def test_what_a_component_shows_becomes_the_fields_type(kind, name, shown, expected):
    assert from_form(name, hint_of(kind, name), shown) == expected


def test_a_number_that_is_none_is_named():
    with pytest.raises(ConfigError, match="tau=None"):
        from_form("tau", hint_of(Appearance, "tau"), None)
