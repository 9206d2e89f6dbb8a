"""Put a registered subject into an existing picture: a mask says where, and outside of it every pixel stays."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world


def main() -> None:
    """Put a subject into a picture of another one, in its place."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    # These images stand for your own: a photo of the subject, the picture, a mask (white where to paint) and a pose.
    subject, other = world.sample(400_003), world.sample(400_703)
    species = subject.identity.species
    photo = world.render(subject.identity, subject.pose, subject.scene)
    painted = world.render(other.identity, other.pose, other.scene)
    mask = np.zeros((128, 128), np.uint8)
    left, top, right, bottom = (round(edge) for edge in painted.box)  # of the other one, which makes room
    mask[top - 4 : bottom + 4, left - 4 : right + 4] = 255
    pose = world.sample_pose(np.random.default_rng(400_003), species)
    mesh = world.render(subject.identity, pose, subject.scene, kind="mesh")

    with IdentitySession("pocket", store=arguments.store) as session:
        session.register(Image.fromarray(photo.image), prompt=f"a photo of a {species}", name="guest", mask=photo.mask)
        result = session.generate(
            Image.fromarray(mesh.image),  # moved into the mask
            world.caption(subject.identity, pose, other.scene),
            structure_mask=mesh.mask,
            structure_prompt=f"a mesh of a {species}",
            image=Image.fromarray(painted.image),
            mask_image=mask,
            strength=1.0,
            num_inference_steps=arguments.steps,
            seed=1,
        )
    result.image.save(arguments.out / "into-a-picture.png")
    outside = mask == 0
    unchanged = np.array_equal(np.asarray(result.image)[outside], painted.image[outside])
    print(f"unchanged outside of the mask: {unchanged}")


if __name__ == "__main__":
    main()
