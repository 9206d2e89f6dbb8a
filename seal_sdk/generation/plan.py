"""The plan of one image: everything that the denoising loop needs, prepared before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, same_or
from seal_sdk.backbone.image_prompt import ImageEmbeds
from seal_sdk.backbone.prompt_options import PromptOptions
from seal_sdk.generation.call import Call
from seal_sdk.generation.in_place import align_in_place, is_same_picture
from seal_sdk.generation.painting import Painting, place_picture
from seal_sdk.generation.picture import PictureInput
from seal_sdk.generation.prompt_edits import SubjectPrompt
from seal_sdk.generation.prompts import encode_pair, encode_prompt
from seal_sdk.generation.regions import (
    SubjectBinding,
    joint_prompt,
    other_prompts,
    region_masks,
    sole_identity,
    within,
)
from seal_sdk.generation.request import Request
from seal_sdk.generation.structure import AlignedStructure, Anchor, StructureAligner, StructureInput
from seal_sdk.generation.structure_sources import StructureGuide, StructureSource, structure_source
from seal_sdk.generation.structure_sources.source import EncodedStructure, StructureContext
from seal_sdk.generation.structure_tensors import as_given
from seal_sdk.generation.subject_infusion import SubjectInfusion
from seal_sdk.generation.subject_planner import Mask, Place, SubjectPlanner, region_place, subject_region
from seal_sdk.identity import Identity


@dataclass(frozen=True, eq=False)
class ImagePlan:
    """One image: its rows' conditioning and what steers it. What is None does not take part.

    region: (1, 1, h, w) in [0, 1], how much of each latent the subjects cover; None where nobody knows.
    appearance: the very object ``generation`` where both say the same; step callbacks may change that.
    """

    generation: Conditioning
    uncond: Conditioning | None = None
    appearance: Conditioning | None = None
    structure: StructureGuide = field(default_factory=StructureGuide)
    subjects: tuple[SubjectInfusion, ...] = ()
    region: Tensor | None = None

    @property
    def is_bridged(self) -> bool:
        """Whether Delta-Bridge has two rows that differ."""
        return self.appearance is not None and self.appearance is not self.generation


@dataclass(frozen=True, eq=False)
class Canvas:
    """What an image is drawn on: the picture that it is drawn into, and its structure image; None where there is none."""

    painting: Painting | None = None
    structure: AlignedStructure | None = None

    @property
    def region(self) -> Mask | None:
        """(H, W) what is painted; None: everything."""
        return None if self.painting is None else self.painting.region


class Planner:
    """Makes the plans of one call's images; what is the same for several of them is made once."""

    def __init__(self, call: Call) -> None:
        self.call, self.source = call, structure_source(call.settings.structure.control)
        # Cached functions hold no reference to the planner, so that it is freed with the call.
        aligner = StructureAligner(
            call.settings.sampling.size[::-1], call.settings.alignment, call.segmenter, call.input_cache.subjects
        )
        self._place = cache(partial(_place, call))
        self._align = cache(partial(_align, call, aligner))
        self._single = cache(partial(_encode_single, call))
        self._pair = cache(partial(_encode_pair, call))
        self._images = cache(partial(_encode_images, call))
        self._encoded = cache(partial(_encode_structure, call, self.source))

    def place(self, request: Request) -> Painting | None:
        """The request's picture on the canvas, None where there is none. Raises InputError."""
        return None if request.picture is None else self._place(request.picture)

    def align(self, request: Request, painting: Painting | None) -> AlignedStructure | None:
        """The request's structure image on the canvas, None where there is none or it does not count."""
        if request.structure.image is None or not self.source.uses_image:
            return None
        with self.call.meter.phase("align"):
            return self._align(request.structure, painting, sole_identity(request.subjects), bool(request.subjects))

    def plan(self, request: Request, canvas: Canvas, planner: SubjectPlanner | None) -> ImagePlan:
        """The plan of one image. planner: of its subjects, None where nothing is infused."""
        structure = canvas.structure
        subjects, bridge = request.subjects, self.call.settings.delta_bridge
        bridged = bool(subjects) and bridge.strength > 0
        prompt, options = request.prompt, request.options
        if bridged and bridge.quality:
            prompt, options = prompt and f"{prompt}, {bridge.quality}", options.with_suffix(bridge.quality)
        places = self._places(subjects, canvas)
        with self.call.meter.phase("encode_prompt"):
            images = self._images()
            uncond, generation = self._pair(prompt, request.negative_prompt, options)
            generation = images.with_images(generation)
        return ImagePlan(
            generation,
            uncond and images.without_images(uncond),
            self._appearance(generation, subjects, options) if bridged else None,
            self._guide(request, structure),
            tuple(
                planner.plan(
                    each, place, SubjectPrompt(request.prompt, request.negative_prompt, other_prompts(each, subjects))
                )
                for each, place in zip(subjects, places, strict=True)
                if planner is not None
            ),
            subject_region(self.call, places),
        )

    def _appearance(
        self, generation: Conditioning, subjects: Sequence[SubjectBinding], options: PromptOptions
    ) -> Conditioning:
        """The appearance row's conditioning."""
        appearance = self._single(joint_prompt(subjects), options.for_other_prompt())
        return same_or(generation, self._images().with_images(appearance))

    def _places(self, subjects: Sequence[SubjectBinding], canvas: Canvas) -> list[Place]:
        """Where each subject is to be. A picture's mask alone says where it can be: it may be wider than the subject."""
        structure = canvas.structure
        if subjects and sole_identity(subjects) is None:
            size = self.call.settings.sampling.size[::-1]
            masks = region_masks(subjects, size, None if structure is None else structure.image)
            return [
                region_place(each, within(mask, canvas.region, each.identity.name), structure is not None)
                for each, mask in zip(subjects, masks, strict=True)
            ]
        mask = None if structure is None else structure.mask
        return [Place(mask, canvas.region if mask is None else None) for _ in subjects]

    def _guide(self, request: Request, structure: AlignedStructure | None) -> StructureGuide:
        """What steers the image's structure."""
        if structure is None:
            return StructureGuide()
        with self.call.meter.phase("encode_structure"):
            encoded = self._encoded(structure)
        conditioning = (
            self._single(request.structure_prompt, request.options.for_other_prompt())
            if request.structure_prompt
            else self._single(request.prompt, request.options)
        )
        conditioning = self._images().without_images(conditioning)
        return self.source.guide(StructureContext(encoded, request.generator, conditioning))


