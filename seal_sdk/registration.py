"""Register: reference image -> subject -> recipe -> store; computed only when the store has no such recipe."""

from __future__ import annotations

import io
import platform
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from seal_sdk import recipe as recipes
from seal_sdk.backbone.capture import KeyValue, capture, kv_shapes
from seal_sdk.backbone.conditioning import encode, warn_if_truncated
from seal_sdk.backbone.fingerprint import Fingerprints
from seal_sdk.backbone.latents import encode_image
from seal_sdk.backbone.layers import SelfAttentionLayer, self_attention_layers, token_grid
from seal_sdk.backbone.noise import anchors, train_timesteps
from seal_sdk.config import Appearance
from seal_sdk.errors import InputError
from seal_sdk.images import read_image
from seal_sdk.method.infusion import dilate, token_mask
from seal_sdk.sizes import reference_size, scale_box
from seal_sdk.subject import Subject, SubjectFinder, subject_from
from store import IdentityStore, StoredIdentity, UnknownName

DEFAULT_ANCHORS = 4
ACCELERATOR_BATCH = 4  # timesteps per forward on a GPU; one on a CPU, where a batch gains nothing


@dataclass(frozen=True)
class Reference:
    """A reference image ready for the model: image, RGB at capture size; prompt; the caller's box or mask in its pixels, if any."""

    image: Image.Image
    prompt: str
    box: tuple[float, float, float, float] | None
    mask: np.ndarray | None

    def subject_recipe(self, finder: Callable[[], SubjectFinder]) -> dict[str, Any]:
        """Who says where the subject is, by content."""
        if self.mask is not None:
            return {"mask": recipes.mask_digest(self.mask)}
        if self.box is not None:
            return {"box": [float(v) for v in self.box]}
        return {"finder": finder().fingerprint}

    def subject(self, finder: Callable[[], SubjectFinder]) -> Subject:
        if self.mask is None and self.box is None:
            return finder().find(self.image, "reference")
        return subject_from(self.image, box=self.box, mask=self.mask)


def read_reference(pipe: StableDiffusionXLPipeline, image: Any, prompt: str, box: Any, mask: Any) -> Reference:
    """Check and resize a reference, its box and its mask (both in pixels of the given image, upright)."""
    original = read_image(image)
    if box is not None or mask is not None:
        subject_from(original, box=box, mask=mask)  # checked against the image the caller sees
    size = reference_size(pipe, original.size)
    resized = original.resize(size, Image.Resampling.LANCZOS) if size != original.size else original
    return Reference(
        resized,
        prompt,
        None if box is None else scale_box(tuple(float(v) for v in box), original.size, size),
        None if mask is None else _resize_mask(mask, size),
    )


def _resize_mask(mask: Any, size: tuple[int, int]) -> np.ndarray:
    pixels = np.asarray(mask)
    pixels = pixels if pixels.ndim == 2 else pixels[..., 0]
    binary = Image.fromarray(((pixels > (127 if pixels.max(initial=0) > 1 else 0)) * 255).astype(np.uint8))
    return np.asarray(binary.resize(size, Image.Resampling.BOX)) > 127


def choose_timesteps(
    pipe: StableDiffusionXLPipeline, timesteps: str | int | Sequence[int] | None, num_inference_steps: int
) -> tuple[int, ...]:
    """T_app, largest first: "exact" (the sampler's own grid), a number of evenly spread anchors, or a list of timesteps.

    Raises InputError for an empty list or timesteps outside of the model's training range.
    """
    total = train_timesteps(pipe.scheduler)
    if timesteps is None:
        timesteps = DEFAULT_ANCHORS
    if timesteps == "exact":
        return _sampler_grid(pipe, num_inference_steps)
    if isinstance(timesteps, int) and not isinstance(timesteps, bool) and 1 <= timesteps <= total:
        return anchors(timesteps, total)
    if isinstance(timesteps, (list, tuple)) and timesteps and all(type(t) is int and 0 <= t < total for t in timesteps):
        return tuple(sorted(set(timesteps), reverse=True))
    raise InputError(
        f"timesteps={timesteps!r}: expected 'exact', a number of anchors from 1 to {total}, or a list of integers from 0 to {total - 1}."
    )


