"""``python -m seal_sdk.pocket.train STAGE --folder RUN`` trains Pocket from nothing, or further.

From nothing, the stages are ``render|tokenizer|vae|sam|latents|unet|export``, in this order. To train the shipped UNet further,
they are ``render|shipped|latents|unet|export``; ``widen`` after ``shipped`` lets the UNet start half as wide again, once
`models.build_unet` has the new widths.

``render --size 256`` begins a model of larger pictures: ``render|shipped|vocabulary|vae|latents|unet|export``. Its VAE learns the
shipped one's latents beside its own, and its UNet starts as the shipped one.

``render --rich-captions`` adds captions in the words that people use (`world.rich_caption`). Their words become tokens by ``tokenizer``,
or, where the shipped UNet is trained further, by ``vocabulary`` after ``shipped``.

``controlnet``, and ``image-encoder`` before ``ip-adapter``, after ``latents`` and ``shipped``, train what steers the shipped UNet, which
stays as it is; ``export-controls`` writes them.

``text`` after ``latents``, instead of ``unet``, teaches the shipped text encoders other wordings of what they know, and leaves the UNet
as it is.

Every training continues from its checkpoint. On two CPU cores, render takes 2 minutes, vae 20, sam 20, latents 5, unet 90 or
more. The UNet trains a third faster as ``torchrun --nproc-per-node 2 -m seal_sdk.pocket.train unet --threads 1 ...``, if no other
programs are busy. If there is a GPU, the same commands use it; give more steps and larger batches then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, TypeVar, Unpack

import click
import torch

from seal_sdk.pocket import ASSETS
from seal_sdk.pocket.design import DESIGNS
from seal_sdk.pocket.train.controlnet import train_controlnet
from seal_sdk.pocket.train.data import render_set
from seal_sdk.pocket.train.export import export, export_controls
from seal_sdk.pocket.train.image_encoder import train_image_encoder
from seal_sdk.pocket.train.ip_adapter import train_ip_adapter
from seal_sdk.pocket.train.loop import TrainingConfig
from seal_sdk.pocket.train.sam import train_sam
from seal_sdk.pocket.train.shipped import start_from_shipped
from seal_sdk.pocket.train.text import train_text
from seal_sdk.pocket.train.tokenizer import build_tokenizer
from seal_sdk.pocket.train.unet import train_unet
from seal_sdk.pocket.train.vae import train_vae, write_latents
from seal_sdk.pocket.train.vocabulary import grow_vocabulary
from seal_sdk.pocket.train.widen import widen_start

Value = TypeVar("Value")


class Options(TypedDict):
    """What the command line gives besides stage and folder. None leaves a training's default."""

    minutes: float | None
    steps: int | None
    batch: int | None
    learning_rate: float | None
    images: int
    rich_captions: bool
    size: str
    processes: int
    threads: int | None
    assets: Path


@dataclass(frozen=True)
class Run:
    """One call of the command."""

    folder: Path
    device: torch.device
    options: Options

    def configure(self, config: TrainingConfig) -> TrainingConfig:
        """Return a training's settings, with those that the command line gives."""

        def given(value: Value | None, default: Value) -> Value:
            return default if value is None else value

        return replace(
            config,
            minutes=given(self.options["minutes"], config.minutes),
            steps=given(self.options["steps"], config.steps),
            batch=given(self.options["batch"], config.batch),
            learning_rate=given(self.options["learning_rate"], config.learning_rate),
        )


VAE = TrainingConfig(learning_rate=2e-3, batch=10, minutes=20, flat=0.4, weight_decay=1e-4, ema_decay=0.998)
SAM = TrainingConfig(learning_rate=1e-3, batch=12, minutes=20, flat=0.4)
TEXT = TrainingConfig(learning_rate=5e-4, batch=16, minutes=60, flat=0.4)
CONTROLNET = TrainingConfig(learning_rate=4e-4, batch=16, minutes=90, flat=0.5)
IMAGE_ENCODER = TrainingConfig(learning_rate=1e-3, batch=128, steps=2500)
IP_ADAPTER = TrainingConfig(learning_rate=4e-4, batch=16, minutes=90, flat=0.5)
UNET = TrainingConfig(learning_rate=1.2e-3, batch=16, minutes=90, flat=0.5)
STAGES: dict[str, Callable[[Run], object]] = {
    "render": lambda run: render_set(
        run.folder,
        run.options["images"],
        run.options["processes"],
        run.options["rich_captions"],
        DESIGNS[run.options["size"]],
    ),
    "shipped": lambda run: start_from_shipped(run.folder),
    "vocabulary": lambda run: grow_vocabulary(run.folder),
    "widen": lambda run: widen_start(run.folder),
    "tokenizer": lambda run: build_tokenizer(run.folder),
    "vae": lambda run: train_vae(run.folder, run.configure(VAE), run.device),
    "sam": lambda run: train_sam(run.folder, run.configure(SAM), run.device),
    "latents": lambda run: write_latents(run.folder, run.device),
    "unet": lambda run: train_unet(run.folder, run.configure(UNET), run.device),
    "text": lambda run: train_text(run.folder, run.configure(TEXT), run.device),
    "controlnet": lambda run: train_controlnet(run.folder, run.configure(CONTROLNET), run.device),
    "image-encoder": lambda run: train_image_encoder(run.folder, run.configure(IMAGE_ENCODER), run.device),
    "ip-adapter": lambda run: train_ip_adapter(run.folder, run.configure(IP_ADAPTER), run.device),
    "export": lambda run: export(run.folder, run.options["assets"]),
    "export-controls": lambda run: export_controls(run.folder, run.options["assets"]),
}


@click.command(help=__doc__)
@click.argument("stage", type=click.Choice(list(STAGES)))
@click.option(
    "--folder", type=click.Path(path_type=Path), required=True, help="Training set, checkpoints and sample sheets."
)
@click.option("--minutes", type=float, help="Length of the training, over all its runs.")
@click.option("--steps", type=click.IntRange(1), help="Length of the training in steps, over all its runs.")
@click.option("--batch", type=click.IntRange(1))
@click.option("--learning-rate", type=float)
@click.option("--images", type=int, default=28_000, show_default=True, help="Size of the rendered set.")
@click.option("--rich-captions", is_flag=True, help="Render also captions in many more words.")
@click.option(
    "--size", type=click.Choice(list(DESIGNS)), default="128", show_default=True, help="Of the rendered images."
)
@click.option("--processes", type=int, default=2, show_default=True, help="For rendering.")
@click.option("--threads", type=int, help="CPU threads of torch.")
@click.option("--assets", type=click.Path(path_type=Path), default=ASSETS, help="Where export writes.")
def main(stage: str, folder: Path, **options: Unpack[Options]) -> None:
    """Run one stage."""
    if options["threads"]:
        torch.set_num_threads(options["threads"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    STAGES[stage](Run(folder, device, options))


if __name__ == "__main__":
    main()