def _place(call: Call, picture: PictureInput) -> Painting:
    return place_picture(call.backbone, picture, call.settings.sampling.size)


def _align(
    call: Call,
    aligner: StructureAligner,
    given: StructureInput,
    painting: Painting | None,
    identity: Identity | None,
    has_subjects: bool,
) -> AlignedStructure:
    """identity: the one that has the whole image. has_subjects: whether regions may be given for several."""
    needs_mask = identity is not None and call.settings.needs_subject_mask
    moves = aligner.alignment.enabled and (
        identity is not None or (painting is not None and painting.region is not None)
    )
    if structure_source(call.settings.structure.control).takes_tensors and not needs_mask and not moves:
        unchanged = as_given(given, aligner.canvas)
        if unchanged is not None:
            return unchanged
    if painting is None or painting.region is None:
        anchor = None if identity is None else Anchor.of(identity, aligner.canvas)
        return aligner.align(given, anchor, needs_mask)
    if is_same_picture(given, painting):
        return align_in_place(aligner, given, painting, needs_mask)
    several = has_subjects and identity is None
    anchor = None if several or painting.box is None else Anchor(painting.box, within=True)
    return aligner.align(given, anchor, needs_mask, painting.region)


def _encode_single(call: Call, prompt: str | None, options: PromptOptions) -> Conditioning:
    sampling = call.settings.sampling
    return encode_prompt(call, prompt, sampling.size, replace(options, lora_scale=sampling.lora_scale))


def _encode_pair(
    call: Call, prompt: str | None, negative: str | None, options: PromptOptions
) -> tuple[Conditioning | None, Conditioning]:
    """(unconditional, conditional); None where there is no guidance."""
    if not call.guided:
        return None, _encode_single(call, prompt, options)
    sampling = call.settings.sampling
    return encode_pair(call, prompt, negative, sampling.size, replace(options, lora_scale=sampling.lora_scale))


def _encode_images(call: Call) -> ImageEmbeds:
    return call.backbone.ip_adapters.encode(call.settings.sampling.image_prompt, call.guided)


def _encode_structure(call: Call, source: StructureSource, structure: AlignedStructure) -> EncodedStructure:
    return source.encode(call.backbone, structure, (call.settings.structure, call.settings.control))
