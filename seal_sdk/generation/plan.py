"""The plan of one image: everything that the denoising loop needs, prepared before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning
from seal_sdk.backbone.image_prompt import ImageEmbeds
from seal_sdk.backbone.prompt_options import PromptOptions
from seal_sdk.generation.call import Call
from seal_sdk.generation.regions import SubjectBinding, region_masks, sole_identity
from seal_sdk.generation.request import Request
from seal_sdk.generation.structure import AlignedStructure, StructureAligner, StructureInput
from seal_sdk.generation.structure_sources import StructureGuide, structure_source
from seal_sdk.generation.structure_sources.source import StructureContext
from seal_sdk.generation.subject_planner import Mask, SubjectPlanner, latent_coverage
from seal_sdk.generation.subjects import SubjectInfusion
from seal_sdk.identity import Identity


@dataclass(frozen=True, eq=False)
class ImagePlan:
    """One image: its rows' conditioning and what steers it. What is None does not take part.

    region: (1, 1, h, w) in [0, 1], how much of each latent the subjects cover; None where nobody knows.
    """

    generation: Conditioning
    uncond: Conditioning | None = None
    appearance: Conditioning | None = None
    structure: StructureGuide = field(default_factory=StructureGuide)
    subjects: tuple[SubjectInfusion, ...] = ()
    region: Tensor | None = None


class Planner:
    """Makes the plans of one call's images; what is the same for several of them is made once."""

    def __init__(self, call: Call) -> None:
        self.call, self.source = call, structure_source(call.settings.structure.control)
        # Cached functions hold no reference to the planner, so that it is freed with the call.
        aligner = StructureAligner(call.settings.sampling.size[::-1], call.settings.alignment, call.segmenter)
        self._align = cache(partial(_align, call, aligner))
        self._single = cache(partial(_encode_single, call))
        self._pair = cache(partial(_encode_pair, call, self._single))
        self._images = cache(partial(_encode_images, call))
        self._latents = cache(partial(_encode_structure, call))

    def align(self, request: Request) -> AlignedStructure | None:
        """The request's structure image on the canvas, None where there is none or it does not count."""
        if request.structure.image is None or not self.source.uses_image:
            return None
        with self.call.meter.phase("align"):
            return self._align(request.structure, sole_identity(request.subjects))

    def plan(self, request: Request, structure: AlignedStructure | None, planner: SubjectPlanner | None) -> ImagePlan:
        """The plan of one image. planner: of its subjects, None where nothing is infused."""
        subjects, bridge = request.subjects, self.call.settings.delta_bridge
        bridged = bool(subjects) and bridge.strength > 0
        prompt, options = request.prompt, request.options
        if bridged and bridge.quality:
            prompt, options = prompt and f"{prompt}, {bridge.quality}", options.with_suffix(bridge.quality)
        masks = self._masks(subjects, structure)
        with self.call.meter.phase("encode_prompt"):
            images = self._images()
            uncond, generation = self._pair(prompt, request.negative_prompt, options)
        reference_prompt = " and ".join(each.identity.prompt for each in subjects)
        return ImagePlan(
            images.with_images(generation),
            uncond and images.without_images(uncond),
            images.with_images(self._single(reference_prompt, options.for_other_prompt())) if bridged else None,
            self._guide(request, structure),
            tuple(
                planner.plan(each, mask, _others(each, subjects), request.prompt)
                for each, mask in zip(subjects, masks, strict=True)
                if planner is not None
            ),
            self._region(masks),
        )

    def _masks(self, subjects: Sequence[SubjectBinding], structure: AlignedStructure | None) -> list[Mask | None]:
        """Where each subject is to be, None where nobody knows."""
        if subjects and sole_identity(subjects) is None:
            canvas = self.call.settings.sampling.size[::-1]
            return [*region_masks(subjects, canvas, None if structure is None else structure.image)]
        return [None if structure is None else structure.mask for _ in subjects]

    def _region(self, masks: Sequence[Mask | None]) -> Tensor | None:
        known = [mask for mask in masks if mask is not None]
        return latent_coverage(self.call.backbone, np.any(known, axis=0), self.call.latent_size) if known else None

    def _guide(self, request: Request, structure: AlignedStructure | None) -> StructureGuide:
        """What steers the image's structure."""
        if structure is None:
            return StructureGuide()
        latents = None
        if self.source.needs_latents:
            with self.call.meter.phase("encode_structure"):
                latents = self._latents(structure)
        conditioning = (
            self._single(request.structure_prompt, request.options.for_other_prompt())
            if request.structure_prompt
            else self._single(request.prompt, request.options)
        )
        backbone, settings = self.call.backbone, self.call.settings.structure
        return self.source.guide(
            StructureContext(
                backbone,
                settings,
                structure.image,
                request.generator,
                self._images().without_images(conditioning),
                latents,
            )
        )


def _others(subject: SubjectBinding, subjects: Sequence[SubjectBinding]) -> tuple[str, ...]:
    """The reference prompts of an image's other subjects."""
    return tuple(each.identity.prompt for each in subjects if each is not subject)


def _align(call: Call, aligner: StructureAligner, given: StructureInput, identity: Identity | None) -> AlignedStructure:
    return aligner.align(given, identity, identity is not None and call.settings.needs_subject_mask)


def _encode_single(call: Call, prompt: str | None, options: PromptOptions) -> Conditioning:
    sampling = call.settings.sampling
    options = replace(options, lora_scale=sampling.lora_scale)
    return call.backbone.encode_prompt(prompt, sampling.size, clip_skip=sampling.clip_skip, options=options)


def _encode_pair(
    call: Call,
    encode_single: Callable[[str | None, PromptOptions], Conditioning],
    prompt: str | None,
    negative: str | None,
    options: PromptOptions,
) -> tuple[Conditioning | None, Conditioning]:
    """(unconditional, conditional); None where there is no guidance."""
    if not call.guided:
        return None, encode_single(prompt, options)
    sampling = call.settings.sampling
    options = replace(options, lora_scale=sampling.lora_scale)
    return call.backbone.encode_prompt_pair(
        prompt, negative, sampling.size, clip_skip=sampling.clip_skip, options=options
    )


def _encode_images(call: Call) -> ImageEmbeds:
    return call.backbone.ip_adapters.encode(call.settings.sampling.image_prompt, call.guided)


def _encode_structure(call: Call, structure: AlignedStructure) -> Tensor:
    return call.backbone.encode_image(structure.image)
