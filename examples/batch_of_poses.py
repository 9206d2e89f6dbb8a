"""One subject in several poses and scenes with a single call. A batch gives the same images as single calls."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world

SCENES = {"mesh": "on snow", "depth": "in a desert", "pose": "at night"}  # kind of structure image -> scene


def main() -> None:
    """Draw one subject in three poses and scenes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    subject = world.sample(500_003)  # stands for your own photo
    species = subject.identity.species
    photo = world.render(subject.identity, subject.pose, subject.scene).image
    rng = np.random.default_rng(7)
    structures = [
        Image.fromarray(world.render(subject.identity, world.sample_pose(rng, species), subject.scene, kind).image)
        for kind in SCENES
    ]

    with IdentitySession("pocket", store=arguments.store) as session:
        session.register(Image.fromarray(photo), prompt=f"a photo of a {species}", name="example")
        batch = session.generate(
            structures,
            [f"a photo of a {species} {scene}" for scene in SCENES.values()],
            structure_prompt=[f"a {kind} of a {species}" for kind in SCENES],
            num_inference_steps=arguments.steps,
            seed=[1, 2, 3],
        )
    for kind, image, seed in zip(SCENES, batch.images, batch.seeds, strict=True):
        image.save(arguments.out / f"{kind}.png")
        print(f"{kind}.png: seed {seed}")
    print(", ".join(f"{phase} {seconds:.1f} s" for phase, seconds in batch.timings.items()))


if __name__ == "__main__":
    main()
