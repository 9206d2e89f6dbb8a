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
HELD_BACK = 500  # last images of the set, to look at
KIND_SHARES = (0.6, 0.08, 0.10, 0.10, 0.04, 0.04, 0.04)  # in the order of world.KINDS


def render_one(seed: int) -> tuple[np.ndarray, np.ndarray, int, list[str]]:
    """Image (S, S, 3) uint8, packed mask, kind's index and captions of one training seed."""
    sample, rng = world.sample(seed), np.random.default_rng([7, seed])
    index = int(rng.choice(len(world.KINDS), p=KIND_SHARES))
    kind = world.KINDS[index]
    drawn = world.render(sample.identity, sample.pose, sample.scene, kind=kind)
    captions = [world.caption(sample.identity, sample.pose, sample.scene, kind, rng=rng) for _ in range(CAPTIONS)]
    return drawn.image, np.packbits(drawn.mask), index, captions


def render_set(folder: Path, count: int, processes: int) -> None:
    """Render the training seeds 0 to ``count`` into ``folder``."""
    if not HELD_BACK < count <= len(world.TRAIN):
        raise ValueError(f"count={count}: expected {HELD_BACK + 1} to {len(world.TRAIN)} images.")
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count, IMAGE_SIZE, IMAGE_SIZE, 3)
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    masks = np.zeros((count, IMAGE_SIZE * IMAGE_SIZE // 8), np.uint8)
    kinds, captions = np.zeros(count, np.uint8), []
    with Pool(processes) as pool:
        for number, drawn in enumerate(
            tqdm(pool.imap(render_one, range(count), chunksize=64), total=count, desc="render")
        ):
            images[number], masks[number], kinds[number], words = drawn
            captions.append(words)
    images.flush()
    np.save(folder / "masks.npy", masks)
    np.save(folder / "kinds.npy", kinds)
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
