"""A prompt that names another colour than the reference's: that changes, and the rest of the subject stays."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.demo.sheet import contact_sheet
from seal_sdk.evaluation.conflicts import recoloured
from seal_sdk.evaluation.triples import triples

COLUMNS = ("reference", "structure", "as the reference", "as the prompt", "truth")


def row(session, plain, asked, **sampling):
    """The reference in the structure's pose, once with the reference's colour and once with the asked one."""
    reference, structure = plain.reference, plain.structure
    session.register(reference.image, prompt=asked.reference_prompt, name="subject", mask=reference.mask)
    call = dict(structure_mask=structure.mask, structure_prompt=plain.structure_prompt, seed=plain.seed) | sampling
    drawn = [
        session.generate(structure.image, prompt, identity="subject", **call).image
        for prompt in (plain.prompt, asked.prompt)
    ]
    given = [Image.fromarray(each.image) for each in (reference, structure)]
    return f"{asked.reference_prompt} -> {asked.prompt}", (*given, *drawn, Image.fromarray(asked.truth.image))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("another-colour.png"))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=400_010, help="The first of the seeds that are drawn.")
    parser.add_argument("--rows", type=int, default=5)
    arguments = parser.parse_args()
    plain = list(triples(range(arguments.seed, arguments.seed + arguments.rows), ("mesh",)))
    with IdentitySession("pocket", store=arguments.store) as session:
        rows = [
            row(session, *pair, num_inference_steps=arguments.steps)
            for pair in zip(plain, recoloured(plain), strict=True)
        ]
    contact_sheet(COLUMNS, rows).save(arguments.out)


if __name__ == "__main__":
    main()
