"""What somebody asks to be drawn, as plain data: from the page's form to a job of the engine, and back from the settings in a PNG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from seal_sdk.config import DeltaBridge
from seal_sdk.errors import InputError
from seal_sdk.images.boxes import Box
from seal_sdk.presets import Preset
from seal_sdk.serving.studio.sliders import Strengths
from seal_sdk.serving.work import Drawing

MOST_IMAGES = 16  # of one job


@dataclass(frozen=True)
class Canvas:
    """How an image is sampled. size: (width, height) in pixels. steps: of denoising. guidance_scale: 1 is none."""

    size: tuple[int, int]
    steps: int
    guidance_scale: float


@dataclass(frozen=True, eq=False)
class Wish:
    """What is to be drawn.

    identities: name -> its box in pixels of the canvas; None for the only one. structure: an image, None for none, and what it shows in
    words. Raises InputError where something is missing.
    """

    prompt: str
    identities: Mapping[str, Box | None]
    seeds: tuple[int, ...]
    canvas: Canvas
    settings: Preset
    strengths: Strengths = field(default_factory=Strengths)
    negative_prompt: str | None = None
    structure: Image.Image | None = None
    structure_prompt: str | None = None

    def __post_init__(self) -> None:
        if not self.identities:
            raise InputError("Choose who is to be drawn. Where the list is empty, register a picture first.")
        if not self.prompt.strip():
            raise InputError("Say what the picture shows, such as 'a photo of a cat on snow'.")
        if not 0 < len(self.seeds) <= MOST_IMAGES:
            raise InputError(f"{len(self.seeds)} pictures: ask for 1 to {MOST_IMAGES} at once.")
        missing = [name for name, box in self.identities.items() if box is None]
        if len(self.identities) > 1 and missing:
            raise InputError(f"Draw the place of {missing[0]!r}: with several, each needs its own.")

    def drawing(self, *, match_maps: bool = False) -> Drawing:
        """The work for the engine."""
        chosen = self.strengths.of(self.settings)
        each = {
            "prompt": self.prompt,
            "identity": self._identity(),
            "structure": self.structure,
            "structure_prompt": self.structure_prompt,
            "negative_prompt": self.negative_prompt,
        }
        width, height = self.canvas.size
        shared = {
            "preset": chosen.name,
            "alignment": chosen.alignment,
            "appearance": chosen.appearance,
            "delta_bridge": chosen.delta_bridge,
            "structure_control": chosen.structure,
            "num_inference_steps": self.canvas.steps,
            "guidance_scale": self.strengths.guidance(self.canvas.guidance_scale),
            "width": width,
            "height": height,
            "match_maps": match_maps,
        }
        return Drawing(self.seeds, each, shared)

    def again(self, seeds: tuple[int, ...]) -> Wish:
        """The same with other seeds."""
        return replace(self, seeds=seeds)

    def without_identity(self) -> Wish:
        """The same, at the same place, with nothing taken from the references."""
        plain = replace(self.settings.appearance, delta=0.0, detail=0.0)
        return replace(
            self,
            settings=self.settings.with_given(appearance=plain, delta_bridge=DeltaBridge(strength=0.0, override=0.0)),
        )

    @property
    def summary(self) -> dict[str, Any]:
        """The little that a browser tab remembers, to say what was lost."""
        return {"prompt": self.prompt, "identities": list(self.identities), "seed": self.seeds[0]}

    def _identity(self) -> Any:
        (first, box), *others = self.identities.items()
        return dict(self.identities) if others or box is not None else first


def wish_of(settings: Mapping[str, Any], rename: Mapping[str, str]) -> Wish:
    """What the settings in a PNG asked for, without its structure image.

    rename: the name in the library now of each identity, by digest. Raises InputError where they lack something, or were another tool's.
    """
    try:
        several = {rename[each["digest"]]: _box(each) for each in settings["identities"]}
        alone = settings["identity"]
        return Wish(
            prompt=settings["prompt"] or "",
            identities=several or ({} if alone is None else {rename[alone["digest"]]: None}),
            seeds=(int(settings["seed"]),),
            canvas=Canvas(
                (settings["width"], settings["height"]), settings["num_inference_steps"], settings["guidance_scale"]
            ),
            settings=_preset(settings),
            negative_prompt=settings["negative_prompt"],
            structure_prompt=settings["structure_prompt"],
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The settings in this picture cannot be used here: {error!r} is missing or wrong.") from error


def digests_in(settings: Mapping[str, Any]) -> dict[str, str]:
    """Digest -> name of every identity that the settings in a PNG speak of."""
    named = [settings.get("identity"), *(settings.get("identities") or ())]
    return {str(each["digest"]): str(each["name"]) for each in named if isinstance(each, Mapping)}


def _box(named: Mapping[str, Any]) -> Box | None:
    if named.get("box") is None:
        return None  # its mask is not in the file
    x0, y0, x1, y1 = named["box"]
    return x0, y0, x1, y1


def _preset(settings: Mapping[str, Any]) -> Preset:
    alignment = dict(settings["alignment"])
    if isinstance(alignment["fill"], list):
        alignment["fill"] = tuple(alignment["fill"])
    names = {"appearance": "appearance", "delta_bridge": "delta_bridge", "structure": "structure_control"}
    return Preset.from_dict({"alignment": alignment, **{field: settings[name] for field, name in names.items()}})