def _sampler_grid(pipe: StableDiffusionXLPipeline, num_inference_steps: int) -> tuple[int, ...]:
    scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)
    scheduler.set_timesteps(num_inference_steps)
    return tuple(sorted({round(float(t)) for t in scheduler.timesteps}, reverse=True))


def default_name(image: Any, reference: Reference) -> str:
    """A name for an identity that was given none: the file's stem, or the start of the pixels' digest."""
    stem = Path(image).stem if isinstance(image, (str, Path)) else ""
    return (
        re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "identity-" + recipes.pixels_digest(reference.image)[:8]
    )


class Registrar:
    """Registers references with one model in one store."""

    def __init__(self, pipe: StableDiffusionXLPipeline, store: IdentityStore, fingerprints: Fingerprints) -> None:
        self.pipe, self.store, self.fingerprints = pipe, store, fingerprints

    def register(
        self,
        reference: Reference,
        name: str,
        finder: Callable[[], SubjectFinder],
        timesteps: Sequence[int],
        appearance: Appearance,
        *,
        on_start: Callable[[int], None],
        on_step: Callable[[int, int], None],
    ) -> tuple[StoredIdentity, bool]:
        """The stored identity, and whether it was there already: then no UNet row, VAE encode or subject search was run."""
        layers = self_attention_layers(self.pipe.unet, appearance.layers)
        recipe = self.recipe(reference, reference.subject_recipe(finder), timesteps, layers, appearance)
        stored = self.store.get(recipe)
        if stored is not None:
            self._name(name, stored)
            return stored, True
        warn_if_truncated(self.pipe, reference.prompt)
        subject = reference.subject(finder)
        on_start(len(timesteps))
        computed: list[int] = []

        def stepped(index: int, timestep: int) -> None:
            computed.append(index)
            on_step(index, timestep)

        tokens = self._subject_tokens(reference, subject, layers) if appearance.stored_tokens == "subject" else None
        stored = self.compute(
            reference,
            recipe,
            timesteps,
            layers,
            appearance,
            tokens,
            attributes=lambda: self._attributes(reference, subject, tokens),
            attachments=lambda: {
                "reference.png": png(reference.image),
                "mask.png": png(Image.fromarray(subject.mask.astype(np.uint8) * 255)),
            },
            name=name,
            on_step=stepped,
        )
        return stored, not computed

    def compute(
        self,
        reference: Reference,
        recipe: Mapping[str, Any],
        timesteps: Sequence[int],
        layers: Sequence[SelfAttentionLayer],
        appearance: Appearance,
        tokens: Mapping[str, Sequence[int]] | None,
        *,
        attributes: Callable[[], Mapping[str, Any]],
        attachments: Callable[[], Mapping[str, bytes]],
        name: str | None = None,
        on_step: Callable[[int, int], None] = lambda index, timestep: None,
    ) -> StoredIdentity:
        """Capture the reference's K/V into the store, unless another process does so first; only these ``tokens`` of each block group."""
        shapes, latents = self._shapes(reference, layers), encode_image(self.pipe, reference.image)
        if tokens is not None:
            shapes = {layer.name: (len(tokens[layer.group]), shapes[layer.name][1]) for layer in layers}
        specs = recipes.array_specs(layers, shapes, len(timesteps), self.pipe.unet.dtype, appearance.quantization)

        def steps() -> Iterator[dict[str, np.ndarray]]:
            for index, step in enumerate(self._capture(reference, latents, layers, timesteps, appearance)):
                yield recipes.to_arrays(_select(step, layers, tokens), specs)
                on_step(index, timesteps[index])

        return self.store.put(
            recipe,
            arrays=specs,
            steps=steps,
            timesteps=timesteps,
            attributes=attributes(),
            attachments={**attachments(), "latents.npy": npy(latents)},
            name=name,
        )

    def _name(self, name: str, stored: StoredIdentity) -> None:
        """Give a hit its name, unless it has it: a store that may only be read serves hits too."""
        try:
            named = self.store.resolve(name).digest == stored.digest
        except UnknownName:
            named = False
        if not named:
            self.store.tag(name, stored.digest)

    def _capture(
        self,
        reference: Reference,
        latents: torch.Tensor,
        layers: Sequence[SelfAttentionLayer],
        timesteps: Sequence[int],
        appearance: Appearance,
    ) -> Iterator[dict[str, Any]]:
        width, height = reference.image.size
        return capture(
            self.pipe,
            layers,
            latents,
            encode(self.pipe, reference.prompt, (height, width)),
            timesteps,
            mode=appearance.latents,
            batch=1 if self.pipe._execution_device.type == "cpu" else ACCELERATOR_BATCH,
        )

    def recipe(
        self,
        reference: Reference,
        subject: Mapping[str, Any],
        timesteps: Sequence[int],
        layers: Sequence[SelfAttentionLayer],
        appearance: Appearance,
    ) -> dict[str, Any]:
        """What is asked for, whole; ``subject`` says who says where the subject is."""
        return recipes.build_recipe(
            image=reference.image,
            prompt=reference.prompt,
            subject=subject,
            model=recipes.model_recipe(self.pipe, self.fingerprints),
            scheduler=self.pipe.scheduler,
            timesteps=timesteps,
            layers=layers,
            appearance=appearance,
            dtype=self.pipe.unet.dtype,
            backend=recipes.attention_backend(layers),
        )

    def _shapes(self, reference: Reference, layers: Sequence[SelfAttentionLayer]) -> dict[str, tuple[int, int]]:
        return kv_shapes(self.pipe, layers, self._latent_size(reference))

    def _latent_size(self, reference: Reference) -> tuple[int, int]:
        width, height = reference.image.size
        return height // self.pipe.vae_scale_factor, width // self.pipe.vae_scale_factor

    def _subject_tokens(
        self, reference: Reference, subject: Subject, layers: Sequence[SelfAttentionLayer]
    ) -> dict[str, list[int]]:
        """Block group -> the tokens of the subject and around it."""
        shapes, size = self._shapes(reference, layers), self._latent_size(reference)
        grids = {layer.group: token_grid(shapes[layer.name][0], size) for layer in layers}
        return {
            group: torch.nonzero(dilate(token_mask(subject.mask, grid), grid)).flatten().tolist()
            for group, grid in grids.items()
        }

    def _attributes(
        self, reference: Reference, subject: Subject, tokens: Mapping[str, Sequence[int]] | None
    ) -> Mapping[str, Any]:
        return {
            **({} if tokens is None else {"tokens": tokens}),
            "prompt": reference.prompt,
            "box": [float(v) for v in subject.box],
            "size": list(reference.image.size),
            "model": str(getattr(self.pipe.config, "_name_or_path", "") or type(self.pipe).__name__).rsplit("/", 1)[-1],
            "provenance": {
                "torch": torch.__version__,
                "diffusers": diffusers.__version__,
                "device": str(self.pipe._execution_device),
                "machine": platform.machine(),
            },
        }


def _select(
    step: Mapping[str, KeyValue], layers: Sequence[SelfAttentionLayer], tokens: Mapping[str, Sequence[int]] | None
) -> Mapping[str, KeyValue]:
    if tokens is None:
        return step
    return {layer.name: tuple(each[tokens[layer.group]] for each in step[layer.name]) for layer in layers}  # type: ignore[misc]


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def npy(tensor: torch.Tensor) -> bytes:
    """A tensor as an .npy file, fp32."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(tensor.float().cpu()), allow_pickle=False)
    return buffer.getvalue()
