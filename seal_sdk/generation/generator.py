"""Generate: from requests to plans, through the denoising loop, to images."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from seal_sdk.backbone.base import Sampler
from seal_sdk.backbone.finite import check_finite
from seal_sdk.errors import InputError
from seal_sdk.generation.call import Call
from seal_sdk.generation.denoise import DenoisingLoop, OnStepEnd
from seal_sdk.generation.metadata import describe
from seal_sdk.generation.plan import Planner
from seal_sdk.generation.request import Request
from seal_sdk.generation.structure import AlignedStructure
from seal_sdk.generation.subject_planner import SubjectPlanner
from seal_sdk.identity import Identity
from seal_sdk.images import attach_settings
from seal_sdk.kv_cache import KeyValueCache, KeyValueReader, Lease, Placement
from seal_sdk.result import Generation


class ImageGenerator:
    """Draws the requests of one call. cache: of K/V, kept from call to call."""

    def __init__(self, call: Call, cache: KeyValueCache) -> None:
        self.call, self.cache = call, cache
        self.planner = Planner(call)

    def generate(self, requests: Sequence[Request], on_step_end: OnStepEnd) -> Generation:
        """All images, each as it would be drawn alone, and what the call measured.

        Raises InputError for identities that lack what the settings need, SubjectNotFound, NumericalError, or a StoreError.
        """
        identities = _identities(requests)
        if self.call.edits_references and any(each.subjects and each.prompt is None for each in requests):
            warnings.warn(
                "prompt_embeds have no words to compare with the reference's prompt: DeltaBridge(override=...) does nothing. "
                "Give prompt= instead, or switch it off with override=0.",
                UserWarning,
                stacklevel=4,  # the caller of IdentitySession.generate
            )
        for identity in identities:
            self._check_stored(identity)
        with (
            ThreadPoolExecutor(1, thread_name_prefix="seal-read") as executor,
            self._sampling() as state,
            self._leased(identities) as leases,
        ):
            sampler = self._sampler(requests)
            structures = [self.planner.align(request) for request in requests]
            latents = self._initial_latents(requests, sampler)
            readers = self._readers(leases, sampler, executor)
            planner = SubjectPlanner(self.call, readers) if readers else None
            plans = [
                self.planner.plan(request, structure, planner)
                for request, structure in zip(requests, structures, strict=True)
            ]
            loop = DenoisingLoop(self.call, sampler, plans)
            with self.call.meter.phase("denoise"):
                latents = loop.run(latents, state, on_step_end)
            check_finite(latents, "the denoised latents")
            images = self._decode(latents)
        return self._result(requests, structures, images, loop, readers)

    def _sampling(self) -> Any:
        sampling = self.call.settings.sampling
        return self.call.backbone.sampling(
            sampling.guidance_scale, sampling.num_inference_steps, sampling.cross_attention_kwargs
        )

    def _sampler(self, requests: Sequence[Request]) -> Sampler:
        generators, sampling = _generators(requests), self.call.settings.sampling
        return self.call.backbone.sampler(
            sampling.num_inference_steps, generators if len(generators) > 1 else generators[0], sampling.schedule
        )

    def _check_stored(self, identity: Identity) -> None:
        """Whether the identity holds what the settings ask for. Raises InputError."""
        stored = {name for spec in identity.stored.arrays for name in spec.layers}
        appearance = self.call.settings.appearance
        if any(layer.name not in stored for layer in self.call.layers):
            raise InputError(
                f"Appearance(layers={appearance.layers}) asks for blocks that were not stored for {identity.name!r}; "
                "choose those it was registered with, or register it again with these."
            )
        if identity.tokens is not None and appearance.gating == "none" and self.call.layers:
            raise InputError(
                f"{identity.name!r} was registered with tokens='subject': Appearance(gating='none') needs the whole reference; "
                "register it again with gating='none' or tokens='all'."
            )

    @contextmanager
    def _leased(self, identities: Sequence[Identity]) -> Iterator[list[Lease]]:
        """Keep gc away from the identities while they are drawn."""

        def repair(identity: Identity) -> Callable[[Any], Any]:
            return lambda error: self.call.repair(identity, error).stored

        with ExitStack() as stack:
            yield [Lease(each.stored, stack.enter_context(each.stored.lease()), repair(each)) for each in identities]

    def _initial_latents(self, requests: Sequence[Request], sampler: Sampler) -> Tensor:
        """Noise (B, C, h, w), the caller's or drawn, as the scheduler wants it. Raises InputError for latents that do not fit."""
        backbone, given = self.call.backbone, self.call.settings.sampling.latents
        shape = (len(requests), backbone.geometry.channels, *self.call.latent_size)
        if given is not None and (tuple(given.shape) != shape or not torch.isfinite(given).all()):
            raise InputError(f"latents of shape {tuple(given.shape)}: expected finite numbers of shape {shape}.")
        if given is None:
            given = backbone.draw_noise(shape, _generators(requests))
        return given.to(backbone.device, backbone.dtype) * sampler.initial_scale

    def _readers(
        self, leases: Sequence[Lease], sampler: Sampler, executor: ThreadPoolExecutor
    ) -> dict[str, KeyValueReader]:
        if not self.call.settings.appearance.delta:
            return {}
        backbone, timesteps = self.call.backbone, [float(t) for t in sampler.timesteps]
        placement = Placement(backbone.device, backbone.dtype)
        return {
            lease.stored.digest: KeyValueReader(lease, timesteps, placement, self.cache, executor) for lease in leases
        }

    def _decode(self, latents: Tensor) -> list[Any]:
        output_type = self.call.settings.output_type
        if output_type == "latent":
            return list(latents)
        with self.call.meter.phase("decode"):
            return [self.call.backbone.decode(latents[n : n + 1], output_type) for n in range(len(latents))]

    def _result(
        self,
        requests: Sequence[Request],
        structures: Sequence[AlignedStructure | None],
        images: list[Any],
        loop: DenoisingLoop,
        readers: dict[str, KeyValueReader],
    ) -> Generation:
        call = self.call
        scheduler, adapters = call.backbone.scheduler_name, call.backbone.ip_adapters.recipe()
        settings = [
            describe(request, structure, call.settings, scheduler, call.model, adapters)
            for request, structure in zip(requests, structures, strict=True)
        ]
        if call.settings.output_type == "pil":
            images = [attach_settings(image, each) for image, each in zip(images, settings, strict=True)]
        waited = sum(reader.waited for reader in readers.values())
        return Generation(
            images=images,
            seeds=[request.seed for request in requests],
            settings=settings,
            timings={**call.meter.seconds, "store_wait": waited},
            coverage=[record.coverage for record in loop.records],
            timestep_distance=[_distance(request, readers) for request in requests],
            unet_rows=call.meter.unet_rows,
            aligned=[structure and structure.image for structure in structures],
            reads=dict(sum((reader.reads for reader in readers.values()), Counter())),
            matches=[record.matches for record in loop.records],
        )


def _identities(requests: Sequence[Request]) -> list[Identity]:
    """Each identity of the call once."""
    every = [each for request in requests for each in request.identities]
    return list({each.digest: each for each in every}.values())


def _generators(requests: Sequence[Request]) -> list[torch.Generator]:
    """One per image, or the only one where all images' noise is drawn at once."""
    if requests[0].shared_generator:
        return [requests[0].generator]
    return [request.generator for request in requests]


def _distance(request: Request, readers: dict[str, KeyValueReader]) -> float:
    """Mean distance of the sampled timesteps to the nearest cached ones."""
    identities = request.identities if readers else []
    distances = [distance for each in identities for distance in readers[each.digest].distances]
    return sum(distances) / len(distances) if distances else 0.0
