"""Two identities in one image: is each as close to its ground truth as when it is drawn alone?

Ours; the paper draws one identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
from tqdm import tqdm

from seal_sdk.config import Alignment, Appearance, DeltaBridge
from seal_sdk.evaluation.metrics.prompt_following import COLOR_CHANGE, COLOR_REST, COLOR_SUCCESS, color_scores
from seal_sdk.evaluation.metrics.truth import subject_error
from seal_sdk.evaluation.questions.pairs import SIZE, Pair, pairs
from seal_sdk.evaluation.questions.triples import COLOR, PLAIN
from seal_sdk.evaluation.session import benchmark_session
from seal_sdk.evaluation.statistics import Interval, interval, resampled
from seal_sdk.generation.regions import Region
from seal_sdk.session import IdentitySession

METHODS = ("structure", "alone", "together")
ERROR = "subject_error"
COLORS = (COLOR_CHANGE.name, COLOR_REST.name, COLOR_SUCCESS.name)
NAMES = ("first", "second")


class PairsSummary(TypedDict):
    """Plain JSON of `measure_pairs`: metric -> method -> mean and interval.

    together_over_alone: the ratio of the two methods' subject errors. The colours are there with conflicts.
    """

    seeds: int
    subject_error: dict[str, Interval]
    together_over_alone: Interval
    color_change: NotRequired[dict[str, Interval]]
    color_rest: NotRequired[dict[str, Interval]]
    color_success: NotRequired[dict[str, Interval]]


def measure_pairs(
    seeds: Sequence[int], *, kind: str = "mesh", model: str = "pocket", conflicts: bool = False
) -> PairsSummary:
    """Compare two identities drawn together with each one drawn alone.

    Three methods: ``structure`` draws both without identities, ``alone`` draws each in an image of its own, and
    ``together`` draws both in one image, each bound to its region. Metrics are means over the two subjects. Alignment
    is off, because the regions already say what goes where.

    Args:
        seeds: Seeds of the world.
        kind: Kind of the structure images.
        model: The model that the session opens.
        conflicts: Whether the prompt gives each identity another main colour than its reference shows.

    Raises:
        ConfigError: If the structure kind is unknown.
    """
    asked = pairs(seeds, kind, COLOR if conflicts else PLAIN)
    metrics = (ERROR, *COLORS) if conflicts else (ERROR,)
    values: dict[str, dict[str, list[float]]] = {name: {method: [] for method in METHODS} for name in metrics}
    with benchmark_session(model) as session:
        for pair in tqdm(asked, total=len(seeds), unit="pair", disable=None):
            for method, images in draw_pair(session, pair).items():
                each = [_scores(pair, index, image) for index, image in enumerate(images)]
                for name in metrics:
                    values[name][method].append(float(np.mean([scores[name] for scores in each])))
    return _summary(len(seeds), values)


def _scores(pair: Pair, index: int, image: np.ndarray) -> dict[str, float]:
    """The values of one subject in an image that shows it."""
    error = {ERROR: subject_error(image, pair.truth, pair.masks[index])}
    if pair.question == PLAIN:
        return error
    return error | color_scores(image, pair.truths[index], pair.before[index])


def _summary(seeds: int, values: Mapping[str, Mapping[str, Sequence[float]]]) -> PairsSummary:
    samples = {
        name: {method: np.array(each)[:, None] for method, each in methods.items()} for name, methods in values.items()
    }
    found: dict[str, Any] = {
        name: {method: interval(float(each.mean()), resampled(each)) for method, each in methods.items()}
        for name, methods in samples.items()
    }
    alone, together = samples[ERROR]["alone"], samples[ERROR]["together"]
    ratio = interval(float(together.mean() / alone.mean()), resampled(together) / resampled(alone))
    return {"seeds": seeds, "together_over_alone": ratio, **found}  # type: ignore[typeddict-item]  # names are metrics'


def draw_pair(session: IdentitySession, pair: Pair) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each of `METHODS`, the image that shows the first subject and the one that shows the second.

    Images are uint8 (SIZE, SIZE, 3); both are the same object where one image shows both subjects.
    """
    for name, reference, prompt in zip(NAMES, pair.references, pair.reference_prompts, strict=True):
        session.register(reference.image, prompt=prompt, name=name, mask=reference.mask)

    def draw(
        structure: np.ndarray,
        prompt: str,
        identity: Mapping[str, Any] | None,
        appearance: Appearance | None = None,
        delta_bridge: DeltaBridge | None = None,
    ) -> np.ndarray:
        generation = session.generate(
            structure,
            prompt,
            identity=identity,
            structure_prompt=pair.structure_prompt,
            seed=pair.seed,
            height=SIZE,
            width=SIZE,
            alignment=Alignment(enabled=False),
            appearance=appearance,
            delta_bridge=delta_bridge,
        )
        return np.asarray(generation.image.convert("RGB"))

    plain = draw(pair.structure, pair.prompt, None, Appearance(delta=0), DeltaBridge(strength=0))
    alone = [draw(pair.alone[i], pair.alone_prompts[i], {name: pair.masks[i]}) for i, name in enumerate(NAMES)]
    both = draw(pair.structure, pair.prompt, regions(pair))
    return {"structure": (plain, plain), "alone": (alone[0], alone[1]), "together": (both, both)}


def regions(pair: Pair) -> dict[str, Any]:
    """Both identities with their regions, and what is said of each, as ``session.generate`` takes them."""
    given = zip(NAMES, pair.masks, pair.subject_prompts, strict=True)
    return {name: Region(mask, prompt) for name, mask, prompt in given}
