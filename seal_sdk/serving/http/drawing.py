"""From a request to what the engine draws: images are decoded, and mistakes told, before anything waits in the queue."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from seal_sdk.backbone.prompts import check_prompt
from seal_sdk.errors import InputError
from seal_sdk.generation.regions import Region as PlacedRegion
from seal_sdk.presets import find_preset
from seal_sdk.serving.http import requests
from seal_sdk.serving.http.bodies import Files
from seal_sdk.serving.http.requests import EditRequest, ImageRequest
from seal_sdk.serving.http.settings import Limits
from seal_sdk.serving.http.uploads import ImageReader, painted_where_transparent
from seal_sdk.serving.work import Drawing
from seal_sdk.session import IdentitySession


@dataclass(frozen=True)
class DrawingMaker:
    """Makes drawings for a session. model: the name that requests may give it."""

    session: IdentitySession
    reader: ImageReader
    limits: Limits
    model: str

    def make(self, request: ImageRequest, files: Files) -> Drawing:
        """The drawing that a request asks for. files: name -> bytes of the files beside its fields; None for none.

        Raises ConfigError, InputError, or UnknownIdentity.
        """
        self._check(request)
        first = request.seed if isinstance(request.seed, int) else secrets.randbelow(2**32)
        seeds = request.seed if isinstance(request.seed, list) else [first + number for number in range(request.images)]
        return Drawing(
            tuple(seeds),
            _known(self._each(request, files)),
            _known(self._shared(request)),
            _known(self._pictures(request, files)),
        )

    def _check(self, request: ImageRequest) -> None:
        limits, (width, height) = self.limits, request.width_and_height
        if request.model not in (None, "", self.model):
            raise InputError(
                f"model={request.model!r}: this service has {self.model!r} alone. Leave model out, or give that."
            )
        for name, value, most in (
            ("n", request.images, limits.images),
            ("num_inference_steps", request.num_inference_steps, limits.steps),
            ("deadline", request.deadline, limits.max_deadline),
            ("prompt", len(request.prompt), limits.prompt_length),
            ("negative_prompt", len(request.negative_prompt or ""), limits.prompt_length),
            ("structure_prompt", len(request.structure_prompt or ""), limits.prompt_length),
        ):
            if value is not None and value > most:
                unit = " characters" if name.endswith("prompt") else ""
                raise InputError(f"{name}: {value:g}{unit}; this service takes at most {most:g}.")
        check_prompt(request.prompt)
        if width is not None and height is not None:
            self._check_pixels(width, height)
            self.session.backbone.geometry.check_size(height, width)

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.limits.pixels:
            raise InputError(f"size: {width}x{height}; this service draws at most {self.limits.pixels} pixels.")

    def _each(self, request: ImageRequest, files: Files) -> dict[str, Any]:
        """What every image of a batch has its own of."""
        return {
            "prompt": request.prompt,
            "identity": self._identity(request.identity),
            "structure": self._image("structure", request.structure, files),
            "structure_prompt": request.structure_prompt,
            "structure_box": request.structure_box,
            "structure_mask": self._image("structure_mask", request.structure_mask, files),
            "negative_prompt": request.negative_prompt,
        }

    def _shared(self, request: ImageRequest) -> dict[str, Any]:
        width, height = request.width_and_height
        return {
            "width": width,
            "height": height,
            "num_inference_steps": request.num_inference_steps,
            "guidance_scale": request.guidance_scale,
            "guidance_interval": request.guidance_interval,
            "preset": request.preset,
            **self._method(request),
        }

    def _method(self, request: ImageRequest) -> dict[str, Any]:
        """The method's settings, those of which the request gives some."""
        own: Any = self.session if request.preset is None else find_preset(request.preset)
        given = {
            "alignment": (own.alignment, request.alignment),
            "appearance": (own.appearance, request.appearance),
            "delta_bridge": (own.delta_bridge, request.delta_bridge),
            "structure_control": (own.structure, request.structure_control),
        }
        return {name: replace(kept, **new.given) for name, (kept, new) in given.items() if new is not None}

    def _pictures(self, request: ImageRequest, files: Files) -> dict[str, Any]:
        """The picture to draw into, and what is painted of it."""
        if not isinstance(request, EditRequest):
            return {}
        image, mask = self._image("image", None, files), self._image("mask", None, files)
        if image is None:
            raise InputError("image: send the picture to draw into as a file of this name.")
        if mask is None and request.width_and_height == (None, None):
            self._check_pixels(*image.size)  # it is drawn at its own size
        return {
            "image": image,
            "mask_image": None if mask is None else painted_where_transparent(mask),
            "strength": request.strength,
        }

    def _image(self, name: str, text: str | None, files: Files) -> Image.Image | None:
        """The image of a field, or of a file in its place."""
        data = files.get(name)
        if data is not None and text is not None:
            raise InputError(f"{name} is given as a field and as a file: give one of them.")
        if data is not None:
            return self.reader.from_bytes(data, name)
        return None if text is None else self.reader.from_text(text, name)

    def _identity(self, asked: Any) -> Any:
        """As the session takes it. Raises UnknownIdentity, which names the nearest."""
        if isinstance(asked, dict):
            return self._regions([(name, region) for name, region in asked.items()])
        if isinstance(asked, list) and asked and isinstance(asked[0], requests.Subject):
            return self._regions([(each.name, each) for each in asked])
        return None if asked is None else self._references(asked)

    def _regions(self, subjects: list[tuple[str | list[str], requests.Region]]) -> dict[Any, PlacedRegion]:
        placed: dict[Any, PlacedRegion] = {}
        for name, region in subjects:
            place = region.box or self.reader.from_text(region.mask or "", f"mask of {name}")
            references = self._references(name)
            if references in placed:
                raise InputError(f"identity: {name} is there twice. One subject has one region.")
            placed[references] = PlacedRegion(place, region.prompt)
        return placed

    def _references(self, names: str | list[str]) -> str | tuple[str, ...]:
        """One name, or several references of one subject; all are in the store."""
        for name in [names] if isinstance(names, str) else names:
            _ = self.session.identities[name]
        return names if isinstance(names, str) else tuple(names)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
