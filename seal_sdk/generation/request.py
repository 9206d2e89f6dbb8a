"""From the arguments of one ``generate`` call, single values or lists, to one request per image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from typing import Any

import torch

from seal_sdk.backbone.base import Backbone
from seal_sdk.backbone.prompt_embeds import NO_EMBEDS, PromptEmbeds
from seal_sdk.backbone.prompt_options import OWN_SIZE, PromptOptions, SizeIds
from seal_sdk.backbone.prompts import check_prompt, warn_of_foreign_syntax
from seal_sdk.errors import InputError, PromptError
from seal_sdk.generation.picture import PictureInput
from seal_sdk.generation.regions import SubjectBinding
from seal_sdk.generation.settings import Settings, is_guided
from seal_sdk.generation.structure import StructureInput
from seal_sdk.generation.structure_sources import structure_source
from seal_sdk.identity import Identity
from seal_sdk.images import fetch_images, image_batch

MAX_SEED = 2**63
IMAGES = ("structure", "structure_mask")
"""The arguments that are images."""


@dataclass(frozen=True, eq=False)
class ImageArguments:
    """The arguments of ``generate`` of which each image has its own: single values, or lists of one length.

    structure, structure_mask: also arrays (N, H, W, C) and tensors (N, C, H, W).
    """

    structure: Any
    prompt: Any
    identity: Any = None
    structure_prompt: Any = None
    structure_box: Any = None
    structure_mask: Any = None
    negative_prompt: Any = None
    prompt_2: Any = None
    negative_prompt_2: Any = None
    picture: list[PictureInput] | None = None
    size_ids: SizeIds = OWN_SIZE
    embeds: list[PromptEmbeds] | None = None


@dataclass(frozen=True, eq=False)
class NoiseArguments:
    """Where the images' noise comes from.

    seed: an int (further images take the following numbers) or a list with one per image. generator: instead of a seed, a list of
    torch.Generator with one per image, or a single one from which all images' noise is drawn at once, as in diffusers. draw_seed: gives
    a seed where none is given.
    """

    seed: Any
    generator: Any
    images_per_prompt: int
    draw_seed: Callable[[], int]


@dataclass(frozen=True, eq=False)
class Request:
    """What one image asks for. prompt: None where ``options`` has its embeddings.

    subjects: none where nothing is taken from a reference. seed: None where ``generator`` is the caller's. shared_generator: whether one
    draw from ``generator`` makes the noise of all images. picture: what it is drawn into.
    """

    structure: StructureInput
    prompt: str | None
    subjects: tuple[SubjectBinding, ...]
    structure_prompt: str | None
    negative_prompt: str | None
    options: PromptOptions
    seed: int | None
    generator: torch.Generator
    shared_generator: bool = False
    picture: PictureInput | None = None

    @property
    def prompts(self) -> list[str]:
        """What its text encoders read."""
        return [text for text in (self.prompt, self.options.prompt_2) if text]

    @property
    def texts(self) -> list[str | None]:
        """Everything that the caller wrote."""
        return [*self.prompts, self.negative_prompt, self.structure_prompt]

    def has_words(self, guided: bool, zeros_empty_negative: bool) -> bool:
        """Whether something of it has to be encoded, with guidance also for want of a negative prompt."""
        negatives = (self.negative_prompt, self.options.negative_prompt_2)
        reads_negative = any(text is not None for text in negatives) or not zeros_empty_negative
        encodes_negative = guided and reads_negative and "negative_prompt_embeds" not in self.options.embeds.given
        return bool(self.prompts) or self.structure_prompt is not None or encodes_negative

    @property
    def identities(self) -> list[Identity]:
        """Every reference of every subject."""
        return [each for subject in self.subjects for each in subject.references]


def check_requests(backbone: Backbone, settings: Settings, requests: Sequence[Request]) -> None:
    """Raise InputError or UnsupportedModel for what the model or the source of structure lacks; warn of texts that it reads otherwise."""
    _check_regions(requests)
    source = structure_source(settings.structure.control)
    for structure in {request.structure for request in requests}:
        source.check_images(backbone, (settings.structure, settings.control), structure.images)
    for options in {request.options for request in requests}:
        backbone.check_options(options)
    guided = is_guided(backbone, settings.sampling)
    if any(request.has_words(guided, backbone.words.zeros_empty_negative) for request in requests):
        backbone.words.check()
    warn_of_foreign_syntax(text for request in requests for text in request.texts)
    for text in {text for request in requests for text in request.prompts}:
        backbone.warn_if_truncated(text)


def _check_regions(requests: Sequence[Request]) -> None:
    """Raise InputError for regions in pixels of an image of which only a crop is drawn."""
    for request in requests:
        cropped = request.picture is not None and request.picture.padding is not None
        if cropped and any(subject.region is not None for subject in request.subjects):
            raise InputError(
                "identity={...} gives regions in pixels of the image to draw, which padding_mask_crop= makes a crop: leave one of them out."
            )


def generators_of(requests: Sequence[Request]) -> list[torch.Generator]:
    """One per image, or the only one where all images' noise is drawn at once."""
    if requests[0].shared_generator:
        return [requests[0].generator]
    return [request.generator for request in requests]


