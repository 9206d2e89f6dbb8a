"""Where the subject error comes from, beside what a perfect match would leave. Ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from tqdm import tqdm

from seal_sdk.evaluation.methods import METHODS, Method
from seal_sdk.evaluation.metrics.error_split import SOURCES, split_error
from seal_sdk.evaluation.metrics.truth import subject_error
from seal_sdk.evaluation.networks.segmenter import Segmenter, load_segmenter, subject_mask
from seal_sdk.evaluation.oracle import NAME, Target, encoded_and_decoded, steered, without_transfer
from seal_sdk.evaluation.painter import Painter
from seal_sdk.evaluation.questions.triples import KINDS, Triple, check_kinds, triples
from seal_sdk.evaluation.session import benchmark_session
from seal_sdk.evaluation.statistics import Interval, interval, resampled, seed_means
from seal_sdk.evaluation.tasks.scoring import draw
from seal_sdk.session import IdentitySession

ERROR = "subject_error"


@dataclass(frozen=True, eq=False)
class SplitPicture:
    """One picture, uint8 (H, W, 3), its subject error and the sources that add up to it (`SOURCES`), in RGB levels."""

    triple: Triple
    method: str
    image: np.ndarray
    values: dict[str, float]


class MethodSplit(TypedDict):
    """Of one method: the subject error, its parts by `SOURCES` in RGB levels, and each part's share of it, in [0, 1]."""

    subject_error: Interval
    parts: dict[str, Interval]
    shares: dict[str, Interval]


class SplitSummary(TypedDict):
    """Plain JSON of `summarize_split`. pictures: {"seed", "kind", "method"} of each, with its values."""

    seeds: int
    methods: dict[str, MethodSplit]
    pictures: list[dict[str, object]]


def measure_split(
    seeds: Sequence[int],
    methods: Sequence[Method],
    *,
    kinds: Sequence[str] = KINDS[:3],
    model: str = "pocket",
    subject: str = "pocket",
) -> list[SplitPicture]:
    """Split the subject error of each picture of some methods, of the oracle, and of `exact`.

    The oracle is "seal" with the truth's own latents in the place of the matched ones (`oracle`).

    Args:
        seeds: Seeds of the world.
        methods: What is drawn, as of `measure_quality`; with AnchorAlign.
        kinds: Kinds of the structure images.
        model: The model that the session opens.
        subject: The session's subject segmenter.

    Raises:
        ConfigError: If a structure kind is unknown.
    """
    check_kinds(kinds)
    segmenter, asked = load_segmenter(), len(seeds) * len(kinds)
    with benchmark_session(model, subject) as session:
        painter, found = Painter(session, {}), []
        for triple in tqdm(triples(seeds, kinds), total=asked, unit="question", disable=None):
            images = {method.name: draw(painter, triple, method, False)[0] for method in methods}
            images[NAME] = draw_oracle(session, painter, triple)
            images["exact"] = draw(painter, triple, METHODS["exact"], False)[0]
            through_vae = encoded_and_decoded(session.backbone, triple.truth.image)
            found += [
                SplitPicture(triple, name, image, _values(triple, image, through_vae, segmenter))
                for name, image in images.items()
            ]
    return found


def draw_oracle(session: IdentitySession, painter: Painter, triple: Triple) -> np.ndarray:
    """The picture, uint8 (H, W, 3), drawn towards the truth's latents."""
    seal = METHODS["seal"]
    target = Target.of(session.backbone, triple.truth, seal.appearance.detail)
    with steered(session.backbone, target):
        return draw(painter, triple, without_transfer(seal), False)[0]


def _values(triple: Triple, image: np.ndarray, through_vae: np.ndarray, segmenter: Segmenter) -> dict[str, float]:
    truth = triple.truth
    parts = split_error(image, truth, triple.reference, through_vae, subject_mask(segmenter, image))
    return {ERROR: subject_error(image, truth.image, truth.mask), **parts}


def summarize_split(pictures: Sequence[SplitPicture]) -> SplitSummary:
    """Means over pictures with 95 % intervals. The bootstrap resamples seeds, since the kinds of a seed are not independent."""
    names = list(dict.fromkeys(each.method for each in pictures))
    return {
        "seeds": len({each.triple.seed for each in pictures}),
        "methods": {name: _summarize([each for each in pictures if each.method == name]) for name in names},
        "pictures": [
            {"seed": each.triple.seed, "kind": each.triple.kind, "method": each.method, **each.values}
            for each in pictures
        ],
    }


def _summarize(pictures: Sequence[SplitPicture]) -> MethodSplit:
    samples = seed_means((each.triple.seed, [each.values[name] for name in (ERROR, *SOURCES)]) for each in pictures)
    means, bootstrap = samples.mean(0), resampled(samples)
    shares = means / max(means[0], 1e-12), bootstrap / np.maximum(bootstrap[:, :1], 1e-12)
    return {
        "subject_error": interval(float(means[0]), bootstrap[:, 0]),
        "parts": {name: interval(float(means[n]), bootstrap[:, n]) for n, name in enumerate(SOURCES, 1)},
        "shares": {name: interval(float(shares[0][n]), shares[1][:, n]) for n, name in enumerate(SOURCES, 1)},
    }
