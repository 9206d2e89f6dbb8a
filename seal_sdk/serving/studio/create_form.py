"""The form that says what to draw: from its components to a `Wish`, and from a `Wish` back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr

from seal_sdk.errors import ConfigError
from seal_sdk.images.boxes import Box
from seal_sdk.presets import PRESETS, Preset, find_preset
from seal_sdk.serving.studio.box_picker import box_picker, boxes_on, picked, read_boxes, side_by_side
from seal_sdk.serving.studio.drawing import MOST_IMAGES, Canvas, Wish
from seal_sdk.serving.studio.poses import species_in
from seal_sdk.serving.studio.settings_form import SettingsForm
from seal_sdk.serving.studio.sliders import MOST, Strengths
from seal_sdk.serving.studio.structure import StructureChooser
from seal_sdk.serving.studio.studio import Studio

SLIDERS = {
    "identity": ("Like the reference", "delta and detail of Appearance"),
    "structure": ("Like the pose", "scale of Structure"),
    "text": ("Like the words", "guidance_scale, and override of DeltaBridge"),
}
EXAMPLE = "a photo of a cat on snow"
Values = Mapping[Any, Any]


class CreateForm:
    """Components of the form. ``inputs``: what `read` takes the values of."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        session = studio.session
        own = Preset(
            session.preset,
            session.alignment,
            session.appearance,
            session.delta_bridge,
            session.structure,
            session.timesteps,
        )
        self.who = gr.Dropdown(studio.names(), multiselect=True, label="Who", elem_id="who")
        self.prompt = gr.Textbox(label="What the picture shows", lines=2, placeholder=EXAMPLE, elem_id="prompt")
        with gr.Column(visible=False) as self._places:
            gr.Markdown("Where each one is: choose a name, and drag a box.", elem_classes="seal-hint")
            self.places = box_picker(elem_id="places")
        self.structure = StructureChooser()
        self._numbers()
        with gr.Accordion("How much", open=False):
            self.sliders = {
                name: gr.Slider(
                    0, most, value=100, step=5, label=SLIDERS[name][0], info=f"Percent of {SLIDERS[name][1]}."
                )
                for name, most in MOST.items()
            }
        with gr.Accordion("Advanced", open=False, elem_id="advanced"):
            self._advanced(own)

    def _numbers(self) -> None:
        side, step = self._studio.side, self._studio.session.backbone.geometry.pixels_per_latent
        with gr.Row():
            self.count = gr.Number(1, label="Pictures", precision=0, minimum=1, maximum=MOST_IMAGES, min_width=60)
            self.seed = gr.Textbox(label="Seed", placeholder="any", min_width=60, elem_id="seed")
            self.width = gr.Number(side, label="Width", precision=0, step=step, min_width=60)
            self.height = gr.Number(side, label="Height", precision=0, step=step, min_width=60)

    def _advanced(self, own: Preset) -> None:
        defaults = self._studio.session.sampling_defaults
        self.preset = gr.Radio(list(PRESETS), value=own.name, label="Preset", info="Fills in everything below.")
        with gr.Row():
            self.steps = gr.Number(
                defaults.num_inference_steps, label="Steps", precision=0, minimum=1, min_width=100, elem_id="steps"
            )
            self.guidance = gr.Number(defaults.guidance_scale, label="Guidance scale", min_width=100)
        self.negative = gr.Textbox(label="What it must not show")
        self.settings = SettingsForm(own)

    @property
    def inputs(self) -> set[Any]:
        """What `read` takes the values of."""
        plain = {self.who, self.prompt, self.places, self.count, self.seed, self.width, self.height}
        advanced = {self.preset, self.steps, self.guidance, self.negative, *self.settings.components}
        return plain | advanced | {*self.structure.inputs, *self.sliders.values()}

    def read(self, values: Values) -> Wish:
        """What is asked for. Raises InputError, ConfigError or ImageError for what is missing or cannot be."""
        size = whole(values[self.width], "Width"), whole(values[self.height], "Height")
        structure, shows = self.structure.read([values[each] for each in self.structure.inputs], self._studio.side)
        form = [values[each] for each in self.settings.components]
        return Wish(
            prompt=values[self.prompt] or "",
            identities=self._identities(values),
            seeds=seeds(values[self.seed], whole(values[self.count], "Pictures")),
            canvas=Canvas(size, whole(values[self.steps], "Steps"), number(values[self.guidance], "Guidance scale")),
            settings=self.settings.read(find_preset(values[self.preset]), form),
            strengths=Strengths(**{name: values[slider] for name, slider in self.sliders.items()}),
            negative_prompt=values[self.negative] or None,
            structure=structure,
            structure_prompt=shows,
        )

    def fill(self, wish: Wish) -> dict[Any, Any]:
        """Updates that make the form ask for this; its structure image is left to choose."""
        boxes = {name: box for name, box in wish.identities.items() if box is not None}
        return {
            self.who: gr.update(choices=self._studio.names(), value=list(wish.identities)),
            self.prompt: wish.prompt,
            self.places: picked(boxes_on(wish.canvas.size, boxes)),
            self.count: len(wish.seeds),
            self.seed: str(wish.seeds[0]),
            self.width: wish.canvas.size[0],
            self.height: wish.canvas.size[1],
            self.steps: wish.canvas.steps,
            self.guidance: wish.canvas.guidance_scale,
            self.negative: wish.negative_prompt or "",
            **{slider: getattr(wish.strengths, name) for name, slider in self.sliders.items()},
            **dict(zip(self.settings.components, self.settings.values(wish.settings), strict=True)),
        }

    def connect(self) -> None:
        """Let the components follow each other."""
        self.preset.input(lambda name: self.settings.values(find_preset(name)), self.preset, self.settings.components)
        self.who.change(self._suggest, self.who, [self.structure.species, self.prompt], show_progress="hidden")
        structure = self.structure
        gr.on(
            [
                each.change
                for each in (self.who, self.width, self.height, structure.kind, structure.number, structure.picture)
            ],
            self._show_places,
            {self.who, self.width, self.height, self.places, *structure.inputs},
            [self._places, self.places],
            show_progress="hidden",
        )

    def _identities(self, values: Values) -> dict[str, Box | None]:
        names = values[self.who] or []
        if len(names) < 2:
            return dict.fromkeys(names)
        boxes = read_boxes(values[self.places])
        return {name: boxes.get(name) for name in names}

    def _suggest(self, names: list[str]) -> tuple[Any, Any]:
        """The species of the built-in poses, and what a prompt may look like: never a text that would replace a typed one."""
        library = self._studio.session.identities
        prompts = [library[name].prompt for name in names if name in library]
        species = next(filter(None, map(species_in, prompts)), gr.skip())
        return species, gr.update(placeholder=f"{' and '.join(prompts)} on snow" if prompts else EXAMPLE)

    def _show_places(self, values: Values) -> tuple[Any, Any]:
        names = values[self.who] or []
        if len(names) < 2:
            return gr.update(visible=False), gr.skip()
        size = whole(values[self.width], "Width"), whole(values[self.height], "Height")
        drawn = read_boxes(values[self.places])
        kept = {name: box for name, box in drawn.items() if box[2] <= size[0] and box[3] <= size[1]}
        boxes = {name: kept.get(name) or box for name, box in side_by_side(size, names).items()}
        try:
            picture, _ = self.structure.read([values[each] for each in self.structure.inputs], self._studio.side)
        except ValueError:  # not chosen yet, or broken: drawing says so
            picture = None
        return gr.update(visible=True), picked(boxes_on(size, boxes), picture and picture.resize(size))


def seeds(first: str | None, count: int) -> tuple[int, ...]:
    """So many seeds: from the given one on, or new ones where none is. Raises ConfigError for one that is none."""
    text = (first or "").strip()
    if text and not text.isdecimal():
        raise ConfigError(f"Seed: {text!r} is no whole number. Leave it empty for any.")
    start = int(text) if text else secrets.randbelow(2**32)
    return tuple(range(start, start + max(count, 0)))


def whole(value: Any, label: str) -> int:
    """A number of the form as an integer. Raises ConfigError, which names the field."""
    found = number(value, label)
    if found != int(found):
        raise ConfigError(f"{label}: {value!r} is no whole number.")
    return int(found)


def number(value: Any, label: str) -> float:
    """A number of the form. Raises ConfigError, which names the field."""
    if not isinstance(value, (int, float)) or value != value or abs(value) == float("inf"):
        raise ConfigError(f"{label}: {value!r} is no number.")
    return float(value)
