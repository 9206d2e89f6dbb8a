"""Match maps: which tokens of an image took their appearance from which point of the reference, and how similar they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

Grid = tuple[int, int]


@dataclass(frozen=True, eq=False)
class LayerMatches:
    """The matches of one layer at one step; grids are (rows, columns) of tokens.

    targets: (Nt,) tokens of the image that could be infused. sources: (Nt,) the reference's best matching token of each.
    similarity: (Nt,) their cosine, -1 to 1. A token was infused where it exceeds ``tau``. identity: whose they are.
    """

    step: int
    layer: str
    grid: Grid
    source_grid: Grid
    targets: np.ndarray
    sources: np.ndarray
    similarity: np.ndarray
    tau: float
    identity: str = ""

    @property
    def infused(self) -> np.ndarray:
        """(Nt,) bool."""
        return self.similarity > self.tau


@dataclass(frozen=True, eq=False)
class MatchMap:
    """All matches of one image, and their means over steps and layers on the finest grid (H, W) of tokens.

    share: (H, W) how often a token was infused, 0 to 1. similarity: (H, W) mean cosine with its matches, NaN where it was no candidate.
    source: (H, W, 2) mean place (x, y) of its infused matches in the reference, 0 to 1 from the top left, NaN where never infused.
    """

    matches: tuple[LayerMatches, ...]
    share: np.ndarray
    similarity: np.ndarray
    source: np.ndarray

    @classmethod
    def of(cls, matches: Sequence[LayerMatches]) -> MatchMap:
        """The means of ``matches``, of one image and at least one."""
        height, width = max((each.grid for each in matches), default=(0, 0))
        seen, infused, similar = (np.zeros((height, width)) for _ in range(3))
        places = np.zeros((height, width, 2))
        for each in matches:
            rows, columns = _enlarge(each.grid, (height, width))
            fine = [_scatter(each, values)[rows][:, columns] for values in _measures(each)]
            seen += fine[0]
            infused += fine[1]
            similar += fine[2]
            places += np.stack(fine[3:], axis=-1)
        with np.errstate(invalid="ignore"):
            return cls(tuple(matches), infused / max(len(matches), 1), similar / seen, places / infused[..., None])

    def draw(self, reference: Image.Image, image: Image.Image) -> Image.Image:
        """Reference and image side by side, tinted: equal colours mark what was matched; below, how often and how similar."""
        size = image.size
        rest = ~np.isfinite(self.source[..., 0])
        wheel = _wheel(np.nan_to_num(self.source))
        wheel[rest] = 0
        grid = np.stack(np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1])), axis=-1)
        panels = [
            _tint(reference.convert("RGB").resize(size), _wheel(grid), np.ones(grid.shape[:2])),
            _tint(image.convert("RGB"), wheel, self.share),
            _grey(self.share, size),
            _grey(np.nan_to_num(self.similarity).clip(0, 1), size),
        ]
        sheet = Image.new("RGB", (2 * size[0], 2 * size[1]))
        for number, panel in enumerate(panels):
            sheet.paste(panel, (number % 2 * size[0], number // 2 * size[1]))
        return sheet


def stack(references: Sequence[Image.Image]) -> Image.Image:
    """References of one subject below each other: the layout in which they are matched."""
    whole = Image.new("RGB", (max(each.width for each in references), sum(each.height for each in references)))
    top = 0
    for each in references:
        whole.paste(each, (0, top))
        top += each.height
    return whole


def _measures(each: LayerMatches) -> list[np.ndarray]:
    """Per candidate: one, infused or not, similarity, and the matched place's x and y where infused."""
    rows, columns = each.source_grid
    infused = each.infused.astype(float)
    x, y = (each.sources % columns + 0.5) / columns, (each.sources // columns + 0.5) / rows
    return [np.ones(len(infused)), infused, each.similarity, infused * x, infused * y]


def _scatter(each: LayerMatches, values: np.ndarray) -> np.ndarray:
    grid = np.zeros(each.grid[0] * each.grid[1])
    grid[each.targets] = values
    return grid.reshape(each.grid)


def _enlarge(grid: Grid, size: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of ``grid`` for every row and column of a finer one."""
    return np.arange(size[0]) * grid[0] // size[0], np.arange(size[1]) * grid[1] // size[1]


def _wheel(places: np.ndarray) -> np.ndarray:
    """A colour (..., 3) in 0..255 for every place (..., 2): red grows to the right, green downwards, blue away from both."""
    x, y = places[..., 0], places[..., 1]
    return 255 * np.stack([x, y, 1 - (x + y) / 2], axis=-1)


def _tint(image: Image.Image, colors: np.ndarray, weight: np.ndarray) -> Image.Image:
    """``image`` with up to two thirds of the colours (h, w, 3) laid over it, as much as ``weight`` (h, w) in [0, 1] says."""
    layer = Image.fromarray(colors.round().astype(np.uint8)).resize(image.size, Image.Resampling.NEAREST)
    mask = Image.fromarray((weight * 170).round().astype(np.uint8)).resize(image.size, Image.Resampling.NEAREST)
    return Image.composite(layer, image, mask)


def _grey(values: np.ndarray, size: tuple[int, int]) -> Image.Image:
    pixels = Image.fromarray((values * 255).round().astype(np.uint8))
    return pixels.resize(size, Image.Resampling.NEAREST).convert("RGB")
