"""The training set: the world, rendered once into a folder of arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from tqdm import tqdm

from seal_sdk.pocket import IMAGE_SIZE, world

CAPTIONS = 4  # per image
TOKENS = 16  # side of the body maps: that of the UNet's larger attention maps
BODY_CLASSES = 1 + len(world.SPECIES) * (len(world.PARTS) - 1)  # background, and each species' parts
HELD_BACK = 500  # last images of the set, to look at
KIND_SHARES = (0.6, 0.08, 0.10, 0.10, 0.04, 0.04, 0.04)  # in the order of world.KINDS


@dataclass(frozen=True, eq=False)
class Drawn:
    """One training image: (S, S, 3) uint8, packed mask, kind's index, captions, and its body map.

    ``classes`` (T, T) uint8 < `BODY_CLASSES` and ``places`` (T, T, 2) float16, NaN outside of the subject, say which part
    of which species, and which point of the body at rest, is at the middle of each token.
    """

    image: np.ndarray
    mask: np.ndarray
    kind: int
    captions: list[str]
    classes: np.ndarray
    places: np.ndarray


def render_one(seed: int) -> Drawn:
    sample, rng = world.sample(seed), np.random.default_rng([7, seed])
    index = int(rng.choice(len(world.KINDS), p=KIND_SHARES))
    kind = world.KINDS[index]
    drawn = world.render(sample.identity, sample.pose, sample.scene, kind=kind)
    captions = [world.caption(sample.identity, sample.pose, sample.scene, kind, rng=rng) for _ in range(CAPTIONS)]
    step = IMAGE_SIZE // TOKENS
    middle = slice(step // 2, None, step)
    parts, places = drawn.parts[middle, middle], drawn.coordinates[middle, middle].astype(np.float16)
    species = world.SPECIES.index(sample.identity.species)
    classes = np.where(parts > 0, parts + species * (len(world.PARTS) - 1), 0).astype(np.uint8)
    return Drawn(drawn.image, np.packbits(drawn.mask), index, captions, classes, places)


def render_set(folder: Path, count: int, processes: int) -> None:
    """Render the training seeds 0 to ``count`` into ``folder``."""
    if not HELD_BACK < count <= len(world.TRAIN):
        raise ValueError(f"count={count}: expected {HELD_BACK + 1} to {len(world.TRAIN)} images.")
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    masks = np.zeros((count, IMAGE_SIZE * IMAGE_SIZE // 8), np.uint8)
    kinds, captions = np.zeros(count, np.uint8), []
    classes, places = np.zeros((count, TOKENS, TOKENS), np.uint8), np.zeros((count, TOKENS, TOKENS, 2), np.float16)
    with Pool(processes) as pool:
        for number, drawn in enumerate(
            tqdm(pool.imap(render_one, range(count), chunksize=64), total=count, desc="render")
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
    """images (N, S, S, 3) uint8, memory-mapped; masks packed; kinds (N,); the last ``HELD_BACK`` are never trained on."""

    images: np.ndarray
    masks: np.ndarray
    kinds: np.ndarray

    @classmethod
    def open(cls, folder: Path) -> TrainingSet:
        return cls(
            np.load(folder / "images.npy", mmap_mode="r"), np.load(folder / "masks.npy"), np.load(folder / "kinds.npy")
        )

    def __len__(self) -> int:
        return len(self.images) - HELD_BACK

    def mask(self, index: int) -> np.ndarray:
        """(S, S) bool."""
        return np.unpackbits(self.masks[index]).reshape(IMAGE_SIZE, IMAGE_SIZE).astype(bool)
