"""One subject known from several photos: how much closer to its ground truth than from one? Ours; the paper uses one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from tqdm import tqdm

from seal_sdk.evaluation.metrics.truth import part_color_error, subject_error
from seal_sdk.evaluation.questions.references import further_photos
from seal_sdk.evaluation.questions.triples import Triple, triples
from seal_sdk.evaluation.session import benchmark_session
from seal_sdk.evaluation.statistics import Interval, interval, resampled
from seal_sdk.session import IdentitySession

COUNTS = (1, 2, 3)


class ReferencesSummary(TypedDict):
    """Plain JSON of `measure_references`, by the number of photos ("1", "2", "3").

    ratios: the subject error divided by that from one photo.
    """

    seeds: int
    subject_error: dict[str, Interval]
    part_color_error: dict[str, Interval]
    ratios: dict[str, Interval]


def measure_references(seeds: Sequence[int], *, kind: str = "mesh", model: str = "pocket") -> ReferencesSummary:
    """Compare a subject registered from one photo with the same subject registered from two and three.

    Args:
        seeds: Seeds of the world.
        kind: Kind of the structure images.
        model: The model that the session opens.

    Raises:
        ConfigError: If the structure kind is unknown.
    """
    subject: dict[int, list[float]] = {count: [] for count in COUNTS}
    part_color: dict[int, list[float]] = {count: [] for count in COUNTS}
    with benchmark_session(model) as session:
        for triple in tqdm(triples(seeds, (kind,)), total=len(seeds), unit="subject", disable=None):
            truth = triple.truth
            for count, image in draw_subject(session, triple).items():
                subject[count].append(subject_error(image, truth.image, truth.mask))
                part_color[count].append(part_color_error(image, truth.image, truth.parts))
    samples = {count: np.array(values)[:, None] for count, values in subject.items()}
    bootstrap = {count: resampled(values) for count, values in samples.items()}
    one = samples[1].mean()
    return {
        "seeds": len(seeds),
        "subject_error": _intervals(subject),
        "part_color_error": _intervals(part_color),
        "ratios": {
            str(count): interval(float(samples[count].mean() / one), bootstrap[count] / bootstrap[1])
            for count in COUNTS[1:]
        },
    }


def _intervals(values: dict[int, list[float]]) -> dict[str, Interval]:
    samples = {str(count): np.array(each)[:, None] for count, each in values.items()}
    return {count: interval(float(each.mean()), resampled(each)) for count, each in samples.items()}


def draw_subject(session: IdentitySession, triple: Triple) -> dict[int, np.ndarray]:
    """Number of reference photos -> the image, uint8 (H, W, 3). Everything else is the same."""
    photos = [(triple.reference, triple.reference_prompt), *further_photos(triple, max(COUNTS) - 1)]
    names = tuple(f"photo {number}" for number in range(len(photos)))
    for name, (photo, prompt) in zip(names, photos, strict=True):
        session.register(photo.image, prompt=prompt, name=name, mask=photo.mask)
    generations = {
        count: session.generate(
            triple.structure.image,
            triple.prompt,
            identity=names[:count],
            structure_prompt=triple.structure_prompt,
            structure_mask=triple.structure.mask,
            seed=triple.seed,
        )
        for count in COUNTS
    }
    return {count: np.asarray(each.image.convert("RGB")) for count, each in generations.items()}
