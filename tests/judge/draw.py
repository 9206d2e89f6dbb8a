"""Draws plain prompts with the embedded model, and measures how often species, scene and colour are right.

PYTHONPATH=tests python -m judge.draw [--count 500] [--sheet FILE.png]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from judge.classifier import judge
from seal_sdk.config import POCKET
from seal_sdk.evaluation.networks.segmenter import load_segmenter, subject_mask
from seal_sdk.pocket import PIPELINE_FOLDER, world

COLORS = ("red", "yellow", "green", "blue", "purple", "pink")  # shading does not turn these into one another


def draw_prompts(count: int) -> list[tuple[str, str, str, str]]:
    """Return so many plain prompts, each with its species, scene and colour. They are the same in every run."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        species, scene, color = (str(rng.choice(words)) for words in (world.SPECIES, world.SCENES, COLORS))
        subject = f"a person in a {color} top" if species == "person" else f"a {color} {species}"
        found.append((f"a photo of {subject}, {scene}", species, scene, color))
    return found


@torch.no_grad()
def draw(prompts: list[str], batch: int = 10) -> np.ndarray:
    """Draw images (N, 128, 128, 3) uint8 with plain diffusers. Image n has seed n."""
    pipe = StableDiffusionXLPipeline.from_pretrained(PIPELINE_FOLDER, dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    images = []
    for start in range(0, len(prompts), batch):
        some = prompts[start : start + batch]
        generators = [torch.Generator().manual_seed(start + index) for index in range(len(some))]
        drawn = pipe(
            some,
            num_inference_steps=POCKET.num_inference_steps,
            guidance_scale=POCKET.guidance_scale,
            generator=generators,
        )
        images += [np.asarray(image) for image in drawn.images]
    return np.stack(images)


def shows(image: np.ndarray, mask: np.ndarray, color: str) -> bool:
    """Return whether the colour is one of the two most frequent ones in the mask."""
    pixels = image[mask][::7] / 255
    names = [world.color_name(tuple(pixel)) for pixel in pixels]
    common = sorted(set(names), key=names.count)[-2:]
    return color in common


def rates(count: int) -> tuple[dict[str, float], np.ndarray]:
    """Return the share of images whose species, scene and colour are those of their prompts, and the images."""
    wanted = draw_prompts(count)
    images = draw([prompt for prompt, *_ in wanted])
    told, segmenter = judge(images), load_segmenter()
    right = {
        "species": [one == species for (one, _), (_, species, _, _) in zip(told, wanted, strict=True)],
        "scene": [one == scene for (_, one), (_, _, scene, _) in zip(told, wanted, strict=True)],
        "color": [
            shows(image, subject_mask(segmenter, image), color)
            for image, (*_, color) in zip(images, wanted, strict=True)
        ],
    }
    return {name: float(np.mean(values)) for name, values in right.items()}, images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--sheet", type=Path)
    arguments = parser.parse_args()
    found, images = rates(arguments.count)
    print({name: round(value, 3) for name, value in found.items()})
    if arguments.sheet:
        rows = [
            np.concatenate(images[start : start + 10], axis=1)
            for start in range(0, min(len(images), 60) // 10 * 10, 10)
        ]
        Image.fromarray(np.concatenate(rows)).save(arguments.sheet)


if __name__ == "__main__":
    main()
