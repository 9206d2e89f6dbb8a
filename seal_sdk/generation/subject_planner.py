"""From the identities of an image to what the denoising loop takes from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from seal_sdk.backbone.base import Backbone
from seal_sdk.generation.call import Call
from seal_sdk.generation.prompt_edits import EditedReference, ReferenceReader, SubjectPrompt, edit_reference
from seal_sdk.generation.prompts import encode_prompt
from seal_sdk.generation.regions import SubjectBinding, is_box
from seal_sdk.generation.subject_infusion import SubjectInfusion
from seal_sdk.generation.subject_tokens import SubjectTokens
from seal_sdk.generation.subjects import KeyValues, SubjectReference, merge_references
from seal_sdk.identity import Identity
from seal_sdk.method.latent_transfer.reference_latents import ReferenceLatents
from seal_sdk.method.latent_transfer.stride import Stride, subject_scale
from seal_sdk.method.prompt_edit.retention import token_retention
from seal_sdk.method.token_masks import token_mask
from store import StoreCorruption

Mask = NDArray[np.bool_]


def latent_coverage(backbone: Backbone, mask: Mask, latent_size: tuple[int, int]) -> Tensor:
    """(1, 1, h, w) in [0, 1]: how much of each latent a mask (H, W) covers."""
    whole = torch.as_tensor(np.ascontiguousarray(mask), dtype=torch.float32)[None, None]
    covered = F.interpolate(whole, size=latent_size, mode="area")
    return covered.to(backbone.device, backbone.dtype)


@dataclass(frozen=True, eq=False)
class Place:
    """Where a subject is in the image.

    mask: (H, W), None where nobody knows. bounds: (H, W) outside of which it cannot be. fills: whether it is about as high as these.
    """

    mask: Mask | None = None
    bounds: Mask | None = None
    fills: bool = False


def region_place(subject: SubjectBinding, mask: Mask, shown: bool) -> Place:
    """Where a subject with a region is. mask: (H, W), what is left of its region. shown: whether a structure image shows it there.

    A box is wider than its subject where nothing shows the subject in it.
    """
    return Place(bounds=mask, fills=True) if is_box(subject.region) and not shown else Place(mask)


def subject_region(call: Call, places: Sequence[Place]) -> Tensor | None:
    """(1, 1, h, w) in [0, 1]: how much of each latent the subjects cover, or can cover; None where nobody knows."""
    known = [place.bounds if place.mask is None else place.mask for place in places]
    masks = [mask for mask in known if mask is not None]
    return latent_coverage(call.backbone, np.any(masks, axis=0), call.latent_size) if masks else None


class SubjectPlanner:
    """Plans the subjects of one call's images. What depends on identity and prompts alone is computed once per call.

    readers: the identities' K/V by their digests.
    """

    def __init__(self, call: Call, readers: Mapping[str, KeyValues]) -> None:
        self.call, self.readers = call, readers
        # Cached functions hold no reference to the planner: K/V are freed with the call, not by the garbage collector.
        latents = cache(partial(_read_latents, call))
        self._edited = cache(partial(_remembered_edit, call, latents))
        self._resized = cache(partial(_resize, call, latents, self._edited))
        self._retention = cache(partial(_retention, call, self._edited))
        self._tokens: dict[tuple[Identity, ...], SubjectTokens] = {}

    def plan(self, subject: SubjectBinding, place: Place, said: SubjectPrompt) -> SubjectInfusion:
        """What is taken from a subject's references. said: by the image's prompts, unless the subject has a wording of its own."""
        call = self.call
        if subject.prompt is not None:
            said = SubjectPrompt(subject.prompt, said.negative)
        doublings = _stride(call, subject.identity, place).doublings
        merged = merge_references([self._reference(each, place, said, doublings) for each in subject.references])
        tokens = self._tokens.get(subject.references)
        if tokens is None:
            tokens = SubjectTokens(merged.key_values, merged.sources, merged.grids)
            self._tokens[subject.references] = tokens
        return SubjectInfusion(
            subject.identity.name,
            merged.latents,
            tokens,
            merged.grids,
            tokens.select(merged.places),
            _targets(call, place),
            searched=_gated(call) and place.mask is None,
            retention=None if merged.retention is None else tokens.select(merged.retention),
        )

    def _reference(self, identity: Identity, place: Place, said: SubjectPrompt, doublings: int) -> SubjectReference:
        call, size, positions = self.call, _latent_size(self.call, identity), _positions(self.call, identity)
        sources = _token_masks(call, _mask(call, identity), size) if _gated(call) else None
        if sources is not None and positions is not None:
            sources = {name: tokens[positions[name]] for name, tokens in sources.items()}
        edited = self._resized(identity, said, doublings)
        latents = ReferenceLatents(
            edited.latents,
            _subject(call, identity, (edited.latents.shape[-2], edited.latents.shape[-1])),
            _region(call, place),
            subject_only=_gated(call) and place.mask is not None,
            strides=(_stride(call, identity, place),),
            doublings=doublings,
            redrawn=edited.redrawn,
        )
        grids = {layer.name: layer.grid(size) for layer in call.layers}
        retention = self._retention(identity, said)
        return SubjectReference(self.readers[identity.digest], latents, grids, positions, sources, retention)


def _gated(call: Call) -> bool:
    """Whether only tokens of the subject match."""
    return call.settings.appearance.gating == "subject"


def _targets(call: Call, place: Place) -> dict[str, Tensor] | None:
    """Layer name -> (Nt,), the image's tokens that may be infused; None for all."""
    known = [mask for mask in (place.mask if _gated(call) else None, place.bounds) if mask is not None]
    if not known:
        return None
    masks = [_token_masks(call, mask, call.latent_size) for mask in known]
    grids = {layer.name: layer.grid(call.latent_size) for layer in call.layers}
    found = {
        grid: torch.stack([each[name] for each in masks]).all(0).nonzero().squeeze(1) for name, grid in grids.items()
    }
    return {name: found[grid] for name, grid in grids.items()}


