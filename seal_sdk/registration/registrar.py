"""Register: reference image -> subject -> recipe -> store. It is computed only when the store has no such recipe."""

from __future__ import annotations

import io
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.backbone.base import Backbone, KeyValue, SelfAttention
from seal_sdk.backbone.capture import capture, kv_shapes
from seal_sdk.kv_cache.encoding import array_specs, to_arrays
from seal_sdk.method.token_masks import surround, token_mask
from seal_sdk.registration.recipe import CaptureSettings, build_recipe
from seal_sdk.registration.reference import Reference
from seal_sdk.segmentation import Subject, SubjectSegmenter
from store import IdentityStore, StoredIdentity, UnknownName

Tokens = Mapping[str, Sequence[int]]
"""Block group -> the reference's tokens that are stored, by their place in its grid."""


@dataclass(frozen=True)
class Listener:
    """Who hears how registering gets on. on_start(timesteps): nothing was found. on_step(index, timestep): one was captured."""

    on_start: Callable[[int], None] = lambda total: None
    on_step: Callable[[int, int], None] = lambda index, timestep: None


@dataclass(frozen=True, eq=False)
class Capture:
    """All that is stored of a reference. tokens: None for all of them. attributes, attachments: made only when something is stored."""

    reference: Reference
    settings: CaptureSettings
    tokens: Tokens | None
    attributes: Callable[[], Mapping[str, Any]]
    attachments: Callable[[], Mapping[str, bytes]]


class Registrar:
    """Registers references with one model in one store."""

    def __init__(self, backbone: Backbone, store: IdentityStore) -> None:
        self.backbone, self.store = backbone, store

    def register(
        self,
        reference: Reference,
        name: str,
        segmenter: Callable[[], SubjectSegmenter],
        settings: CaptureSettings,
        listener: Listener = Listener(),
    ) -> tuple[StoredIdentity, bool]:
        """The stored identity, and whether it was there already: then the model, the VAE and the segmenter did nothing."""
        recipe = build_recipe(self.backbone, reference, reference.subject_recipe(segmenter), settings)
        stored = self.store.get(recipe)
        if stored is not None:
            self._name(name, stored)
            return stored, True
        self.backbone.warn_if_truncated(reference.prompt)
        subject = reference.subject(segmenter)
        listener.on_start(len(settings.timesteps))
        computed: list[int] = []

        def stepped(index: int, timestep: int) -> None:
            computed.append(index)
            listener.on_step(index, timestep)

        try:
            stored = self.compute(recipe, self._capture(reference, subject, settings), name=name, on_step=stepped)
        finally:
            self.backbone.release()
        return stored, not computed

    def compute(
        self,
        recipe: Mapping[str, Any],
        what: Capture,
        *,
        name: str | None = None,
        on_step: Callable[[int, int], None] = lambda index, timestep: None,
    ) -> StoredIdentity:
        """Capture the reference's K/V into the store, unless another process does so first."""
        reference, settings = what.reference, what.settings
        latents = self.backbone.encode_image(reference.image)
        shapes = kv_shapes(settings.layers, self._latent_size(reference))
        if what.tokens is not None:
            shapes = {each.name: (len(what.tokens[each.group]), shapes[each.name][1]) for each in settings.layers}
        specs = array_specs(
            settings.layers, shapes, len(settings.timesteps), self.backbone.dtype, settings.appearance.quantization
        )

        def steps() -> Iterator[dict[str, NDArray[Any]]]:
            for index, step in enumerate(self._steps(reference, latents, settings)):
                yield to_arrays(_select(step, settings.layers, what.tokens), specs)
                on_step(index, settings.timesteps[index])

        return self.store.put(
            recipe,
            arrays=specs,
            steps=steps,
            timesteps=settings.timesteps,
            attributes=what.attributes(),
            attachments={**what.attachments(), "latents.npy": npy(latents)},
            name=name,
        )

    def _name(self, name: str, stored: StoredIdentity) -> None:
        """Give a hit its name, unless it has it already: hits also work on a read-only store."""
        try:
            named = self.store.resolve(name).digest == stored.digest
        except UnknownName:
            named = False
        if not named:
            self.store.tag(name, stored.digest)

    def _capture(self, reference: Reference, subject: Subject, settings: CaptureSettings) -> Capture:
        only_subject = settings.appearance.stored_tokens == "subject"
        tokens = self._subject_tokens(reference, subject, settings.layers) if only_subject else None
        return Capture(
            reference,
            settings,
            tokens,
            attributes=lambda: self._attributes(reference, subject, tokens),
            attachments=lambda: {
                "reference.png": png(reference.image),
                "mask.png": png(Image.fromarray(subject.mask.astype(np.uint8) * 255)),
            },
        )

    def _steps(
        self, reference: Reference, latents: torch.Tensor, settings: CaptureSettings
    ) -> Iterator[dict[str, KeyValue]]:
        conditioning = self.backbone.encode_prompt(reference.prompt, reference.size)
        mode = settings.appearance.latents
        return capture(self.backbone, settings.layers, latents, conditioning, settings.timesteps, mode)

    def _latent_size(self, reference: Reference) -> tuple[int, int]:
        return self.backbone.geometry.latent_size(reference.size)

    def _subject_tokens(
        self, reference: Reference, subject: Subject, layers: Sequence[SelfAttention]
    ) -> dict[str, list[int]]:
        """The tokens of the subject and around it."""
        grids = {layer.group: layer.grid(self._latent_size(reference)) for layer in layers}
        return {
            group: torch.nonzero(surround(token_mask(subject.mask, grid), grid)).flatten().tolist()
            for group, grid in grids.items()
        }

    def _attributes(self, reference: Reference, subject: Subject, tokens: Tokens | None) -> Mapping[str, Any]:
        return {
            **({} if tokens is None else {"tokens": tokens}),
            "prompt": reference.prompt,
            "box": [float(v) for v in subject.box],
            "size": list(reference.image.size),
            "model": self.backbone.name,
            **({"adapters": list(self.backbone.adapters)} if self.backbone.adapters else {}),
            "provenance": {
                "torch": torch.__version__,
                "diffusers": version("diffusers"),
                "device": str(self.backbone.device),
                "machine": platform.machine(),
            },
        }


def _select(
    step: Mapping[str, KeyValue], layers: Sequence[SelfAttention], tokens: Tokens | None
) -> Mapping[str, KeyValue]:
    """The K/V of these tokens of each layer's group."""
    if tokens is None:
        return step
    chosen = {layer.name: list(tokens[layer.group]) for layer in layers}
    return {name: (step[name][0][kept], step[name][1][kept]) for name, kept in chosen.items()}


def png(image: Image.Image) -> bytes:
    """An image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def npy(tensor: torch.Tensor) -> bytes:
    """A tensor as an .npy file, fp32."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(tensor.float().cpu()), allow_pickle=False)
    return buffer.getvalue()
