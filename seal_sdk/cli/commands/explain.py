"""``seal explain``: show which places of the reference an image took its appearance from.

The image is generated again from its settings, with match maps.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seal_sdk.cli.exit_codes import Failure
from seal_sdk.cli.options import (
    IMAGE,
    IMAGE_FILE,
    ModelOptions,
    check_output,
    json_option,
    model_options,
    open_store,
    store_option,
)
from seal_sdk.cli.output import print_json

if TYPE_CHECKING:
    from seal_sdk import Generation, Identity, IdentitySession


@click.command("explain")
@click.argument("image", type=IMAGE_FILE)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="PNG of the match maps."
)
@click.option("--structure", type=IMAGE, help="The structure image that it followed, if it did.")
@click.option("--structure-mask", type=IMAGE, help="The mask of its subject, if it was drawn with one.")
@click.option("--image", "into", type=IMAGE, help="The picture that it was drawn into, if it was.")
@click.option("--mask-image", type=IMAGE, help="The mask of that picture, if there was one.")
@click.option("--layer", default="", help="Only layers whose name contains this, such as up_blocks.1.")
@click.option("--step", type=click.IntRange(0), help="Only this denoising step, from 0.")
@click.option("-y", "--yes", is_flag=True, help="Overwrite the output.")
@model_options
@store_option
@json_option
def command(
    image: Path,
    output: Path,
    structure: Path | str | None,
    structure_mask: Path | str | None,
    into: Path | str | None,
    mask_image: Path | str | None,
    layer: str,
    step: int | None,
    yes: bool,
    model: ModelOptions,
    root: str | None,
    as_json: bool,
) -> None:
    """Show which places of the reference a drawn IMAGE took its appearance from.

    In the upper row, equal colours mark places of the reference and the image that were matched. Below: how often
    each place was infused, and how similar the matches were.
    """
    from seal_sdk.images import read_settings

    check_output(output, yes)
    settings = read_settings(image)
    _check_explainable(image, settings, structure)
    _check_pictures(image, settings, {"image": into, "mask_image": mask_image})

    from PIL import Image

    from seal_sdk.images import fetch_images
    from seal_sdk.match_maps import stack

    pictures = fetch_images([structure, structure_mask, into, mask_image])
    identities = open_store(root)
    digests = [each["digest"] for each in settings.get("references") or [settings["identity"]]]
    for digest in digests:
        identities.resolve(digest)  # mistakes are reported before a model is loaded
    with model.open(identities) as session:
        references = tuple(session.identities[digest] for digest in digests)
        drawn = redraw(session, settings, references, *pictures)
        (shown,) = drawn.maps(layer=layer, step=step)
        same = drawn.image.tobytes() == Image.open(image).convert("RGB").tobytes()
        shown.draw(stack([each.image for each in references]), drawn.image).save(output, format="PNG")
    if not same:
        click.echo(f"Warning: drawn anew, {image} differs; the maps are those of the new drawing.", err=True)
    facts = {"output": str(output), "same": same, "coverage": drawn.coverage[0], "layers_and_steps": len(shown.matches)}
    if as_json:
        print_json(facts)
        return
    click.echo(f"{output}: {len(shown.matches)} layers and steps, {drawn.coverage[0]:.0%} of the tokens infused.")


def _check_explainable(image: Path, settings: dict[str, Any], structure: Path | str | None) -> None:
    """Raise Failure or UsageError for an image that cannot be drawn again from these settings."""
    if settings.get("identities"):
        raise Failure(f"{image} shows several identities: use generate(..., match_maps=True) and maps(identity=...).")
    if settings["identity"] is None or settings["seed"] is None:
        raise Failure(f"{image} was drawn without an identity, or with noise of its own: nothing can be explained.")
    if settings.get("embeds"):
        raise Failure(f"{image} was drawn from embeddings, which it does not hold: use generate(..., match_maps=True).")
    if settings.get("ip_adapter") or set(settings.get("cross_attention_kwargs") or {}) - {"scale"}:
        raise Failure(
            f"{image} was drawn with an IP-Adapter or attention processors of its own, which a new session does not have: use "
            "generate(..., match_maps=True)."
        )
    if settings["structure"] is not None and settings.get("structure_control", {}).get("control") == "controlnet":
        raise Failure(f"{image} followed a ControlNet, which it does not hold: use generate(..., match_maps=True).")
    if settings["structure"] is not None and structure is None:
        raise click.UsageError(f"{image} followed a structure image: give it with --structure.")


def _check_pictures(image: Path, settings: dict[str, Any], given: dict[str, Path | str | None]) -> None:
    """Raise Failure for latents, which no file holds, and UsageError for a picture or mask that is missing."""
    if settings.get("latents_given"):
        raise Failure(f"{image} was drawn from latents, which it does not hold: use generate(..., match_maps=True).")
    for name, path in given.items():
        if settings.get(name) is not None and path is None:
            raise click.UsageError(
                f"{image} was drawn into a picture: give it with --image, and its mask with --mask-image."
            )


def redraw(
    session: IdentitySession,
    settings: dict[str, Any],
    references: tuple[Identity, ...],
    structure: Any,
    structure_mask: Any = None,
    image: Any = None,
    mask_image: Any = None,
) -> Generation:
    """Generate the image of these settings again, with match maps."""
    from seal_sdk import Alignment, Appearance, DeltaBridge, Structure

    same = ("structure_prompt", "negative_prompt", "num_inference_steps", "guidance_scale")
    size = ("guidance_rescale", "height", "width", "clip_skip", "seed")
    ids = [
        f"{row}{name}"
        for row in ("", "negative_")
        for name in ("original_size", "crops_coords_top_left", "target_size")
    ]
    later = (
        "guidance_interval",
        "timesteps",
        "sigmas",
        "eta",
        "prompt_2",
        "negative_prompt_2",
        "cross_attention_kwargs",
        "controlnet_conditioning_scale",
        "control_guidance_start",
        "control_guidance_end",
        "guess_mode",
        "control_mode",
        "adapter_conditioning_scale",
        "adapter_conditioning_factor",
        *ids,
        "aesthetic_score",
        "negative_aesthetic_score",
        "strength",
        "denoising_start",
        "denoising_end",
        "padding_mask_crop",
        "overlay",
    )  # images of earlier versions lack them
    alignment, box = settings["alignment"], settings["structure_box"]
    fill = alignment["fill"] if isinstance(alignment["fill"], str) else tuple(alignment["fill"])
    return session.generate(
        structure,
        settings["prompt"],
        image=image,
        mask_image=mask_image,
        identity=references,
        structure_box=box and tuple(box),
        structure_mask=structure_mask,
        **{key: settings[key] for key in same + size},
        **{key: settings[key] for key in later if key in settings},
        alignment=Alignment(alignment["enabled"], fill),
        appearance=Appearance(**settings["appearance"]),
        delta_bridge=DeltaBridge(**settings["delta_bridge"]),
        structure_control=Structure(**settings["structure_control"]),
        match_maps=True,
    )
