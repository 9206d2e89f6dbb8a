"""One subject seen in several photos: how much nearer to its truth than from one? Ours; the paper takes one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from seal_sdk.evaluation.metrics import part_color_error, subject_error
from seal_sdk.evaluation.summary import interval, resampled
from seal_sdk.evaluation.triples import Triple, triples
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

COUNTS = (1, 2, 3)


def further_photos(triple: Triple, count: int) -> list[tuple[world.Rendering, str]]:
    """Photos of the same identity in other poses, on other scenes, with their prompts."""
    rng, size = np.random.default_rng((triple.seed, 11)), len(triple.truth.mask)
    found = []
    for _ in range(count):
        pose, scene = world.sample_pose(rng, triple.identity.species), world.sample_scene(rng)
        shown = (triple.identity, pose, scene)
        found.append((world.render(*shown, size=size), world.caption(*shown)))
    return found


def measure_references(seeds: Sequence[int], *, kind: str = "mesh", model: str = "pocket") -> dict[str, Any]:
    """``{"seeds": n, "subject_error": {"1": {"mean", "ci95"}, ...}, "part_color_error": {...}, "ratios": {...}}`` by how
    many photos the subject is known from; ratios are of the subject error to that from one."""
    errors: dict[str, dict[int, list[float]]] = {
        name: {n: [] for n in COUNTS} for name in ("subject_error", "part_color_error")
    }
    with (
        tempfile.TemporaryDirectory(prefix="seal-evaluation-") as store,
        IdentitySession(model, store=store, enable_progress_bar=False) as session,
    ):
        for asked in tqdm(triples(seeds, (kind,)), total=len(seeds), unit="subject", disable=None):
            for count, image in draw_subject(session, asked).items():
                truth = asked.truth
                errors["subject_error"][count].append(subject_error(image, truth.image, truth.mask))
                errors["part_color_error"][count].append(part_color_error(image, truth.image, truth.parts))
    samples = {name: {n: np.array(each)[:, None] for n, each in by.items()} for name, by in errors.items()}
    draws = {n: resampled(each) for n, each in samples["subject_error"].items()}
    one = samples["subject_error"][1].mean()
    return {
        "seeds": len(seeds),
        **{
            name: {str(n): interval(float(each.mean()), resampled(each)) for n, each in by.items()}
            for name, by in samples.items()
        },
        "ratios": {
            str(n): interval(float(samples["subject_error"][n].mean() / one), draws[n] / draws[1]) for n in COUNTS[1:]
        },
    }


def draw_subject(session: IdentitySession, asked: Triple) -> dict[int, np.ndarray]:
    """Count of references -> the picture; everything else is the same."""
    photos = [(asked.reference, asked.reference_prompt), *further_photos(asked, max(COUNTS) - 1)]
    names = tuple(f"photo {number}" for number in range(len(photos)))
    for name, (photo, prompt) in zip(names, photos, strict=True):
        session.register(photo.image, prompt=prompt, name=name, mask=photo.mask)
    drawn = {
        count: session.generate(
            asked.structure.image,
            asked.prompt,
            identity=names[:count],
            structure_prompt=asked.structure_prompt,
            structure_mask=asked.structure.mask,
            seed=asked.seed,
        )
        for count in COUNTS
    }
    return {count: np.asarray(each.image.convert("RGB")) for count, each in drawn.items()}
