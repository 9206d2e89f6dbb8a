"""What the paper names as its limits, before and after: two subjects, a half-hidden reference, and the schedule."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from seal_sdk import Alignment, Appearance, IdentitySession
from seal_sdk.demo.sheet import contact_sheet
from seal_sdk.evaluation.pairs import pairs
from seal_sdk.evaluation.references import further_photos
from seal_sdk.evaluation.triples import triples

COLUMNS = ("reference", "another", "structure", "before", "after", "truth")


def two_subjects(session, seed, **sampling):
    pair = next(pairs([seed]))
    for name, photo, prompt in zip("ab", pair.references, pair.reference_prompts, strict=True):
        session.register(photo.image, prompt=prompt, name=name, mask=photo.mask)
    call = dict(structure_prompt=pair.structure_prompt, alignment=Alignment(enabled=False), seed=seed) | sampling
    who = ({"a": np.logical_or(*pair.masks)}, dict(zip("ab", pair.masks, strict=True)))
    drawn = [session.generate(pair.structure, pair.prompt, identity=each, **call) for each in who]
    photos = [photo.image for photo in pair.references]
    return "one identity for both; one for each", (*photos, pair.structure, *(e.image for e in drawn), pair.truth)


def half_hidden(session, seed, **sampling):
    asked = next(triples([seed], ("mesh",)))
    other, prompt = further_photos(asked, 1)[0]
    photo, mask = asked.reference.image.copy(), asked.reference.mask.copy()
    middle = int(np.flatnonzero(mask.any(0)).mean())
    photo[:, middle:], mask[:, middle:] = 90, False  # something grey stands before it
    session.register(photo, prompt=asked.reference_prompt, name="hidden", mask=mask)
    session.register(other.image, prompt=prompt, name="other", mask=other.mask)
    call = _call(asked, sampling) | dict(alignment=Alignment(enabled=False))  # half a box would be half as far
    who = ("hidden", ("hidden", "other"))
    drawn = [session.generate(asked.structure.image, asked.prompt, identity=each, **call) for each in who]
    return "half of the reference hidden; with another photo", _row(asked, photo, other.image, drawn)


def schedule(session, seed, **sampling):
    asked = next(triples([seed], ("pose",)))
    session.register(asked.reference.image, prompt=asked.reference_prompt, name="one", mask=asked.reference.mask)
    call = _call(asked, sampling) | dict(identity="one")
    settings = (Appearance(schedule="constant"), Appearance(schedule="dynamic"))
    drawn = [session.generate(asked.structure.image, asked.prompt, appearance=each, **call) for each in settings]
    return "constant tau and delta; careful early, then more", _row(asked, asked.reference.image, None, drawn)


def _call(asked, sampling):
    structure = dict(structure_prompt=asked.structure_prompt, structure_mask=asked.structure.mask)
    return structure | dict(seed=asked.seed) | sampling


def _row(asked, photo, other, drawn):
    other = np.full_like(photo, 255) if other is None else other
    return photo, other, asked.structure.image, *(each.image for each in drawn), asked.truth.image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("limits.png"))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=400_005)
    arguments = parser.parse_args()
    cases, sampling = (two_subjects, half_hidden, schedule), dict(num_inference_steps=arguments.steps)
    with IdentitySession("pocket", store=arguments.store) as session:
        shown = [case(session, arguments.seed, **sampling) for case in cases]
    pictures = [(text, [e if isinstance(e, Image.Image) else Image.fromarray(e) for e in row]) for text, row in shown]
    contact_sheet(COLUMNS, pictures).save(arguments.out)


if __name__ == "__main__":
    main()
