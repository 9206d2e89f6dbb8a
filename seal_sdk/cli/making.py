"""The commands that run a model: register, generate. Torch is imported only when they run."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import click

from seal_sdk.cli.options import Command, json_option, open_store, parse_box, parse_timesteps, store_option
from seal_sdk.cli.output import human_size, print_json
from seal_sdk.defaults import store_location

Box = tuple[float, float, float, float]
IMAGE = click.Path(path_type=Path)
NOTICEABLE = 0.2  # seconds of waiting for the store that a person should know of


def model_options(command: Command) -> Command:
    """Which model, on which device, in which precision."""
    for option in (
        click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto"),
        click.option("--accelerator", default="auto", show_default=True, help="auto, cpu, gpu, cuda:N or mps."),
        click.option(
            "--model",
            default="pocket",
            show_default=True,
            help="'pocket', a diffusers folder, a hub id or a .safetensors file.",
        ),
    ):
        command = option(command)
    return command


@click.command("register")
@click.argument("image", type=IMAGE)
@click.option("--name", required=True, help="What to call the identity.")
@click.option("--prompt", required=True, help="What the image shows, such as 'a photo of a tiger'.")
@click.option("--box", callback=parse_box, metavar="X0,Y0,X1,Y1", help="The subject, in pixels, instead of asking SAM.")
@click.option("--mask", type=IMAGE, help="The subject as an image: white on black.")
@click.option(
    "--timesteps", callback=parse_timesteps, help="'exact', a number of anchors, or a list such as 900,600,300."
)
@click.option(
    "--tokens", type=click.Choice(["all", "subject"]), help="Store the whole reference, or its subject alone."
)
@click.option(
    "--quantization", type=click.Choice(["none", "int8"]), help="Store eight bits per number: half the bytes of fp16."
)
@model_options
@store_option
@json_option
def register(
    image: Path,
    name: str,
    prompt: str,
    box: Box | None,
    mask: Path | None,
    timesteps: str | int | list[int] | None,
    tokens: str | None,
    quantization: str | None,
    model: str,
    accelerator: str,
    precision: str,
    root: str | None,
    as_json: bool,
) -> None:
    """Register a reference image. The second time it is already there and nothing is computed."""
    from seal_sdk import Callback, IdentitySession
    from seal_sdk.images import read_image
    from seal_sdk.subject import subject_from
    from store.names import valid_name

    hits: list[bool] = []

    class Listener(Callback):
        def on_register_end(self, session: object, identity: object, hit: bool) -> None:
            hits.append(hit)

    valid_name(name)  # what is wrong with the call is told before a model is loaded
    reference = read_image(image)
    drawn_mask = None if mask is None else read_image(mask).convert("L")
    if box is not None or mask is not None:
        subject_from(reference, box=box, mask=drawn_mask)
    with IdentitySession(model, store=store_location(root), accelerator=accelerator, precision=precision) as session:
        stored = {key: value for key, value in (("tokens", tokens), ("quantization", quantization)) if value}
        identity = session.register(
            reference,
            prompt=prompt,
            name=name,
            box=box,
            mask=drawn_mask,
            timesteps=timesteps,
            appearance=replace(session.appearance, **stored),
            callbacks=[Listener()],
        )
    if as_json:
        facts = {"name": name, "digest": identity.digest, "hit": hits[0], "bytes": identity.nbytes}
        print_json({**facts, "box": list(identity.box), "timesteps": list(identity.timesteps)})
        return
    how = "was already in the store" if hits[0] else "registered"
    where = ",".join(f"{value:.0f}" for value in identity.box)
    size = human_size(identity.nbytes)
    click.echo(f"{name} {how}: {len(identity.timesteps)} timesteps, {size}, subject at {where}.")


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
@click.option("--negative-prompt", help="What the image should not show.")
@click.option("--seed", type=click.IntRange(0), help="Drawn and printed where not given.")
@click.option("--steps", type=click.IntRange(1), help="Denoising steps.")
@click.option("--guidance-scale", type=float, help="How strongly to follow the prompt.")
@click.option("--height", type=int, help="In pixels; the model's own where not given.")
@click.option("--width", type=int, help="In pixels; the model's own where not given.")
@click.option("-y", "--yes", is_flag=True, help="Overwrite the output.")
@model_options
@store_option
@json_option
def generate(
    name: str,
    prompt: str,
    output: Path,
    structure: Path | None,
    structure_prompt: str | None,
    structure_box: Box | None,
    negative_prompt: str | None,
    seed: int | None,
    steps: int | None,
    guidance_scale: float | None,
    height: int | None,
    width: int | None,
    yes: bool,
    model: str,
    accelerator: str,
    precision: str,
    root: str | None,
    as_json: bool,
) -> None:
    """Draw a registered identity in a new pose, on a new scene."""
    check_output(output, yes)

    from seal_sdk import IdentitySession
    from seal_sdk.images import read_image

    identities = open_store(root)
    identities.resolve(name)  # what is wrong with the call is told before a model is loaded
    source = None if structure is None else read_image(structure)
    with IdentitySession(model, store=identities, accelerator=accelerator, precision=precision) as session:
        started = time.perf_counter()
        drawn = session.generate(
            source,
            prompt,
            identity=name,
            structure_prompt=structure_prompt,
            structure_box=structure_box,
            negative_prompt=negative_prompt,
            num_inference_steps=steps,
            guidance_scale=guidance_scale,
            height=height,
            width=width,
            seed=seed,
        )
        seconds = time.perf_counter() - started
    drawn.image.save(output, format="PNG")
    if as_json:
        facts = {"output": str(output), "settings": drawn.settings[0], "seconds": seconds}
        facts |= {"timings": drawn.timings, "coverage": drawn.coverage[0], "unet_rows": drawn.unet_rows}
        print_json({**facts, "reads": drawn.reads, "restored": drawn.restored})
        return
    waited = drawn.timings["store_wait"]
    late = f", {waited:.1f} of them waiting for the store" if waited >= NOTICEABLE else ""
    click.echo(
        f"{output}: seed {drawn.seeds[0]}, {drawn.coverage[0]:.0%} of the tokens infused, {seconds:.1f} s{late}."
    )


def check_output(output: Path, yes: bool) -> None:
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"{output} is no name of a PNG: end it in .png, the settings travel in that format.")
    if output.exists() and not yes:
        raise click.UsageError(f"{output} exists; give -y to overwrite it, or another -o.")
    if not output.parent.is_dir():
        raise click.UsageError(f"The folder {output.parent} does not exist.")


COMMANDS = (register, generate)
