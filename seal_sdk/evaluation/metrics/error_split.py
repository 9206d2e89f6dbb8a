"""Where a picture's subject error comes from: parts that add up to it. Ours.

Parts are attributed one after the other, each of what the ones before leave, so that none is negative and their sum is exactly
`subject_error`. Errors are in RGB levels, means over the pixels of the true mask.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seal_sdk.evaluation.metrics.sharpness import neighbour_difference
from seal_sdk.evaluation.metrics.truth import box_sums
from seal_sdk.pocket.world import Rendering

SOURCES = ("vae", "silhouette", "hidden", "color", "place", "blur", "rest")
"""In the order of attribution; docs/benchmark.md says what each means."""

REACH = 2.0  # pixels; a point is shown if the reference shows one of the same part this close to it on the body at rest
MAX_SHIFT = 6  # pixels along each axis
LEAST_PIXELS = 12  # parts smaller than this are not shifted: almost any shift would mend something
MAX_BLURS = 12  # 3x3 averages


def split_error(
    image: np.ndarray, truth: Rendering, reference: Rendering, through_vae: np.ndarray, found: np.ndarray
) -> dict[str, float]:
    """Source -> its part of the subject error, by `SOURCES`.

    Args:
        image: The drawn picture, uint8 (H, W, 3).
        truth: The ground truth.
        reference: The reference, of the truth's size.
        through_vae: The truth encoded and decoded, uint8 (H, W, 3).
        found: (H, W) bool, the subject's mask in the drawn picture (`networks.segmenter.subject_mask`).
    """
    wanted, drawn = truth.image.astype(np.float64), image.astype(np.float64)
    floor = _error(through_vae, wanted)
    error = _error(drawn, wanted)
    left = np.maximum(error - floor, 0.0)
    shown = shown_by(reference, truth)
    lost, hidden, kept = truth.mask & ~found, truth.mask & found & ~shown, truth.mask & found & shown
    sums = dict.fromkeys(SOURCES, 0.0)
    sums["vae"] = float((error - left)[truth.mask].sum())
    sums["silhouette"] = float(left[lost].sum())
    sums["hidden"] = float(left[hidden].sum())
    for index in np.unique(truth.parts[kept]):
        part = kept & (truth.parts == index)
        window = _window(part)
        for source, value in _split_part(drawn[window], wanted[window], floor[window], part[window]).items():
            sums[source] += value
    return {source: value / np.count_nonzero(truth.mask) for source, value in sums.items()}


def shown_by(reference: Rendering, truth: Rendering) -> np.ndarray:
    """(H, W) bool: the truth's subject pixels whose point on the body the reference shows, within `REACH` pixels."""
    reach = REACH * max(_pixel(reference), _pixel(truth))
    shown = np.zeros(truth.mask.shape, bool)
    for index in np.unique(truth.parts[truth.mask]):
        part, known = truth.parts == index, reference.coordinates[reference.parts == index]
        if len(known):
            distance = np.stack([np.hypot(*(known - point).T).min() for point in truth.coordinates[part]])
            shown[part] = distance <= reach
    return shown


def _pixel(rendering: Rendering) -> float:
    """How far apart the points of neighbouring pixels are on the body at rest, in body units: the median."""
    steps = np.hypot(*np.moveaxis(np.diff(rendering.coordinates, axis=1), -1, 0))
    return float(np.nanmedian(steps))


def _window(part: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns from the first to the last pixel of a part, (H, W) bool."""
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _split_part(drawn: np.ndarray, wanted: np.ndarray, floor: np.ndarray, part: np.ndarray) -> dict[str, float]:
    """Colour, place, blur and rest: sums over the pixels of one part, (H, W) bool."""

    def left(picture: np.ndarray) -> float:
        return float(np.maximum(_error(picture, wanted) - floor, 0.0)[part].sum())

    toned = drawn - (drawn - wanted)[part].mean(axis=0)
    toned = toned if left(toned) < left(drawn) else drawn
    moved = min(_shifted(toned, part), key=left)
    remaining = np.maximum(_error(moved, wanted) - floor, 0.0)[part]
    blurred = np.maximum(_error(_as_sharp_as(wanted, moved, part), wanted) - floor, 0.0)[part]
    blur = float(np.minimum(remaining, blurred).sum())
    return {
        "color": left(drawn) - left(toned),
        "place": left(toned) - left(moved),
        "blur": blur,
        "rest": float(remaining.sum()) - blur,
    }


def _shifted(picture: np.ndarray, part: np.ndarray) -> Iterator[np.ndarray]:
    """The picture itself, then with the part's pixels taken from up to `MAX_SHIFT` beside, where that is in the part too."""
    yield picture
    if np.count_nonzero(part) < LEAST_PIXELS:
        return
    rows, columns = np.nonzero(part)
    height, width = part.shape
    for down in range(-MAX_SHIFT, MAX_SHIFT + 1):
        for right in range(-MAX_SHIFT, MAX_SHIFT + 1):
            row, column = np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)
            inside = part[row, column]
            moved = picture.copy()
            moved[rows[inside], columns[inside]] = picture[row[inside], column[inside]]
            yield moved


def _as_sharp_as(wanted: np.ndarray, drawn: np.ndarray, part: np.ndarray) -> np.ndarray:
    """The truth, blurred within the part until it is no sharper than what was drawn: a mean of the two nearest blurs."""
    sharpness, blurred, own = neighbour_difference(drawn, part), wanted, neighbour_difference(wanted, part)
    weight = np.maximum(box_sums(part.astype(np.float64), 1), 1.0)[..., None]
    for _ in range(MAX_BLURS):
        if own <= sharpness:
            break
        before, was = blurred, own
        blurred = box_sums(blurred * part[..., None], 1) / weight
        own = neighbour_difference(blurred, part)
        if own <= sharpness:
            between: np.ndarray = before + (was - sharpness) / (was - own) * (blurred - before)
            return between
    return blurred


def _error(picture: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(H, W): mean absolute difference over the channels."""
    error: np.ndarray = np.abs(picture.astype(np.float64) - wanted).mean(axis=-1)
    return error
