"""Generate: from requests to plans, through the denoising loop, to images."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from seal_sdk.backbone.base import Sampler
from seal_sdk.backbone.finite import check_finite
from seal_sdk.generation.call import Call
from seal_sdk.generation.denoise import DenoisingLoop, OnStepEnd
from seal_sdk.generation.metadata import describe
from seal_sdk.generation.painting import Painting
from seal_sdk.generation.plan import Canvas, Planner
from seal_sdk.generation.preset_changes import describe_preset
from seal_sdk.generation.prompt_edits import NO_WORDS
from seal_sdk.generation.reading import reading
from seal_sdk.generation.regions import lacks_words
from seal_sdk.generation.request import Request, generators_of
from seal_sdk.generation.start import start_sampling
from seal_sdk.generation.structure import AlignedStructure
from seal_sdk.generation.subject_planner import SubjectPlanner
from seal_sdk.identity import Identity
from seal_sdk.images import attach_settings
from seal_sdk.kv_cache import KeyValueCache, KeyValueReader
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
        if identities and self.call.settings.delta_bridge.strength > 0:
            self.call.backbone.words.check()  # of the references' prompts
        if self.call.edits_references and any(lacks_words(each.prompt, each.subjects) for each in requests):
            warnings.warn(NO_WORDS, UserWarning, stacklevel=4)  # the caller of IdentitySession.generate
        sampler = self._sampler(requests)
        with (
            self._sampling(sampler) as state,
            reading(self.call, self.cache, identities, sampler.timesteps) as readers,
        ):
            paintings = [self.planner.place(request) for request in requests]
            structures = [self.planner.align(*each) for each in zip(requests, paintings, strict=True)]
            with self.call.meter.phase("start"):
                start = start_sampling(self.call, requests, paintings, sampler)
            planner = SubjectPlanner(self.call, readers) if readers else None
            plans = [
                self.planner.plan(request, Canvas(painting, structure), planner)
                for request, painting, structure in zip(requests, paintings, structures, strict=True)
            ]
            loop = DenoisingLoop(self.call, sampler, plans, start)
            with self.call.meter.phase("denoise"):
                latents = loop.run(state, on_step_end)
            check_finite(latents, "the denoised latents")
            images = self._decode(latents, paintings)
        return self._result(requests, structures, images, loop, readers)

    def _sampling(self, sampler: Sampler) -> Any:
        sampling = self.call.settings.sampling
        return self.call.backbone.sampling(
            sampling.guidance_scale, len(sampler.timesteps), sampling.window, sampling.cross_attention_kwargs
        )

    def _sampler(self, requests: Sequence[Request]) -> Sampler:
        generators, sampling = generators_of(requests), self.call.settings.sampling
        return self.call.backbone.sampler(
            sampling.num_inference_steps,
            generators if len(generators) > 1 else generators[0],
            sampling.schedule,
            sampling.window,
        )

    def _decode(self, latents: Tensor, paintings: Sequence[Painting | None]) -> list[Any]:
        output_type = self.call.settings.output_type
        if output_type == "latent":
            return list(latents)
        with self.call.meter.phase("decode"):
            images = [self.call.backbone.decode(latents[n : n + 1], output_type) for n in range(len(latents))]
        overlay = self.call.settings.overlay
        return [
            image if painting is None else painting.finish(image, overlay)
            for image, painting in zip(images, paintings, strict=True)
        ]

    def _result(
        self,
        requests: Sequence[Request],
        structures: Sequence[AlignedStructure | None],
        images: list[Any],
        loop: DenoisingLoop,
        readers: Mapping[str, KeyValueReader],
    ) -> Generation:
        call = self.call
        scheduler, adapters = call.backbone.scheduler_name, call.backbone.ip_adapters.recipe()
        farthest = {digest: max(reader.distances, default=0.0) for digest, reader in readers.items()}
        settings = [
            {
                "preset": describe_preset(call.settings.preset, request.identities, farthest),
                **describe(request, structure, call.settings, scheduler, call.model, adapters),
            }
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


def _distance(request: Request, readers: Mapping[str, KeyValueReader]) -> float:
    """Mean distance of the sampled timesteps to the nearest cached ones."""
    identities = request.identities if readers else []
    distances = [distance for each in identities for distance in readers[each.digest].distances]
    return sum(distances) / len(distances) if distances else 0.0
