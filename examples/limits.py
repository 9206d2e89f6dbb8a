"""The limits that the paper names, before and after: two subjects, a half-hidden reference, and the schedule."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seal_sdk import Alignment, Appearance, Generation, IdentitySession
from seal_sdk.demo.sheet import Row, contact_sheet
from seal_sdk.evaluation import Triple, triples
from seal_sdk.evaluation.questions.pairs import pairs
from seal_sdk.evaluation.questions.references import further_photos

COLUMNS = ("reference", "another", "structure", "before", "after", "truth")


def two_subjects(session: IdentitySession, seed: int, steps: int) -> Row:
    """Two subjects in one image: one identity for both, then one for each."""
    pair = next(pairs([seed]))
    for name, photo, prompt in zip("ab", pair.references, pair.reference_prompts, strict=True):
        session.register(photo.image, prompt=prompt, name=name, mask=photo.mask)
    regions = ({"a": np.logical_or(*pair.masks)}, dict(zip("ab", pair.masks, strict=True)))
    call: dict[str, Any] = dict(structure_prompt=pair.structure_prompt, alignment=Alignment(enabled=False), seed=seed)
    call["num_inference_steps"] = steps
    drawn = [session.generate(pair.structure, pair.prompt, identity=each, **call) for each in regions]
    photos = [photo.image for photo in pair.references]
    return _row("one identity for both; one for each", (*photos, pair.structure), drawn, pair.truth)


def half_hidden(session: IdentitySession, seed: int, steps: int) -> Row:
    """A reference that shows only half of the subject: alone, then with another photo."""
    triple = next(triples([seed], ("mesh",)))
    other, prompt = further_photos(triple, 1)[0]
    photo, mask = triple.reference.image.copy(), triple.reference.mask.copy()
    middle = int(np.flatnonzero(mask.any(0)).mean())
    photo[:, middle:], mask[:, middle:] = 90, False  # a grey wall in front of the subject
    session.register(photo, prompt=triple.reference_prompt, name="hidden", mask=mask)
    session.register(other.image, prompt=prompt, name="other", mask=other.mask)
    unaligned = Alignment(enabled=False)  # the box of half a subject is no place to move the structure to
    drawn = [_draw(session, triple, steps, each, alignment=unaligned) for each in ("hidden", ("hidden", "other"))]
    given = (photo, other.image, triple.structure.image)
    return _row("half of the reference hidden; with another photo", given, drawn, triple.truth.image)


def schedule(session: IdentitySession, seed: int, steps: int) -> Row:
    """A constant schedule, then one that starts with weak infusion."""
    triple = next(triples([seed], ("pose",)))
    photo, mask = triple.reference.image, triple.reference.mask
    session.register(photo, prompt=triple.reference_prompt, name="one", mask=mask)
    settings = (Appearance(schedule="constant"), Appearance(schedule="dynamic"))
    drawn = [_draw(session, triple, steps, "one", appearance=each) for each in settings]
    given = (photo, np.full_like(photo, 255), triple.structure.image)
    return _row("constant tau and delta; careful early, then more", given, drawn, triple.truth.image)


def _draw(session: IdentitySession, triple: Triple, steps: int, identity: Any, **settings: Any) -> Generation:
    settings |= dict(structure_prompt=triple.structure_prompt, structure_mask=triple.structure.mask, seed=triple.seed)
    settings |= dict(identity=identity, num_inference_steps=steps)
    return session.generate(triple.structure.image, triple.prompt, **settings)


def _row(caption: str, given: Sequence[np.ndarray], drawn: Sequence[Generation], truth: np.ndarray) -> Row:
    return caption, (*map(Image.fromarray, given), *(each.image for each in drawn), Image.fromarray(truth))


def main() -> None:
    """Write one contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("limits.png"))
    parser.add_argument("--store", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=400_005)
    arguments = parser.parse_args()
    with IdentitySession("pocket", store=arguments.store) as session:
        rows = [case(session, arguments.seed, arguments.steps) for case in (two_subjects, half_hidden, schedule)]
    contact_sheet(COLUMNS, rows).save(arguments.out)


if __name__ == "__main__":
    main()