def check_reference_prompt(prompt: Any) -> None:
    """Raise PromptError unless these are words; warn of other tools' syntax."""
    check_prompt(prompt)
    warn_of_foreign_syntax([prompt])


def _check_either(columns: dict[str, list[Any]]) -> None:
    """Raise InputError where words and their embeddings are both given."""
    for words in ("prompt", "prompt_2", "negative_prompt", "negative_prompt_2"):
        embeds = f"{words.removesuffix('_2')}_embeds"
        if any(text is not None for text in columns[words]) and not _lacks(columns, embeds):
            raise InputError(f"Give {words}= or {embeds}=, not both.")


def _lacks(columns: dict[str, list[Any]], name: str) -> bool:
    """Whether no embeddings of this name are given."""
    return all(each is None or name not in each.given for each in columns["embeds"])


def _check_second(prompt: Any, what: str) -> None:
    if prompt is not None and not isinstance(prompt, str):
        raise PromptError(f"{what}={prompt!r}: expected words, or None for those of the first text encoder.")


def as_list(value: Any) -> list[Any]:
    """A list as it is, anything else as a list of one."""
    return list(value) if isinstance(value, list) else [value]


def make_requests(
    arguments: ImageArguments, noise: NoiseArguments, bind: Callable[[Any], tuple[SubjectBinding, ...]]
) -> list[Request]:
    """One request per image, prompt-major as in diffusers. Lists must have one length; single values and lists of one go with all.

    bind: the subjects that an ``identity`` stands for. Raises InputError or PromptError, and whatever ``bind`` raises.
    """
    if type(noise.images_per_prompt) is not int or noise.images_per_prompt < 1:
        raise InputError(f"num_images_per_prompt={noise.images_per_prompt!r}: expected an integer >= 1.")
    columns = {
        each.name: (image_batch if each.name in IMAGES else as_list)(getattr(arguments, each.name))
        for each in fields(arguments)
    }
    _check_either(columns)
    for text in columns["prompt"] if _lacks(columns, "prompt_embeds") else []:
        check_prompt(text)
    for name in ("prompt_2", "negative_prompt_2"):
        for text in columns[name]:
            _check_second(text, name)
    count = _common_length(columns, _seeds_given(noise), noise.images_per_prompt)
    total = count * noise.images_per_prompt
    drawn = _noise(noise, total)
    table = _Table({**columns, **{name: fetch_images(columns[name]) for name in IMAGES}})
    return [table.request(number // noise.images_per_prompt, *drawn[number], bind) for number in range(total)]


class _Table:
    """Columns of arguments. A structure image that several images share is one `StructureInput`, so that it is aligned once."""

    def __init__(self, columns: dict[str, list[Any]]) -> None:
        self._columns = columns
        self._structure = cache(partial(_structure, columns))

    def _value(self, name: str, row: int) -> Any:
        values = self._columns[name]
        return values[0 if len(values) == 1 else row]

    def _first(self, name: str, row: int) -> int:
        """The first row with the very same object."""
        value = self._value(name, row)
        return next(number for number, each in enumerate(self._columns[name]) if each is value)

    def request(
        self,
        row: int,
        seed: int | None,
        generator: torch.Generator,
        shared_generator: bool,
        bind: Callable[[Any], tuple[SubjectBinding, ...]],
    ) -> Request:
        names = ("structure", "structure_box", "structure_mask")
        picture = self._value("picture", row)
        return Request(
            self._structure(*(self._first(name, row) for name in names)),
            self._value("prompt", row),
            bind(self._value("identity", row)),
            self._value("structure_prompt", row),
            self._value("negative_prompt", row),
            PromptOptions(
                self._value("prompt_2", row),
                self._value("negative_prompt_2", row),
                self._value("size_ids", row),
                self._value("embeds", row) or NO_EMBEDS,
                has_picture=picture is not None,
            ),
            seed,
            generator,
            shared_generator,
            picture,
        )


def _structure(columns: dict[str, list[Any]], image: int, box: int, mask: int) -> StructureInput:
    """The structure input of these rows of its columns. A tuple is several images of one picture."""
    given = columns["structure"][image]
    images = given if isinstance(given, tuple) else (given,)
    if not images:
        raise InputError("structure=(): expected the images of one picture, or None for none.")
    first, *others = images
    return StructureInput(first, columns["structure_box"][box], columns["structure_mask"][mask], tuple(others))


def _seeds_given(noise: NoiseArguments) -> int:
    given = noise.seed if isinstance(noise.seed, list) else noise.generator
    return len(given) if isinstance(given, list) else 1


def _common_length(columns: dict[str, list[Any]], seeds_given: int, images_per_prompt: int) -> int:
    lengths = {name: len(values) for name, values in columns.items() if len(values) != 1}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        found = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise InputError(f"Lists of one batch must have the same length and not be empty, got {found}.")
    if lengths:
        return next(iter(lengths.values()))
    return max(seeds_given // images_per_prompt, 1)


def _noise(given: NoiseArguments, total: int) -> list[tuple[int | None, torch.Generator, bool]]:
    """Seed and generator of each image, and whether the images share the generator."""
    seed, generator = given.seed, given.generator
    if seed is not None and generator is not None:
        raise InputError("Give seed= or generator=, not both.")
    if generator is not None:
        shared = total > 1 and not isinstance(generator, list)
        return [(None, each, shared) for each in _check_generators([generator] * total if shared else generator, total)]
    if isinstance(seed, list):
        if len(seed) != total:
            raise InputError(f"{total} images need {total} seeds, got {len(seed)}.")
        seeds = [_check_seed(each) for each in seed]
    else:
        first = given.draw_seed() if seed is None else _check_seed(seed)
        seeds = [first + number for number in range(total)]
    return [(each, torch.Generator("cpu").manual_seed(each), False) for each in seeds]


def _check_generators(generator: Any, total: int) -> list[torch.Generator]:
    generators = as_list(generator)
    if len(generators) != total:
        raise InputError(
            f"{total} images need {total} generators (one each, so that a batch draws what single calls draw), or one generator that is "
            f"not in a list, for all of them; got a list of {len(generators)}."
        )
    if not all(isinstance(each, torch.Generator) for each in generators):
        raise InputError(f"generator={generator!r}: expected a torch.Generator or a list of them.")
    return generators


def _check_seed(seed: Any) -> int:
    number = None if isinstance(seed, bool) or not hasattr(seed, "__index__") else int(seed.__index__())
    if number is None or not 0 <= number < MAX_SEED:
        raise InputError(f"seed={seed!r}: expected an integer from 0 to 2**63 - 1, or a list of them.")
    return number
