"""Generate: from requests to plans, through the denoising loop, to images."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor

from seal_sdk.backbone.denoise import Run, denoise
from seal_sdk.backbone.latents import check_finite, decode_latents
from seal_sdk.backbone.layers import self_attention_layers
from seal_sdk.backbone.plan import Method
from seal_sdk.casting import Cast, alone
from seal_sdk.config import Alignment
from seal_sdk.errors import InputError
from seal_sdk.identity import Identity
from seal_sdk.key_values import KeyValueReader
from seal_sdk.planning import Planner
from seal_sdk.requests import Request
from seal_sdk.sampling import Clock, Sampling, borrowed
from seal_sdk.structures import Placed, place
from seal_sdk.subject import SubjectFinder
from seal_sdk.tiers import Tiers
from store import StoreCorruption


class Drawing:
    """One ``generate`` call: prepares every image's plan, then draws all of them."""

    def __init__(
        self,
        pipe: StableDiffusionXLPipeline,
        method: Method,
        alignment: Alignment,
        sampling: Sampling,
        finder: Callable[[], SubjectFinder],
        tiers: Tiers,
        restore: Callable[[Identity, StoreCorruption], Identity],
        controlnet: Any = None,
        keep_matches: bool = False,
    ) -> None:
        self.pipe, self.method, self.alignment, self.sampling = pipe, method, alignment, sampling
        self.restore = restore
        self.finder, self.tiers, self.controlnet, self.keep_matches = finder, tiers, controlnet, keep_matches
        self.clock = Clock()
        self.reads: Counter[str] = Counter()
        self.layers = self_attention_layers(pipe.unet, method.appearance.layers) if method.appearance.delta else ()
        self.scheduler = copy.deepcopy(pipe.scheduler)
        self.scheduler.set_timesteps(sampling.num_inference_steps, device=pipe._execution_device)
        self.planner = Planner(pipe, method, sampling, self.layers, self.clock, restore)
        self._kept: dict[Any, Any] = {}

    def draw(
        self,
        requests: Sequence[Request],
        casts: Sequence[Cast],
        output_type: str,
        on_step_end: Callable[[int, Tensor, Tensor], Tensor] | None,
    ) -> tuple[list[Any], Run, list[Placed | None], list[float]]:
        """Images, what the loop counted, the placed structure images, and the mean distance to the nearest cached timestep."""
        identities = [each for cast in casts for role in cast for each in role.references]
        for identity in identities:
            self._check_layers(identity)
        with (
            ThreadPoolExecutor(1, thread_name_prefix="seal-read") as executor,
            borrowed(self.pipe, self.sampling),
            _held(identities) as beats,
        ):
            placed = [self._place(request, cast) for request, cast in zip(requests, casts, strict=True)]
            latents = self._latents(requests)
            readers = self._readers(identities, executor, beats)
            plans = [
                self.planner(request, cast, where, readers)
                for request, cast, where in zip(requests, casts, placed, strict=True)
            ]
            with self.clock("denoise"):
                latents, run = denoise(
                    self.pipe,
                    self.scheduler,
                    self.scheduler.timesteps,
                    latents,
                    plans,
                    self.method,
                    self.layers,
                    step_kwargs=self._step_kwargs(requests),
                    controlnet=self.controlnet,
                    on_step_end=on_step_end,
                    keep_matches=self.keep_matches,
                )
            run.unet_rows += self.planner.unet_rows
            check_finite(latents, "the denoised latents", self.pipe)
            images = self._decode(latents, output_type)
        self.clock.seconds["store_wait"] = sum(reader.waited for reader in readers.values())
        self.reads = sum((reader.reads for reader in readers.values()), Counter())
        distances = [
            _mean([d for role in cast if readers for each in role.references for d in readers[each.digest].distances])
            for cast in casts
        ]
        return images, run, placed, distances

    def _check_layers(self, identity: Identity) -> None:
        stored = {name for spec in identity.stored.arrays for name in spec.layers}
        if any(layer.name not in stored for layer in self.layers):
            raise InputError(
                f"Appearance(layers={self.method.appearance.layers}) asks for blocks that were not stored for {identity.name!r}; "
                "choose those it was registered with, or register it again with these."
            )
        if identity.tokens is not None and self.method.appearance.gating == "none" and self.layers:
            raise InputError(
                f"{identity.name!r} was registered with tokens='subject': Appearance(gating='none') needs the whole reference; "
                "register it again with gating='none' or tokens='all'."
            )

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is the same for several images of the call is made once."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _place(self, request: Request, cast: Cast) -> Placed | None:
        identity = alone(cast)
        if request.structure is None or self.method.structure.control == "none":
            return None
        gated = identity is not None and self.method.needs_subject
        height, width = self.sampling.size
        with self.clock("align"):
            return self._once(
                (
                    "place",
                    id(request.structure),
                    identity and identity.digest,
                    str(request.structure_box),
                    id(request.structure_mask),
                ),
                lambda: place(
                    request.structure,
                    (width, height),
                    identity,
                    self.finder,
                    self.alignment,
                    box=request.structure_box,
                    mask=request.structure_mask,
                    needs_mask=gated,
                ),
            )

    def _latents(self, requests: Sequence[Request]) -> Tensor:
        height, width = self.sampling.size
        given = self.sampling.latents
        factor = self.pipe.vae_scale_factor
        shape = (len(requests), self.pipe.unet.config.in_channels, height // factor, width // factor)
        if given is not None:
            if tuple(given.shape) != shape or not torch.isfinite(given).all():
                raise InputError(f"latents of shape {tuple(given.shape)}: expected finite numbers of shape {shape}.")
        device = self.pipe._execution_device
        noise = (
            randn_tensor(shape, [r.generator for r in requests], device, self.pipe.unet.dtype)
            if given is None
            else given
        )
        return noise.to(device, self.pipe.unet.dtype) * self.scheduler.init_noise_sigma

    def _readers(
        self,
        identities: Sequence[Identity],
        executor: ThreadPoolExecutor,
        beats: dict[str, Callable[[], object]],
    ) -> dict[str, KeyValueReader]:
        if not self.method.appearance.delta:
            return {}
        sampled = [float(t) for t in self.scheduler.timesteps]
        return {
            identity.digest: KeyValueReader(
                identity.stored,
                sampled,
                self.pipe._execution_device,
                self.pipe.unet.dtype,
                executor,
                self.tiers,
                lambda error, identity=identity: self.restore(identity, error).stored,  # type: ignore[misc]
                beats[identity.digest],
            )
            for identity in {each.digest: each for each in identities}.values()
        }

    def _step_kwargs(self, requests: Sequence[Request]) -> dict[str, Any]:
        generators = [request.generator for request in requests]
        return self.pipe.prepare_extra_step_kwargs(generators if len(generators) > 1 else generators[0], 0.0)

    def _decode(self, latents: Tensor, output_type: str) -> list[Any]:
        if output_type == "latent":
            return list(latents)
        with self.clock("decode"):
            return [decode_latents(self.pipe, latents[n : n + 1], output_type)[0] for n in range(len(latents))]


@contextmanager
def _held(identities: Sequence[Identity]) -> Iterator[dict[str, Callable[[], object]]]:
    """Keep gc away from the identities while they are drawn; yields each one's heartbeat by its digest."""
    stored = {identity.digest: identity.stored for identity in identities}
    with ExitStack() as stack:
        yield {digest: stack.enter_context(each.held()) for digest, each in stored.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
