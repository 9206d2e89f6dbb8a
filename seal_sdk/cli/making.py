"""The commands that run the model: register, generate, demo. Torch is imported only when they run."""

from __future__ import annotations

from pathlib import Path

import click

from seal_sdk.cli.options import human_size, json_option, parse_box, print_json, store_option
from seal_sdk.defaults import store_root

model_option = click.option(
    "--model",
    default="pocket",
    show_default=True,
    help="'pocket', a diffusers folder, a hub id or a .safetensors file.",
)
accelerator_option = click.option(
    "--accelerator", default="auto", show_default=True, help="auto, cpu, gpu, cuda:N or mps."
)
precision_option = click.option(
    "--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto", show_default=True
)


def parse_timesteps(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | int | list[int] | None:
    """``exact``, a number of anchors, or a list such as 900,600,300."""
    if value is None or value == "exact":
        return value
    try:
        numbers = [int(part) for part in value.split(",")]
    except ValueError as error:
        raise click.BadParameter(
            f"{value!r}: expected 'exact', a number of anchors, or a list such as 900,600,300."
        ) from error
    return numbers if "," in value else numbers[0]


@click.command("register")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What to call the identity.")
@click.option("--prompt", required=True, help="What the image shows, such as 'a photo of a tiger'.")
@click.option("--box", callback=parse_box, metavar="X0,Y0,X1,Y1", help="The subject, in pixels, instead of asking SAM.")
@click.option("--mask", type=click.Path(path_type=Path), help="The subject as an image: white on black.")
@click.option(
    "--timesteps", callback=parse_timesteps, help="'exact', a number of anchors, or a list such as 900,600,300."
)
@model_option
@accelerator_option
@precision_option
@store_option
@json_option
def register(
    image: Path,
    name: str,
    prompt: str,
    box: tuple[float, ...] | None,
    mask: Path | None,
    timesteps: str | int | list[int] | None,
    model: str,
    accelerator: str,
    precision: str,
    root: Path | None,
    as_json: bool,
) -> None:
    """Register a reference image. The second time it is already there and nothing is computed."""
    from seal_sdk import Callback, IdentitySession
    from seal_sdk.images import read_image

    hits: list[bool] = []

    class Listener(Callback):
        def on_register_end(self, session, identity, hit):
            hits.append(hit)

    reference = read_image(image)
    drawn_mask = None if mask is None else read_image(mask).convert("L")
    with IdentitySession(model, store=store_root(root), accelerator=accelerator, precision=precision) as session:
        identity = session.register(
            reference, prompt=prompt, name=name, box=box, mask=drawn_mask, timesteps=timesteps, callbacks=[Listener()]
        )
    if as_json:
        print_json(
            {
                "name": name,
                "digest": identity.digest,
                "hit": hits[0],
                "bytes": identity.nbytes,
                "box": list(identity.box),
            }
        )
    else:
        how = "was already in the store" if hits[0] else "registered"
        click.echo(
            f"{name} {how}: {len(identity.timesteps)} timesteps, {human_size(identity.nbytes)}, subject at {_round(identity.box)}."
        )


def _round(box: tuple[float, ...]) -> str:
    return ",".join(f"{value:.0f}" for value in box)


@click.command("generate")
@click.argument("name")
@click.option("--prompt", required=True, help="What the new image shows, such as 'a photo of a tiger on snow'.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="PNG to write.")
@click.option("--structure", type=click.Path(path_type=Path), help="Image whose pose and layout to follow.")
@click.option("--structure-prompt", help="What the structure image shows, such as 'a mesh of a tiger'.")
@click.option("--structure-box", callback=parse_box, metavar="X0,Y0,X1,Y1", help="Its subject, in its pixels.")
@click.option("--negative-prompt")
@click.option("--seed", type=click.IntRange(0), help="Drawn and printed where not given.")
@click.option("--steps", type=click.IntRange(1), help="Denoising steps.")
@click.option("--guidance-scale", type=float)
@click.option("--height", type=int)
@click.option("--width", type=int)
@click.option("-y", "--yes", is_flag=True, help="Overwrite the output.")
@model_option
@accelerator_option
@precision_option
@store_option
@json_option
def generate(
    name: str,
    prompt: str,
    output: Path,
    structure: Path | None,
    structure_prompt: str | None,
    structure_box: tuple[float, ...] | None,
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
    root: Path | None,
    as_json: bool,
) -> None:
    """Draw a registered identity in a new pose, on a new scene."""
    if output.exists() and not yes:
        raise click.UsageError(f"{output} exists; give -y to overwrite it, or another -o.")
    if not output.parent.is_dir():
        raise click.UsageError(f"The folder {output.parent} does not exist.")

    from seal_sdk import IdentitySession
    from seal_sdk.images import read_image
    from store import IdentityStore

    source = None if structure is None else read_image(structure)
    identities = IdentityStore(store_root(root), create=False)
    identities.resolve(name)  # an unknown name is told before the model is loaded
    with IdentitySession(model, store=identities, accelerator=accelerator, precision=precision) as session:
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
    drawn.image.save(output, format="PNG")
    if as_json:
        print_json(
            {
                "output": str(output),
                "settings": drawn.settings[0],
                "timings": drawn.timings,
                "coverage": drawn.coverage[0],
            }
        )
    else:
        click.echo(
            f"{output}: seed {drawn.seeds[0]}, {drawn.coverage[0]:.0%} of the subject infused, {sum(drawn.timings.values()):.1f} s."
        )


@click.command("demo")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("seal-demo"), show_default=True, help="Folder to write."
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--steps", type=click.IntRange(1), help="Denoising steps.")
@store_option
def demo(out: Path, seed: int, steps: int | None, root: Path | None) -> None:
    """Register two subjects of the embedded model and draw each in four poses and scenes; writes a contact sheet."""
    from seal_sdk.demo import run_demo

    run_demo(out, store_root(root), seed=seed, steps=steps)


COMMANDS = (register, generate, demo)
