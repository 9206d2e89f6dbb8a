"""Two identities in one image: is each as close to its ground truth as when it is drawn alone?

Ours; the paper draws one identity.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import TypedDict

import numpy as np
from tqdm import tqdm

from seal_sdk.config import Alignment, Appearance, DeltaBridge
from seal_sdk.evaluation.metrics.truth import subject_error
from seal_sdk.evaluation.questions.pairs import SIZE, Pair, pairs
from seal_sdk.evaluation.statistics import Interval, interval, resampled
from seal_sdk.session import IdentitySession

METHODS = ("structure", "alone", "together")


class PairsSummary(TypedDict):
    """Plain JSON of `measure_pairs`. together_over_alone: the ratio of the two methods' errors."""

    seeds: int
    subject_error: dict[str, Interval]
    together_over_alone: Interval


def measure_pairs(seeds: Sequence[int], *, kind: str = "mesh", model: str = "pocket") -> PairsSummary:
    """Compare two identities drawn together with each one drawn alone.

    Three methods: ``structure`` draws both without identities, ``alone`` draws each in an image of its own, and
    ``together`` draws both in one image, each bound to its region. The error is `subject_error`, averaged over the two
    subjects. Alignment is off, because the regions already say what goes where.

    Args:
        seeds: Seeds of the world.
        kind: Kind of the structure images.
        model: The model that the session opens.

    Raises:
        ConfigError: If the structure kind is unknown.
    """
    errors: dict[str, list[float]] = {method: [] for method in METHODS}
    with (
        tempfile.TemporaryDirectory(prefix="seal-evaluation-") as store,
        IdentitySession(model, store=store, enable_progress_bar=False) as session,
    ):
        for pair in tqdm(pairs(seeds, kind), total=len(seeds), unit="pair", disable=None):
            for method, images in draw_pair(session, pair).items():
                each = [subject_error(image, pair.truth, mask) for image, mask in zip(images, pair.masks, strict=True)]
                errors[method].append(float(np.mean(each)))
    samples = {method: np.array(values)[:, None] for method, values in errors.items()}
    bootstrap = {method: resampled(values) for method, values in samples.items()}
    ratio = samples["together"].mean() / samples["alone"].mean()
    return {
        "seeds": len(seeds),
        "subject_error": {name: interval(float(samples[name].mean()), bootstrap[name]) for name in METHODS},
        "together_over_alone": interval(float(ratio), bootstrap["together"] / bootstrap["alone"]),
    }


def draw_pair(session: IdentitySession, pair: Pair) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each of `METHODS`, the image that shows the first subject and the one that shows the second.

    Images are uint8 (SIZE, SIZE, 3); both are the same object where one image shows both subjects.
    """
    names = ("first", "second")
    for name, reference, prompt in zip(names, pair.references, pair.reference_prompts, strict=True):
        session.register(reference.image, prompt=prompt, name=name, mask=reference.mask)

    def draw(
        structure: np.ndarray,
        identity: Mapping[str, np.ndarray] | None,
        appearance: Appearance | None = None,
        delta_bridge: DeltaBridge | None = None,
    ) -> np.ndarray:
        generation = session.generate(
            structure,
            pair.prompt,
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

    plain = draw(pair.structure, None, Appearance(delta=0), DeltaBridge(strength=0))
    alone = [draw(pair.alone[i], {name: pair.masks[i]}) for i, name in enumerate(names)]
    both = draw(pair.structure, dict(zip(names, pair.masks, strict=True)))
    return {"structure": (plain, plain), "alone": (alone[0], alone[1]), "together": (both, both)}
