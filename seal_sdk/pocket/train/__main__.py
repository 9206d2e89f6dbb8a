"""``python -m seal_sdk.pocket.train render|tokenizer|vae|sam|latents|unet|export --folder RUN``: Pocket from nothing, in this order.

``render|shipped|latents|unet|export`` trains the shipped UNet further instead; ``widen`` after ``shipped`` lets it start half as
wide again, once `models.build_unet` says so.

Every training goes on from its checkpoint. On two CPU cores: render 2 minutes, vae 20, sam 20, latents 5, unet 90 and more, and the UNet
trains a third faster as ``torchrun --nproc-per-node 2 -m seal_sdk.pocket.train unet --threads 1 ...``, undisturbed by other programs.
The same commands use a GPU where there is one; give more steps and larger batches there.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import torch

from seal_sdk.pocket import ASSETS
from seal_sdk.pocket.train.data import render_set
from seal_sdk.pocket.train.export import export
from seal_sdk.pocket.train.loop import Recipe
from seal_sdk.pocket.train.sam import train_sam
from seal_sdk.pocket.train.shipped import begin_with_shipped
from seal_sdk.pocket.train.tokenizer import build_tokenizer
from seal_sdk.pocket.train.unet import train_unet
from seal_sdk.pocket.train.vae import train_vae, write_latents
from seal_sdk.pocket.train.widen import widen_start

TRAININGS = {
    "vae": (train_vae, Recipe(learning_rate=2e-3, batch=10, minutes=20, flat=0.4, weight_decay=1e-4, ema=0.998)),
    "sam": (train_sam, Recipe(learning_rate=1e-3, batch=12, minutes=20, flat=0.4)),
    "unet": (train_unet, Recipe(learning_rate=1.2e-3, batch=16, minutes=90, flat=0.5)),
}
STAGES = ("render", "shipped", "widen", "tokenizer", "vae", "sam", "latents", "unet", "export")


@click.command(help=__doc__)
@click.argument("stage", type=click.Choice(STAGES))
@click.option(
    "--folder", type=click.Path(path_type=Path), required=True, help="Training set, checkpoints and sample sheets."
)
@click.option("--minutes", type=float, help="Length of the training, over all its runs.")
@click.option("--steps", type=click.IntRange(1), help="Length of the training in steps, over all its runs.")
@click.option("--batch", type=click.IntRange(1))
@click.option("--learning-rate", type=float)
@click.option("--images", type=int, default=28_000, show_default=True, help="Size of the rendered set.")
@click.option("--processes", type=int, default=2, show_default=True, help="For rendering.")
@click.option("--threads", type=int, help="CPU threads of torch.")
@click.option("--assets", type=click.Path(path_type=Path), default=ASSETS, help="Where export writes.")
def main(
    stage: str,
    folder: Path,
    minutes: float | None,
    steps: int | None,
    batch: int | None,
    learning_rate: float | None,
    images: int,
    processes: int,
    threads: int | None,
    assets: Path,
) -> None:
    if threads:
        torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if stage == "render":
        render_set(folder, images, processes)
    elif stage == "shipped":
        begin_with_shipped(folder)
    elif stage == "widen":
        widen_start(folder)
    elif stage == "tokenizer":
        build_tokenizer(folder)
    elif stage == "latents":
        write_latents(folder, device)
    elif stage == "export":
        export(folder, assets)
    else:
        train, recipe = TRAININGS[stage]
        asked = {"minutes": minutes, "steps": steps, "batch": batch, "learning_rate": learning_rate}
        train(folder, replace(recipe, **{key: value for key, value in asked.items() if value is not None}), device)


if __name__ == "__main__":
    main()
