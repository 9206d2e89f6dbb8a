"""``seal register``: register a reference image. Torch is imported only when it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import IMAGE, ModelOptions, json_option, model_options, preset_option, store_option
from seal_sdk.cli.output import print_json
from seal_sdk.cli.parsing import Box, parse_box, parse_timesteps
from seal_sdk.locations import store_location


@click.command("register")
@click.argument("image", type=IMAGE)
@click.option("--name", required=True, help="What to call the identity.")
@click.option("--prompt", required=True, help="What the image shows, such as 'a photo of a tiger'.")
@click.option("--box", callback=parse_box, metavar="X0,Y0,X1,Y1", help="The subject, in pixels, instead of asking SAM.")
@click.option("--mask", type=IMAGE, help="The subject as an image: white on black, or a cut-out.")
@click.option(
    "--timesteps", callback=parse_timesteps, help="'exact', a number of anchors, or a list such as 900,600,300."
)
@click.option("--steps", type=click.IntRange(1), help="Denoising steps of which 'exact' takes all timesteps.")
@click.option(
    "--tokens", type=click.Choice(["all", "subject"]), help="Store the whole reference, or its subject alone."
)
@click.option(
    "--quantization", type=click.Choice(["none", "int8"]), help="Store eight bits per number: half the bytes of fp16."
)
@preset_option
@model_options
@store_option
@json_option
def command(
    image: Path | str,
    name: str,
    prompt: str,
    box: Box | None,
    mask: Path | str | None,
    timesteps: str | int | list[int] | None,
    steps: int | None,
    tokens: str | None,
    quantization: str | None,
    preset: str,
    model: ModelOptions,
    root: str | None,
    as_json: bool,
) -> None:
    """Register a reference image. If it is already in the store, nothing is computed."""
    from seal_sdk.callbacks import HitNote
    from seal_sdk.images import fetch_images, read_picture, subject_mask
    from seal_sdk.segmentation import subject_from
    from store import valid_name

    note = HitNote()
    valid_name(name)  # mistakes are reported before a model is loaded
    picture, mask_picture = fetch_images([image, mask])
    reference = read_picture(picture)
    marked = subject_mask(reference, box, mask_picture)
    if box is not None or marked is not None:
        subject_from(reference.image, box=box, mask=marked)
    with model.open(store_location(root), preset=preset) as session:
        appearance = replace(
            session.appearance,
            tokens=tokens or session.appearance.tokens,
            quantization=quantization or session.appearance.quantization,
        )
        identity = session.register(
            picture,
            prompt=prompt,
            name=name,
            box=box,
            mask=mask_picture,
            timesteps=timesteps,
            num_inference_steps=steps,
            appearance=appearance,
            callbacks=[note],
        )
    if as_json:
        facts = {"name": name, "digest": identity.digest, "hit": note.hit, "bytes": identity.nbytes}
        print_json({**facts, "box": list(identity.box), "timesteps": list(identity.timesteps)})
        return
    how = "was already in the store" if note.hit else "registered"
    where = ",".join(f"{value:.0f}" for value in identity.box)
    size = human_size(identity.nbytes)
    click.echo(f"{name} {how}: {len(identity.timesteps)} timesteps, {size}, subject at {where}.")
