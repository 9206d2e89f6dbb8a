"""K/V in eight bits: bytes of an identity, and how far latents stray from those drawn with K/V as the model has them.

    python tests/benchmarks/quantization.py [--seeds 4] [--quantizations none int8]

The embedded model in fp32 on a CPU. Prints a table: bytes, mean over the seeds, and the standard deviation of the latents' difference over
that of the latents, mean and largest.
"""

from __future__ import annotations

import argparse
import tempfile
from statistics import mean

import torch
from PIL import Image

from seal_sdk import Appearance, IdentitySession
from seal_sdk.pocket import world

FIRST_SEED, POSE = 400_000, 50


def draw(session: IdentitySession, seed: int, quantization: str) -> tuple[int, torch.Tensor]:
    """Bytes of an identity, and latents (4, h, w) of its subject in another pose."""
    sample, other = world.sample(seed), world.sample(seed + POSE)
    photo = world.render(sample.identity, sample.pose, sample.scene)
    mesh = world.render(sample.identity, other.pose, other.scene, kind="mesh")
    how = dict(prompt="a photo", name=f"{seed}", box=photo.box, appearance=Appearance(quantization=quantization))
    identity = session.register(Image.fromarray(photo.image), **how)
    given = dict(structure_box=mesh.box, seed=seed, output_type="latent")
    drawn = session.generate(Image.fromarray(mesh.image), "a photo on snow", identity=identity, **given)
    return identity.nbytes, drawn.image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--quantizations", nargs="+", default=["none", "int8"])
    arguments = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    where = dict(store=tempfile.mkdtemp(), precision="fp32", accelerator="cpu")
    with IdentitySession("pocket", enable_progress_bar=False, **where) as session:
        exact = [draw(session, seed, "none")[1] for seed in seeds]
        print("| quantization | bytes | latents stray by, mean | largest |\n|---|---|---|---|")
        for quantization in arguments.quantizations:
            sizes, latents = zip(*(draw(session, seed, quantization) for seed in seeds), strict=True)
            strays = [float((each - true).std() / true.std()) for each, true in zip(latents, exact, strict=True)]
            print(f"| {quantization} | {mean(sizes):,.0f} | {mean(strays):.2%} | {max(strays):.2%} |")


if __name__ == "__main__":
    main()
