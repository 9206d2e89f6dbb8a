"""Two identities in one picture: is each as near to its truth as when it is drawn alone? Ours; the paper draws one.

Both are of one species, so that nothing but their regions tells the method who is who.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from seal_sdk.config import Alignment, Appearance, DeltaBridge
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.metrics import subject_error
from seal_sdk.evaluation.summary import interval, resampled
from seal_sdk.evaluation.triples import KINDS
from seal_sdk.pocket import world
from seal_sdk.session import IdentitySession

METHODS = ("structure", "alone", "together")
SIZE = 128
_PLACES, _SCALE, _ATTEMPTS = ((0.05, 0.85), (0.95, 0.85)), 0.48, 50


@dataclass(frozen=True, eq=False)
class Pair:
    """Two subjects side by side on one scene. Pictures are uint8 (SIZE, SIZE, 3), masks bool.

    references: a photo of each; truth, structure: both together; alone: the structure image of each by itself;
    masks: where each is in all of them.
    """

    seed: int
    prompt: str
    structure_prompt: str
    references: tuple[world.Rendering, world.Rendering]
    reference_prompts: tuple[str, str]
    structure: np.ndarray
    alone: tuple[np.ndarray, np.ndarray]
    truth: np.ndarray
    masks: tuple[np.ndarray, np.ndarray]


def pairs(seeds: Iterable[int], kind: str = "mesh") -> Iterator[Pair]:
    """The pairs of some seeds. Raises ConfigError for an unknown structure kind."""
    if kind not in KINDS:
        raise ConfigError(f"kind {kind!r} is no structure kind; choose from {', '.join(KINDS)}.")
    for seed in seeds:
        yield _pair(seed, kind)


def _pair(seed: int, kind: str) -> Pair:
    rng = np.random.default_rng((seed, 7))
    first = world.sample(seed)
    other = world.sample_identity(rng, first.identity.species)
    identities = (first.identity, other)
    own = (first.pose, world.sample_pose(rng, other.species))
    scenes = (first.scene, world.sample_scene(rng))
    scene = world.sample_scene(rng)
    poses = _apart(rng, identities)
    photos, structures = (
        [world.render(who, pose, scene, each, SIZE) for who, pose in zip(identities, poses, strict=True)]
        for each in ("photo", kind)
    )
    masks = (photos[0].mask & ~photos[1].mask, photos[1].mask)
    laid = [np.where(each[1].mask[..., None], each[1].image, each[0].image) for each in (photos, structures)]
    shown = list(zip(identities, own, scenes, strict=True))
    return Pair(
        seed=seed,
        prompt=world.caption(first.identity, poses[0], scene),
        structure_prompt=world.caption(first.identity, poses[0], scene, kind),
        references=tuple(world.render(*each, size=SIZE) for each in shown),  # type: ignore[arg-type]
        reference_prompts=tuple(world.caption(*each) for each in shown),  # type: ignore[arg-type]
        structure=laid[1],
        alone=(structures[0].image, structures[1].image),
        truth=laid[0],
        masks=masks,
    )


def _apart(rng: np.random.Generator, identities: Sequence[world.Identity]) -> list[world.Pose]:
    """A pose for each, small enough to stand side by side, that do not touch."""
    for _ in range(_ATTEMPTS):
        poses = [
            replace(world.sample_pose(rng, who.species), scale=_SCALE, place=place)
            for who, place in zip(identities, _PLACES, strict=True)
        ]
        scene = world.sample_scene(rng)
        masks = [world.render(*each, scene, size=SIZE).mask for each in zip(identities, poses, strict=True)]
        if not (masks[0] & masks[1]).any():
            return poses
    raise ValueError("no two poses fit side by side; this seed cannot be used")


def measure_pairs(seeds: Sequence[int], *, kind: str = "mesh", model: str = "pocket") -> dict[str, Any]:
    """``{"seeds": n, "subject_error": {method: {"mean", "ci95"}}, "together_over_alone": {"mean", "ci95"}}``.

    structure: both drawn without identities. alone: each in a picture of its own. together: both in one picture, bound
    to their regions. Errors are `metrics.subject_error`, mean over the two. Nothing is aligned: regions say what is where.
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
    draws = {method: resampled(values) for method, values in samples.items()}
    ratio = samples["together"].mean() / samples["alone"].mean()
    return {
        "seeds": len(seeds),
        "subject_error": {name: interval(float(samples[name].mean()), draws[name]) for name in METHODS},
        "together_over_alone": interval(float(ratio), draws["together"] / draws["alone"]),
    }


def draw_pair(session: IdentitySession, pair: Pair) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Method -> the picture that shows the first subject, and the one that shows the second."""
    names = ("first", "second")
    for name, reference, prompt in zip(names, pair.references, pair.reference_prompts, strict=True):
        session.register(reference.image, prompt=prompt, name=name, mask=reference.mask)

    def draw(structure: np.ndarray, identity: Any, **settings: Any) -> np.ndarray:
        drawn = session.generate(
            structure,
            pair.prompt,
            identity=identity,
            structure_prompt=pair.structure_prompt,
            seed=pair.seed,
            height=SIZE,
            width=SIZE,
            alignment=Alignment(enabled=False),
            **settings,
        )
        return np.asarray(drawn.image.convert("RGB"))

    nobody = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
    plain = draw(pair.structure, None, **nobody)
    alone = [draw(pair.alone[i], {name: pair.masks[i]}) for i, name in enumerate(names)]
    both = draw(pair.structure, dict(zip(names, pair.masks, strict=True)))
    return {"structure": (plain, plain), "alone": (alone[0], alone[1]), "together": (both, both)}
