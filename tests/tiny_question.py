"""A question for the baselines' tests: one triple of the world, asked of a tiny pipeline."""

from __future__ import annotations

from seal_sdk import IdentitySession
from seal_sdk.evaluation import Triple
from seal_sdk.evaluation.baselines import Question


def ask(session: IdentitySession, triple: Triple, side: int) -> Question:
    """The triple as a question of three steps; its reference is registered in the session."""
    identity = session.register(
        triple.reference.image, prompt=triple.reference_prompt, name="it", mask=triple.reference.mask, timesteps=1
    )
    return Question(
        structure=triple.structure.image,
        prompt=triple.prompt,
        identity=identity,
        structure_prompt=triple.structure_prompt,
        structure_mask=triple.structure.mask,
        seed=5,
        size=(side, side),
        steps=3,
        guidance_scale=3.0,
    )
