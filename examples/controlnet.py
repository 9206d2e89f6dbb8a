"""A ControlNet steers the pose instead of the training-free injection; the identity comes in as ever. Both are drawn beside each other."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seal_sdk import IdentitySession, Structure
from seal_sdk.pocket import world

KINDS = ("mesh", "depth", "pose", "canny")


def main() -> None:
    """Draw one subject after four kinds of structure images, each by injection and by the ControlNet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("controlnet.png"))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    subject = world.sample(500_003)  # stands for your own photo
    species = subject.identity.species
    photo = Image.fromarray(world.render(subject.identity, subject.pose, subject.scene).image)
    pose = world.sample_pose(np.random.default_rng(7), species)
    rows = [[photo], [photo]]

    with IdentitySession("pocket", controlnet="pocket", store=arguments.store) as session:
        session.register(photo, prompt=f"a photo of a {species}", name="example")
        for kind in KINDS:
            structure = Image.fromarray(world.render(subject.identity, pose, subject.scene, kind).image)
            for row, control in zip(rows, ("inject", "controlnet"), strict=True):
                drawn = session.generate(
                    structure,
                    f"a photo of a {species} on snow",
                    structure_prompt=f"a {kind} of a {species}",
                    structure_control=Structure(control=control),
                    num_inference_steps=arguments.steps,
                    seed=1,
                )
                row += [structure, drawn.image]
    side = photo.width
    sheet = Image.new("RGB", (side * len(rows[0]), side * len(rows)))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            sheet.paste(picture, (side * x, side * y))
    sheet.save(arguments.out)
    print(f"{arguments.out}: the reference, then structure images and pictures; injection above, ControlNet below")


if __name__ == "__main__":
    main()