def _latent_size(call: Call, identity: Identity) -> tuple[int, int]:
    return call.backbone.geometry.latent_size(identity.size[::-1])


def _subject(call: Call, identity: Identity, latent_size: tuple[int, int] | None = None) -> Tensor:
    """(1, 1, h, w) in [0, 1]: how much of each latent of the reference is its subject's, at its own size unless another is given."""
    return latent_coverage(call.backbone, _mask(call, identity), latent_size or _latent_size(call, identity))


def _region(call: Call, place: Place) -> Tensor | None:
    """(1, 1, h, w) in [0, 1]: how much of each of the image's latents is the subject's; None where nobody knows."""
    return None if place.mask is None else latent_coverage(call.backbone, place.mask, call.latent_size)


def _stride(call: Call, identity: Identity, place: Place) -> Stride:
    """How large the reference's subject is, compared with the image's."""
    filled = place.bounds if place.fills else place.mask
    extent = None if filled is None else latent_coverage(call.backbone, filled, call.latent_size)
    return Stride.of_scale(subject_scale(extent, _subject(call, identity), call.latent_size))


def _mask(call: Call, identity: Identity) -> Mask:
    try:
        return identity.mask
    except StoreCorruption as error:
        return call.repair(identity, error).mask


def _positions(call: Call, identity: Identity) -> dict[str, Tensor] | None:
    """Layer name -> (stored tokens,): their places in the reference's grid; None where all are stored."""
    if identity.tokens is None:
        return None
    device = call.backbone.device
    groups = {group: torch.tensor(tokens, device=device) for group, tokens in identity.tokens.items()}
    return {layer.name: groups[layer.group] for layer in call.layers}


