"""Callbacks: one of your own that watches every step, and one of the SDK's that writes every image."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image
from torch import Tensor

from seal_sdk import Callback, Identity, IdentitySession, ImageWriter
from seal_sdk.pocket import world


class Watch(Callback):
    """Prints whether the store had the identity, and the standard deviation of the latents at each step."""

    def on_register_end(self, session: IdentitySession, identity: Identity, hit: bool) -> None:
        """Print whether the identity was in the store."""
        print(f"{identity.name}: {'from the store' if hit else 'computed'}")

    def on_step_end(self, session: IdentitySession, index: int, timestep: float, latents: Tensor) -> None:
        """Print the spread of the latents."""
        print(f"step {index} at timestep {timestep:.0f}: standard deviation {latents.std():.2f}")


def main() -> None:
    """Register and generate with both callbacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()

    subject = world.sample(500_003)  # stands for your own photo
    photo = Image.fromarray(world.render(subject.identity, subject.pose, subject.scene).image)
    species = subject.identity.species
    with IdentitySession("pocket", store=arguments.store, callbacks=[Watch(), ImageWriter(arguments.out)]) as session:
        session.register(photo, prompt=f"a photo of a {species}", name="example")
        session.generate(None, f"a photo of a {species} in a forest", num_inference_steps=arguments.steps, seed=1)


if __name__ == "__main__":
    main()
