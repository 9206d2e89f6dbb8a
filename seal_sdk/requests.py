"""Turning the arguments of one ``generate`` call, single values or lists, into one request per image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from seal_sdk.backbone.plan import Method
from seal_sdk.errors import ConfigError, InputError, PromptError, UnsupportedModel

MAX_SEED = 2**63
OUTPUT_TYPES = ("pil", "np", "pt", "latent")


@dataclass(frozen=True)
class Request:
    """What one image asks for. structure: an image source or None. seed: None where ``generator`` draws the noise."""

    structure: Any
    prompt: str
    identity: Any
    structure_prompt: str | None
    structure_box: tuple[float, float, float, float] | None
    structure_mask: Any
    negative_prompt: str | None
    seed: int | None
    generator: torch.Generator


def check_prompt(prompt: Any, what: str = "prompt") -> str:
    """The prompt itself. Raises PromptError unless it is a string with something in it."""
    if not isinstance(prompt, str) or not prompt.strip():
        raise PromptError(
            f"{what}={prompt!r}: expected words that say what the image shows, such as 'a photo of a cat on snow'."
        )
    return prompt


def as_list(value: Any) -> list[Any]:
    """A list as it is, anything else as a list of one."""
    return list(value) if isinstance(value, list) else [value]


def make_requests(
    *,
    structure: Any,
    prompt: Any,
    identity: Any,
    structure_prompt: Any,
    structure_box: Any,
    structure_mask: Any,
    negative_prompt: Any,
    seed: Any,
    generator: Any,
    images_per_prompt: int,
    draw_seed: Any,
) -> list[Request]:
    """One request per image, prompt-major as in diffusers. Lists must have one length; single values and lists of one go with all.

    seed: an int (further images take the following numbers) or a list with one per image. generator: a torch.Generator or a list with
    one per image, instead of a seed. draw_seed() gives a seed where none is given.
    """
    if type(images_per_prompt) is not int or images_per_prompt < 1:
        raise InputError(f"num_images_per_prompt={images_per_prompt!r}: expected an integer >= 1.")
    columns = {
        "structure": as_list(structure),
        "prompt": [check_prompt(text) for text in as_list(prompt)],
        "identity": as_list(identity),
        "structure_prompt": as_list(structure_prompt),
        "structure_box": as_list(structure_box),
        "structure_mask": as_list(structure_mask),
        "negative_prompt": as_list(negative_prompt),
    }
    seeds_given = len(seed) if isinstance(seed, list) else len(generator) if isinstance(generator, list) else 1
    count = _common_length(columns, seeds_given, images_per_prompt)
    total = count * images_per_prompt
    noise = _noise(seed, generator, total, draw_seed)
    return [
        Request(
            **{
                name: values[0 if len(values) == 1 else number // images_per_prompt] for name, values in columns.items()
            },
            seed=noise[number][0],
            generator=noise[number][1],
        )
        for number in range(total)
    ]


def _common_length(columns: dict[str, list[Any]], seeds_given: int, images_per_prompt: int) -> int:
    lengths = {name: len(values) for name, values in columns.items() if len(values) != 1}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        found = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise InputError(f"Lists of one batch must have the same length and not be empty, got {found}.")
    if lengths:
        return next(iter(lengths.values()))
    return max(seeds_given // images_per_prompt, 1)


def _noise(seed: Any, generator: Any, total: int, draw_seed: Any) -> list[tuple[int | None, torch.Generator]]:
    if seed is not None and generator is not None:
        raise InputError("Give seed= or generator=, not both.")
    if generator is not None:
        generators = as_list(generator)
        if len(generators) != total:
            raise InputError(
                f"{total} images need {total} generators (one each, so that a batch draws what single calls draw), got {len(generators)}."
            )
        if not all(isinstance(each, torch.Generator) for each in generators):
            raise InputError(f"generator={generator!r}: expected a torch.Generator or a list of them.")
        return [(None, each) for each in generators]
    if isinstance(seed, list):
        if len(seed) != total:
            raise InputError(f"{total} images need {total} seeds, got {len(seed)}.")
        seeds = [_check_seed(each) for each in seed]
    else:
        first = draw_seed() if seed is None else _check_seed(seed)
        seeds = [first + number for number in range(total)]
    return [(each, torch.Generator("cpu").manual_seed(each)) for each in seeds]


def _check_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or not 0 <= seed.__index__() < MAX_SEED:
        raise InputError(f"seed={seed!r}: expected an integer from 0 to 2**63 - 1, or a list of them.")
    return seed.__index__()


def check_call(
    pipe: Any,
    controlnet: Any,
    method: Method,
    output_type: str,
    steps: int | None,
    guidance_scale: float | None,
) -> None:
    """Raise InputError, ConfigError or UnsupportedModel for what a call cannot be drawn with."""
    if output_type not in OUTPUT_TYPES:
        raise InputError(f"output_type={output_type!r}: expected one of {', '.join(OUTPUT_TYPES)}.")
    if steps is not None and (type(steps) is not int or steps < 1):
        raise InputError(f"num_inference_steps={steps!r}: expected an integer >= 1.")
    if guidance_scale is not None and not 0 <= guidance_scale < 1000:
        raise InputError(f"guidance_scale={guidance_scale!r}: expected a number from 0 to 1000.")
    if getattr(pipe.unet.config, "encoder_hid_dim_type", None) == "ip_image_proj":
        raise UnsupportedModel(
            "An IP-Adapter is loaded, which needs an image of its own: call pipe.unload_ip_adapter() first."
        )
    if method.structure.control == "controlnet" and controlnet is None:
        raise ConfigError(
            "Structure(control='controlnet') needs a ControlNet: IdentitySession(..., controlnet='folder or hub id')."
        )


def check_regions(identities: Mapping[Any, Any], method: Method) -> None:
    """Raise InputError for regions that the settings would not keep apart."""
    if not identities or any(region is None for region in identities.values()):
        raise InputError(f"identity={dict(identities)!r}: give each identity a box (x0, y0, x1, y1) or a mask (H, W).")
    if method.appearance.gating == "none":
        raise InputError("Several identities need Appearance(gating='subject'): without it each would be everywhere.")