def _token_masks(call: Call, mask: Mask, latent_size: tuple[int, int]) -> dict[str, Tensor]:
    """Layer name -> (tokens,) bool: the tokens of a mask (H, W) on each layer's grid."""
    device = call.backbone.device
    grids = {layer.name: layer.grid(latent_size) for layer in call.layers}
    masks = {grid: token_mask(mask, grid).to(device) for grid in dict.fromkeys(grids.values())}
    return {name: masks[grid] for name, grid in grids.items()}


def _read_latents(call: Call, identity: Identity) -> Tensor:
    """The reference's clean latents (1, C, h, w)."""
    try:
        latents = identity.latents
    except StoreCorruption as error:
        latents = call.repair(identity, error).latents
    if latents is None:
        return call.backbone.encode_image(identity.image)
    return torch.from_numpy(latents).to(call.backbone.device, call.backbone.dtype)


def _resize(
    call: Call,
    read_latents: Callable[[Identity], Tensor],
    edited: Callable[[Identity, SubjectPrompt], EditedReference],
    identity: Identity,
    said: SubjectPrompt,
    doublings: int,
) -> EditedReference:
    """The edited reference, of the reference image with its sides doubled or halved so often: latents cannot be resized."""
    edit = edited(identity, said)
    if not doublings:
        return edit
    size = [int(side * 2.0**doublings) for side in identity.size]
    resized = call.backbone.encode_image(identity.image.resize(size, Image.Resampling.LANCZOS))

    def stretch(field: Tensor) -> Tensor:
        return F.interpolate(field, resized.shape[-2:], mode="bilinear")

    if edit.mask is not None:
        resized = resized + stretch(edit.latents - read_latents(identity))
    return EditedReference(resized, edit.mask, None if edit.redrawn is None else stretch(edit.redrawn))


def _remembered_edit(
    call: Call,
    read_latents: Callable[[Identity], Tensor],
    identity: Identity,
    said: SubjectPrompt,
) -> EditedReference:
    """The reference, edited: read from the model the first time, as `_edit` does."""
    if said.prompt is None or not call.edits_references:
        return EditedReference(read_latents(identity))
    scheduler = json.dumps(call.backbone.scheduler_recipe(), sort_keys=True, default=str)
    strength, clip_skip = call.settings.delta_bridge.override, call.settings.sampling.clip_skip
    key = (call.state, scheduler, identity.digest, said, strength, clip_skip)
    return call.input_cache.references.get_or_make(key, lambda: _edit(call, read_latents(identity), identity, said))


def _edit(call: Call, latents: Tensor, identity: Identity, said: SubjectPrompt) -> EditedReference:
    """The reference, edited as the prompt says otherwise than its own. latents: (1, C, h, w), its clean ones."""
    encode = partial(encode_prompt, call, size=identity.size[::-1])
    reader = ReferenceReader(call.backbone, latents, _subject(call, identity), encode, call.meter)
    with call.meter.phase("text_change"):
        probes = reader.find_probes(identity.prompt, said)
        if not probes:
            return EditedReference(latents)
        return edit_reference(reader, probes, call.settings.delta_bridge.override)


def _retention(
    call: Call,
    edited: Callable[[Identity, SubjectPrompt], EditedReference],
    identity: Identity,
    said: SubjectPrompt,
) -> dict[str, Tensor] | None:
    """Layer name -> (stored tokens,) in [0, 1]: how much of each token's look the prompt leaves."""
    edit_mask = edited(identity, said).mask
    if edit_mask is None:
        return None
    subject, positions = _subject(call, identity), _positions(call, identity)
    grids = {layer.name: layer.grid(_latent_size(call, identity)) for layer in call.layers}
    by_grid = {grid: token_retention(edit_mask, subject, grid) for grid in dict.fromkeys(grids.values())}
    return {
        name: by_grid[grid] if positions is None else by_grid[grid][positions[name]] for name, grid in grids.items()
    }
