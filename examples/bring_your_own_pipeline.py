"""Use a StableDiffusionXLPipeline that the app already has. The session does not change it."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import PIPELINE_FOLDER, world


def main() -> None:
    """Use a session with a pipeline of your own, and the pipeline afterwards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    pipe = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)  # type: ignore[no-untyped-call]  # yours
    subject = world.sample(500_003)
    drawn = world.render(subject.identity, subject.pose, subject.scene)
    species = subject.identity.species

    session = IdentitySession(pipe, store=arguments.store)
    session.register(
        Image.fromarray(drawn.image),
        prompt=f"a photo of a {species}",
        name="mine",
        box=drawn.box,  # who knows the subject's box needs no SAM
    )
    batch = session.generate(
        None,  # no structure image: pose by text alone
        [f"a photo of a {species} on snow", f"a photo of a {species} at night"],
        num_inference_steps=arguments.steps,
        guidance_scale=4.0,
        seed=[1, 2],
    )
    for number, image in enumerate(batch.images):
        image.save(arguments.out / f"mine-{number}.png")

    plain = pipe(f"a photo of a {species} on snow", num_inference_steps=arguments.steps, guidance_scale=4.0)
    plain.images[0].save(arguments.out / "plain.png")


if __name__ == "__main__":
    main()
