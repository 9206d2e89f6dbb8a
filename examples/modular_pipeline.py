"""Draw an identity with diffusers' modular pipelines. The session registers it; diffusers' blocks draw it."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.modular import DeltaBridgeGuidance, IdentityBlocks
from seal_sdk.pocket import world

PARTS = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")


def main() -> None:
    """Register a subject, then draw it with a modular pipeline of the same parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    subject = world.sample(500_003)
    drawn = world.render(subject.identity, subject.pose, subject.scene)
    species = subject.identity.species
    session = IdentitySession("pocket", store=arguments.store)
    identity = session.register(
        Image.fromarray(drawn.image), prompt=f"a photo of a {species}", name="mine", box=drawn.box
    )

    pipe = IdentityBlocks().init_pipeline()
    pipe.update_components(
        **{name: getattr(session.pipe, name) for name in PARTS},
        guider=DeltaBridgeGuidance(guidance_scale=2.0, strength=0.1),
    )
    images = pipe(
        prompt=[f"a photo of a {species} on snow", f"a photo of a {species} at night"],
        identity=identity,
        num_inference_steps=arguments.steps,
        generator=[torch.Generator().manual_seed(seed) for seed in (1, 2)],
        output="images",
    )
    for number, image in enumerate(images):
        image.save(arguments.out / f"modular-{number}.png")


if __name__ == "__main__":
    main()
