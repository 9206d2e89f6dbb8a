"""A prompt that names another colour than the reference's: the colour changes, and the rest of the subject stays."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.demo.sheet import Row, contact_sheet
from seal_sdk.evaluation import Triple, triples
from seal_sdk.evaluation.questions.conflicts import recoloured

COLUMNS = ("reference", "structure", "as the reference", "as the prompt", "truth")


def row(session: IdentitySession, plain: Triple, recolored: Triple, steps: int) -> Row:
    """The reference in the structure's pose, once in its own colour and once in the prompted one."""
    reference, structure = plain.reference, plain.structure
    session.register(reference.image, prompt=recolored.reference_prompt, name="subject", mask=reference.mask)
    generated = [
        session.generate(
            structure.image,
            prompt,
            identity="subject",
            structure_mask=structure.mask,
            structure_prompt=plain.structure_prompt,
            num_inference_steps=steps,
            seed=plain.seed,
        ).image
        for prompt in (plain.prompt, recolored.prompt)
    ]
    given = [Image.fromarray(each.image) for each in (reference, structure)]
    caption = f"{recolored.reference_prompt} -> {recolored.prompt}"
    return caption, (*given, *generated, Image.fromarray(recolored.truth.image))


def main() -> None:
    """Draw some subjects in both colours, on one contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("another-colour.png"))
    parser.add_argument("--store", type=Path, default=None)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=400_010, help="The first seed.")
    parser.add_argument("--rows", type=int, default=5)
    arguments = parser.parse_args()
    plain = list(triples(range(arguments.seed, arguments.seed + arguments.rows), ("mesh",)))
    with IdentitySession("pocket", store=arguments.store) as session:
        rows = [row(session, *pair, arguments.steps) for pair in zip(plain, recoloured(plain), strict=True)]
    contact_sheet(COLUMNS, rows).save(arguments.out)


if __name__ == "__main__":
    main()
