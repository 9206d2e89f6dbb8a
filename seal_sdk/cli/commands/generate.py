"""``seal generate``: draw a registered identity. Torch is imported only when it runs."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from seal_sdk.cli.options import (
    IMAGE,
    ModelOptions,
    check_output,
    json_option,
    model_options,
    open_store,
    preset_option,
    store_option,
)
from seal_sdk.cli.output import print_json
from seal_sdk.cli.parsing import Box, parse_box

NOTICEABLE = 0.2  # seconds of waiting for the store that are worth telling


@click.command("generate")
@click.argument("name")
@click.option("--prompt", required=True, help="What the new image shows, such as 'a photo of a tiger on snow'.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    required=True,
    help="PNG to write; its settings travel in it.",
)
@click.option("--structure", type=IMAGE, help="Image whose pose and layout to follow.")
@click.option("--structure-prompt", help="What the structure image shows, such as 'a mesh of a tiger'.")
@click.option("--structure-box", callback=parse_box, metavar="X0,Y0,X1,Y1", help="Its subject, in its pixels.")
@click.option("--structure-mask", type=IMAGE, help="Its subject as an image: white on black, or a cut-out.")
@click.option("--image", type=IMAGE, help="Picture to put it into.")
@click.option("--mask-image", type=IMAGE, help="White where that is painted; else all of it is drawn anew.")
@click.option("--strength", type=float, help="How much of the picture is drawn anew, above 0 and up to 1.")
@click.option("--negative-prompt", help="What the image should not show.")
@click.option("--seed", type=click.IntRange(0), help="Drawn and printed where not given.")
@click.option("--steps", type=click.IntRange(1), help="Denoising steps.")
@click.option("--guidance-scale", type=float, help="How strongly to follow the prompt.")
@click.option(
    "--guidance-interval",
    type=click.FloatRange(0, 1),
    nargs=2,
    default=(0, 1),
    metavar="START END",
    help="Shares of sampling between which guidance acts, such as 0.2 0.8: the other steps cost a row less.",
)
@click.option("--height", type=int, help="In pixels; the model's own where not given.")
@click.option("--width", type=int, help="In pixels; the model's own where not given.")
@preset_option
@click.option("-y", "--yes", is_flag=True, help="Overwrite the output.")
@model_options
@store_option
@json_option
def command(
    name: str,
    prompt: str,
    output: Path,
    structure: Path | str | None,
    structure_prompt: str | None,
    structure_box: Box | None,
    structure_mask: Path | str | None,
    image: Path | str | None,
    mask_image: Path | str | None,
    strength: float | None,
    negative_prompt: str | None,
    seed: int | None,
    steps: int | None,
    guidance_scale: float | None,
    guidance_interval: tuple[float, float],
    height: int | None,
    width: int | None,
    preset: str,
    yes: bool,
    model: ModelOptions,
    root: str | None,
    as_json: bool,
) -> None:
    """Draw a registered identity in a new pose on a new scene, or into a picture."""
    check_output(output, yes)

    from seal_sdk.images import fetch_images, read_image, read_mask

    identities = open_store(root)
    identities.resolve(name)  # mistakes are reported before a model is loaded
    picture, mask, into, into_mask = fetch_images([structure, structure_mask, image, mask_image])
    for given, read in ((picture, read_image), (mask, read_mask), (into, read_image), (into_mask, read_mask)):
        if given is not None:
            read(given)
    with model.open(identities, preset=preset, guidance_interval=guidance_interval) as session:
        started = time.perf_counter()
        generation = session.generate(
            picture,
            prompt,
            identity=name,
            structure_prompt=structure_prompt,
            structure_box=structure_box,
            structure_mask=mask,
            image=into,
            mask_image=into_mask,
            strength=strength,
            negative_prompt=negative_prompt,
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            height=height,
            width=width,
            seed=seed,
        )
        seconds = time.perf_counter() - started
        memory = session.memory
    generation.image.save(output, format="PNG")
    if as_json:
        facts = {"output": str(output), "settings": generation.settings[0], "seconds": seconds}
        facts |= {"timings": generation.timings, "coverage": generation.coverage[0], "unet_rows": generation.unet_rows}
        print_json({**facts, "reads": generation.reads, "restored": generation.restored, "memory": asdict(memory)})
        return
    waited = generation.timings["store_wait"]
    late = f", {waited:.1f} of them waiting for the store" if waited >= NOTICEABLE else ""
    click.echo(
        f"{output}: seed {generation.seeds[0]}, {generation.coverage[0]:.0%} of the tokens infused, {seconds:.1f} s{late}."
    )
