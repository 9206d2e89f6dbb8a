"""What requests for images hold: OpenAI's fields, and the SDK's beside them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from seal_sdk.serving.http.method_settings import (
    AlignmentSettings,
    AppearanceSettings,
    DeltaBridgeSettings,
    StructureSettings,
)

SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
MOST_SUBJECTS = 8
NO_QUALITY = "there are no levels of quality here: leave it out, and set num_inference_steps for more or fewer steps"

Name = Annotated[str, Field(min_length=1, max_length=200)]
Box = Annotated[tuple[float, float, float, float], Field(description="x0, y0, x1, y1 in pixels, half open.")]
Encoded = Annotated[str, Field(min_length=1, description="An image: base64, or a data URL.")]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Fields(BaseModel):
    """Unknown fields are refused, so that a slip of the pen is not overlooked."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Region(Fields):
    """Where one of several subjects is drawn, in pixels of the image to draw: a box or a mask. prompt: what is said of it alone."""

    box: Box | None = None
    mask: Encoded | None = None
    prompt: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if (self.box is None) == (self.mask is None):
            raise ValueError("give box (x0, y0, x1, y1) or mask, one of them")
        return self


class Subject(Region):
    """A subject in its region. name: its identity, or several references of it."""

    name: Name | Annotated[list[Name], Field(min_length=1, max_length=MOST_SUBJECTS)]


References = Annotated[list[Name], Field(min_length=1, max_length=MOST_SUBJECTS)]
Regions = Annotated[dict[Name, Region], Field(min_length=1, max_length=MOST_SUBJECTS)]
Subjects = Annotated[list[Subject], Field(min_length=1, max_length=MOST_SUBJECTS)]


class ImageRequest(Fields):
    """Fields of both operations that draw. Those of OpenAI that mean nothing here are taken at their defaults, and else refused."""

    prompt: str = Field(min_length=1, description="What the image shows.")
    model: str | None = Field(None, description="The service has one model: its name, or none.")
    n: int | None = Field(None, ge=1, description="Number of images.")
    size: str | None = Field(
        None, description="WIDTHxHEIGHT in pixels, or 'auto' for the model's own.", examples=["128x128"]
    )
    response_format: Literal["b64_json", "url"] | None = Field(
        None, description="'b64_json' alone: nothing is kept to be fetched."
    )
    output_format: Literal["png", "jpeg", "webp"] | None = Field(
        None, description="PNG carries the settings of the image."
    )
    output_compression: int | None = Field(
        None, ge=0, le=100, description="Quality of JPEG and WebP; 100 where not given."
    )
    stream: bool | None = Field(None, description="Answer with server-sent events.")
    partial_images: int | None = Field(None, ge=0, le=3, description="Previews in the stream.")
    user: str | None = Field(None, description="Taken, and not used.")
    background: Literal["transparent", "opaque", "auto"] | None = Field(None, description="'auto' or 'opaque'.")
    quality: Literal["standard", "hd", "low", "medium", "high", "auto"] | None = Field(
        None, description="'auto' or 'standard'."
    )
    moderation: Literal["low", "auto"] | None = Field(None, description="Taken; nothing is moderated here.")

    identity: Name | References | Regions | Subjects | None = Field(
        None,
        description="Who is drawn: a name; a list of names, which are references of one subject; or several subjects with the region of "
        "each, {name: {box or mask}}. Without it the prompt alone is drawn.",
    )
    structure: Encoded | None = Field(None, description="Image whose pose and layout to follow: base64, or a data URL.")
    structure_prompt: str | None = Field(None, description="What the structure image shows.")
    structure_box: Box | None = None
    structure_mask: Encoded | None = None
    negative_prompt: str | None = None
    seed: Seed | list[Seed] | None = Field(
        None, description="Of the first image, the next take the following; or one for each."
    )
    num_inference_steps: int | None = Field(None, ge=1)
    guidance_scale: float | None = Field(None, ge=0, lt=1000)
    guidance_interval: tuple[float, float] | None = None
    preset: Literal["seal", "paper"] | None = None
    appearance: AppearanceSettings | None = None
    alignment: AlignmentSettings | None = None
    delta_bridge: DeltaBridgeSettings | None = None
    structure_control: StructureSettings | None = None
    deadline: float | None = Field(None, ge=1, description="Seconds in which it has to be done.")

    @field_validator("response_format", "background", "quality")
    @classmethod
    def _refuse(cls, value: str | None) -> str | None:
        reasons = {
            "url": "images are answered as b64_json, and not kept to be fetched",
            "transparent": "the model draws no transparency: leave background out",
            **dict.fromkeys(("hd", "low", "medium", "high"), NO_QUALITY),
        }
        if value in reasons:
            raise ValueError(f"{value!r}: {reasons[value]}")
        return value

    @field_validator("size")
    @classmethod
    def _check_size(cls, value: str | None) -> str | None:
        if value not in (None, "auto") and not SIZE.fullmatch(value or ""):
            raise ValueError(f"{value!r}: expected WIDTHxHEIGHT in pixels, such as 1024x1024, or 'auto'")
        return value

    @model_validator(mode="after")
    def _check_seeds(self) -> Self:
        if isinstance(self.seed, list) and len(self.seed) != self.images:
            raise ValueError(f"{self.images} images need {self.images} seeds, got {len(self.seed)}")
        return self

    @property
    def images(self) -> int:
        """How many are drawn."""
        return self.n or 1

    @property
    def width_and_height(self) -> tuple[int | None, int | None]:
        """In pixels; None for the model's own."""
        found = SIZE.fullmatch(self.size or "")
        return (int(found[1]), int(found[2])) if found else (None, None)


class GenerationRequest(ImageRequest):
    """A request for images of a prompt."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prompt": "a photo of an orange cat on grass", "num_inference_steps": 4, "seed": 1},
                {
                    "prompt": "a photo of a tiger on snow",
                    "identity": "tiger",
                    "size": "1024x1024",
                    "output_format": "webp",
                },
                {
                    "prompt": "a photo of a tiger and a horse on grass",
                    "identity": {"tiger": {"box": [0, 32, 64, 128]}, "horse": {"box": [64, 32, 128, 128]}},
                    "appearance": {"detail": 0.5},
                },
            ]
        }
    )


class EditRequest(ImageRequest):
    """A request to draw into a picture. ``image``, and ``mask`` where only a part is painted, are files beside these fields."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"prompt": "a photo of a tiger in a room", "identity": "tiger", "strength": 0.9}]
        }
    )

    strength: float | None = Field(None, gt=0, le=1, description="How much of the picture is drawn anew.")


class IdentityRequest(Fields):
    """A reference to register. ``image``, and ``mask`` where one says what its subject is, are files beside these fields."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "tiger", "prompt": "a photo of a tiger", "box": [20, 16, 108, 120]}]}
    )

    name: Name
    prompt: str = Field(min_length=1, description="What the image shows, such as 'a photo of a tiger'.")
    box: Box | None = None
