"""Register a subject of the embedded model's world once, then draw it in another pose on snow."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world


def main() -> None:
    """Register and generate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    # These two images stand for your own photo and structure image. You can also pass paths.
    subject = world.sample(500_003)
    species = subject.identity.species
    photo = world.render(subject.identity, subject.pose, subject.scene).image
    pose = world.sample_pose(np.random.default_rng(7), species)
    mesh = world.render(subject.identity, pose, subject.scene, kind="mesh").image

    with IdentitySession("pocket", store=arguments.store) as session:
        identity = session.register(Image.fromarray(photo), prompt=f"a photo of a {species}", name="example")
        print(identity)
        result = session.generate(
            Image.fromarray(mesh),
            f"a photo of a {species} on snow",
            structure_prompt=f"a mesh of a {species}",
            num_inference_steps=arguments.steps,
            seed=1,
        )
    path = arguments.out / "example.png"
    result.image.save(path)
    print(f"{path}: seed {result.seeds[0]}, infused {result.coverage[0]:.0%}")


if __name__ == "__main__":
    main()
