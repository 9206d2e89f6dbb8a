"""From one image's request to its plan for the denoising loop: conditioning, structure row, masks of tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from seal_sdk.backbone.capture import KeyValue, kv_shapes
from seal_sdk.backbone.conditioning import Conditioning, encode, encode_pair
from seal_sdk.backbone.latents import encode_image
from seal_sdk.backbone.layers import SelfAttentionLayer, token_grid
from seal_sdk.backbone.plan import ImagePlan, Infusion, Method, StructureRow, merged
from seal_sdk.backbone.text_change import DRAWS, reworded
from seal_sdk.casting import Cast, alone, regions
from seal_sdk.identity import Identity
from seal_sdk.method.infusion import token_mask
from seal_sdk.method.prompt_edits import single_edits
from seal_sdk.requests import Request
from seal_sdk.sampling import Clock, Sampling
from seal_sdk.structures import Placed
from store import StoreCorruption

KeyValues = Callable[[float], Mapping[str, KeyValue]]


class Planner:
    """Makes the plans of one call's images; what is the same for several of them is made once.

    unet_rows: rows that this took of the UNet.
    """

    def __init__(
        self,
        pipe: StableDiffusionXLPipeline,
        method: Method,
        sampling: Sampling,
        layers: Sequence[SelfAttentionLayer],
        clock: Clock,
        restore: Callable[[Identity, StoreCorruption], Identity],
    ) -> None:
        self.pipe, self.method, self.sampling, self.layers = pipe, method, sampling, layers
        self.clock, self.restore = clock, restore
        self.unet_rows = 0
        self._kept: dict[Any, Any] = {}

    def __call__(
        self, request: Request, cast: Cast, placed: Placed | None, readers: Mapping[str, KeyValues]
    ) -> ImagePlan:
        """The plan of one image. readers: the identities' K/V by their digests, empty where nothing is infused."""
        bridged = bool(cast) and self.method.delta_bridge.strength > 0
        quality = self.method.delta_bridge.quality if bridged else ""
        prompt = f"{request.prompt}, {quality}" if quality else request.prompt
        masks = self._masks(cast, placed)
        with self.clock("encode_prompt"):
            uncond, generation = self._pair(prompt, request.negative_prompt)
        shown = " and ".join(role.identity.prompt for role in cast)
        return ImagePlan(
            generation=generation,
            uncond=uncond,
            appearance=self._single(shown) if bridged else None,
            structure=self._structure_row(request, placed),
            control_image=self._control_image(placed),
            infusions=tuple(
                merged(
                    [
                        self._infusion(each, mask, readers[each.digest], shown, request.prompt)
                        for each in role.references
                    ]
                )
                for role, mask in zip(cast, masks, strict=True)
                if readers
            ),
            subject=self._subject(masks),
        )

    def _masks(self, cast: Cast, placed: Placed | None) -> list[np.ndarray | None]:
        """Where each identity is to be, None where nobody knows."""
        if len(cast) and alone(cast) is None:
            height, width = self.sampling.size
            return [*regions(cast, (width, height), placed and placed.image)]
        return [placed.mask if placed else None for _ in cast]

    def _subject(self, masks: Sequence[np.ndarray | None]) -> Tensor | None:
        known = [mask for mask in masks if mask is not None]
        if not known:
            return None
        return self._covered(np.any(known, axis=0), self._latent_size(self.sampling.size))

    def _covered(self, mask: np.ndarray, latent_size: tuple[int, int]) -> Tensor:
        """(1, 1, h, w) in [0, 1]: how much of each latent a mask (H, W) covers."""
        whole = torch.as_tensor(np.ascontiguousarray(mask), dtype=torch.float32)[None, None]
        covered = F.interpolate(whole, size=latent_size, mode="area")
        return covered.to(self.pipe._execution_device, self.pipe.unet.dtype)

    def _pair(self, prompt: str, negative: str | None) -> tuple[Conditioning | None, Conditioning]:
        if not self._guided:
            return None, self._single(prompt)
        return self._once(
            ("pair", prompt, negative),
            lambda: encode_pair(self.pipe, prompt, negative, self.sampling.size, clip_skip=self.sampling.clip_skip),
        )

    @property
    def _guided(self) -> bool:
        return self.sampling.guidance_scale > 1 and self.pipe.unet.config.time_cond_proj_dim is None

    def _single(self, prompt: str) -> Conditioning:
        return self._once(
            ("single", prompt), lambda: encode(self.pipe, prompt, self.sampling.size, clip_skip=self.sampling.clip_skip)
        )

    def _structure_row(self, request: Request, placed: Placed | None) -> StructureRow | None:
        if placed is None or self.method.structure.control != "inject":
            return None
        with self.clock("encode_structure"):
            latents = self._once(("latents", id(placed)), lambda: encode_image(self.pipe, placed.image))
        noise = torch.randn(
            latents.shape, generator=request.generator, dtype=torch.float32, device=request.generator.device
        )
        return StructureRow(latents, noise.to(latents), self._single(request.structure_prompt or request.prompt))

    def _control_image(self, placed: Placed | None) -> Tensor | None:
        if placed is None or self.method.structure.control != "controlnet":
            return None
        pixels = self.pipe.image_processor.preprocess(placed.image) / 2 + 0.5  # ControlNet takes [0, 1]
        return pixels.to(self.pipe._execution_device, self.pipe.unet.dtype)

    def _infusion(
        self, identity: Identity, mask: np.ndarray | None, reader: KeyValues, shown: str, asked: str
    ) -> Infusion:
        gated = self.method.appearance.gating == "subject"
        height, width = self.sampling.size
        positions = self._positions(identity)
        sources = self._token_masks(self._mask(identity), identity.size[::-1]) if gated else None
        if sources is not None and positions is not None:
            sources = {name: mask[positions[name]] for name, mask in sources.items()}
        targets = self._token_masks(mask, (height, width)) if gated and mask is not None else None
        latent_size = self._latent_size(identity.size[::-1])
        tokens = {name: count for name, (count, _) in kv_shapes(self.pipe, self.layers, latent_size).items()}
        subject = self._covered(self._mask(identity), latent_size)
        reference, changed = self._once(
            ("reworded", identity.digest, shown, asked), lambda: self._reworded(identity, subject, shown, asked)
        )
        kept = None if changed is None else self._kept_tokens(changed, subject, positions)
        region = None if mask is None else self._covered(mask, self._latent_size((height, width)))
        return Infusion(identity.name, reader, reference, tokens, positions, sources, targets, kept, subject, region)

    def _positions(self, identity: Identity) -> dict[str, Tensor] | None:
        if identity.tokens is None:
            return None
        device = self.pipe._execution_device
        groups = {group: torch.tensor(tokens, device=device) for group, tokens in identity.tokens.items()}
        return {layer.name: groups[layer.group] for layer in self.layers}

    def _latent_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[0] // self.pipe.vae_scale_factor, size[1] // self.pipe.vae_scale_factor

    def _mask(self, identity: Identity) -> np.ndarray:
        try:
            return identity.mask
        except StoreCorruption as error:
            return self.restore(identity, error).mask

    def _reworded(self, identity: Identity, subject: Tensor, shown: str, asked: str) -> tuple[Tensor, Tensor | None]:
        """The reference's clean latents, its subject as the prompt says it is and the reference's does not; which are changed."""
        latents = self._once(("reference", identity.digest), lambda: self._reference(identity))
        bridge = self.method.delta_bridge
        follows = bridge.strength > 0 and bridge.override > 0 and self.method.appearance.detail > 0
        edits = single_edits(shown, asked) if follows and self._guided else ()
        if not edits:
            return latents, None
        size, clip_skip = identity.size[::-1], self.sampling.clip_skip
        with self.clock("text_change"):
            neither, first = encode_pair(self.pipe, shown, None, size, clip_skip=clip_skip)
            rows = [encode(self.pipe, each, size, clip_skip=clip_skip) for each in edits]
            self.unet_rows += DRAWS * (2 + len(rows))
            return reworded(self.pipe, latents, subject, first, neither, rows, bridge.override)

    def _reference(self, identity: Identity) -> Tensor:
        try:
            latents = identity.latents
        except StoreCorruption as error:
            latents = self.restore(identity, error).latents
        if latents is None:
            return encode_image(self.pipe, identity.image)
        return torch.from_numpy(latents).to(self.pipe._execution_device, self.pipe.unet.dtype)

    def _token_masks(self, mask: Any, size: tuple[int, int]) -> dict[str, Tensor]:
        """layer name -> (tokens,) bool: the subject's tokens on each layer's grid for an image of (height, width)."""
        latent_size = self._latent_size(size)
        shapes = kv_shapes(self.pipe, self.layers, latent_size)
        device = self.pipe._execution_device
        return {
            name: token_mask(mask, token_grid(tokens, latent_size)).to(device) for name, (tokens, _) in shapes.items()
        }

    def _kept_tokens(
        self, changed: Tensor, subject: Tensor, positions: Mapping[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """layer name -> (stored tokens,) in [0, 1]: how much of the subject in each token the text leaves as it is."""
        kept = {}
        for name, (tokens, _) in kv_shapes(self.pipe, self.layers, (subject.shape[-2], subject.shape[-1])).items():
            grid = token_grid(tokens, (subject.shape[-2], subject.shape[-1]))
            part, whole = (F.interpolate(each, grid, mode="area").flatten() for each in (changed * subject, subject))
            share = 1 - part / whole.clamp(min=1e-6)
            kept[name] = share if positions is None else share[positions[name]]
        return kept

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]
