"""The training set: images of the world, rendered once into a folder of arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from seal_sdk.pocket import world
from seal_sdk.pocket.design import SHIPPED, Design

CAPTIONS = 4  # per image; as many richer ones again where they are asked for
TOKENS = 16  # side of the body maps: the tokens of the UNet's finest self-attention
BODY_CLASSES = 1 + len(world.SPECIES) * (len(world.PARTS) - 1)  # the background, and the parts of each species
HELD_OUT_IMAGES = 500  # the last images of the set are never trained on
KIND_SHARES = (0.6, 0.08, 0.10, 0.10, 0.04, 0.04, 0.04)  # in the order of world.KINDS


@dataclass(frozen=True, eq=False)
class TrainingImage:
    """One training image. S pixels (128 as shipped), T = 16 tokens a side.

    Attributes:
        image: (S, S, 3) uint8.
        mask: (S * S / 8,) uint8, the subject's mask, packed by `numpy.packbits`.
        kind: Index into ``world.KINDS``.
        captions: `CAPTIONS` texts, or twice as many with the richer ones.
        classes: (T, T) uint8 below `BODY_CLASSES`: which part of which species is at each token's centre.
        places: (T, T, 2) float16: the point of the body at rest at each token's centre; NaN outside the subject.
    """

    image: np.ndarray
    mask: np.ndarray
    kind: int
    captions: list[str]
    classes: np.ndarray
    places: np.ndarray


def render_image(seed: int, rich: bool = False, design: Design = SHIPPED) -> TrainingImage:
    """Render the training image of a seed. The kind and the wording of the captions follow from the seed, too.

    rich: Whether captions of `world.rich_caption` follow the others, which stay the same.
    """
    sample, rng = world.sample(seed, details=design.details), np.random.default_rng([7, seed])
    index = int(rng.choice(len(world.KINDS), p=KIND_SHARES))
    kind = world.KINDS[index]
    drawn = world.render(sample.identity, sample.pose, sample.scene, kind=kind, size=design.image_size)
    captions = [world.caption(sample.identity, sample.pose, sample.scene, kind, rng=rng) for _ in range(CAPTIONS)]
    if rich:
        captions += rich_captions(seed, sample, kind)
    step = design.image_size // TOKENS
    middle = slice(step // 2, None, step)
    parts, places = drawn.parts[middle, middle], drawn.coordinates[middle, middle].astype(np.float16)
    species = world.SPECIES.index(sample.identity.species)
    classes = np.where(parts > 0, parts + species * (len(world.PARTS) - 1), 0).astype(np.uint8)
    return TrainingImage(drawn.image, np.packbits(drawn.mask), index, captions, classes, places)


def rich_captions(seed: int, sample: world.Sample, kind: str) -> list[str]:
    """`CAPTIONS` richer captions of a seed's image, from a stream of their own."""
    rng = np.random.default_rng([8, seed])
    return [world.rich_caption(sample.identity, sample.pose, sample.scene, kind, rng=rng) for _ in range(CAPTIONS)]


def render_set(folder: Path, count: int, processes: int, rich: bool = False, design: Design = SHIPPED) -> None:
    """Render a training set.

    Args:
        folder: Where the arrays and ``captions.json`` are written.
        count: Number of images, of the seeds from 0 on; more than `HELD_OUT_IMAGES`.
        processes: Number of processes that render.
        rich: As of `render_image`.
        design: Of the models that will be trained on it. It is left in the folder for the other stages.

    Raises:
        ValueError: If there are too few images, or more than there are training seeds.
    """
    if not HELD_OUT_IMAGES < count <= len(world.TRAIN):
        raise ValueError(f"count={count}: expected {HELD_OUT_IMAGES + 1} to {len(world.TRAIN)} images.")
    design.write(folder)
    side = design.image_size
    shape = (count, side, side, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    masks = np.zeros((count, side * side // 8), np.uint8)
    kinds, captions = np.zeros(count, np.uint8), []
    classes, places = np.zeros((count, TOKENS, TOKENS), np.uint8), np.zeros((count, TOKENS, TOKENS, 2), np.float16)
    with Pool(processes) as pool:
        for number, drawn in enumerate(
            tqdm(
                pool.imap(partial(render_image, rich=rich, design=design), range(count), chunksize=64),
                total=count,
                desc="render",
                disable=None,
            )
        ):
            images[number], masks[number], kinds[number] = drawn.image, drawn.mask, drawn.kind
            classes[number], places[number] = drawn.classes, drawn.places
            captions.append(drawn.captions)
    images.flush()
    np.save(folder / "masks.npy", masks)
    np.save(folder / "kinds.npy", kinds)
    np.save(folder / "classes.npy", classes)
    np.save(folder / "places.npy", places)
    (folder / "captions.json").write_text(json.dumps(captions))


@dataclass(frozen=True)
class TrainingSet:
    """A rendered training set. Its length leaves out the last `HELD_OUT_IMAGES`, which are never trained on.

    Attributes:
        images: (N, S, S, 3) uint8, memory-mapped.
        masks: (N, S * S / 8) uint8, packed by `numpy.packbits`.
        kinds: (N,) uint8, indices into ``world.KINDS``.
    """

    images: np.ndarray
    masks: np.ndarray
    kinds: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> TrainingSet:
        """Open the set that `render_set` wrote."""
        return cls(
            np.load(folder / "images.npy", mmap_mode="r"), np.load(folder / "masks.npy"), np.load(folder / "kinds.npy")
        )

    @property
    def photos(self) -> np.ndarray:
        """Indices of the photos that are trained on."""
        return np.flatnonzero(self.kinds[: len(self)] == world.KINDS.index("photo"))

    def __len__(self) -> int:
        return len(self.images) - HELD_OUT_IMAGES

    def mask(self, index: int) -> np.ndarray:
        """Return the subject's mask (S, S) bool in the image of that index."""
        return np.unpackbits(self.masks[index]).reshape(self.images.shape[1:3]).astype(bool)
