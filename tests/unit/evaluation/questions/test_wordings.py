"""The same questions in other words."""

from __future__ import annotations

import pytest

from seal_sdk.cli.commands.bench import quality
from seal_sdk.evaluation.questions.conflicts import CONFLICTS, conflicting, recoloured
from seal_sdk.evaluation.questions.triples import triple
from seal_sdk.evaluation.questions.wordings import WORDINGS, reworded
from seal_sdk.pocket import world

SEEDS = (400000, 400001, 400002, 400003)
PLAIN = [triple(seed, "mesh") for seed in SEEDS]
RECOLORED = list(recoloured(PLAIN))


def test_the_short_wording_is_the_benchmarks_own():
    for asked in (PLAIN, RECOLORED):
        short = list(reworded(asked, "short"))
        assert [(each.prompt, each.reference_prompt) for each in short] == [
            (each.prompt, each.reference_prompt) for each in asked
        ]
        assert [each.task for each in short] == [each.question for each in asked]


@pytest.mark.parametrize("name", [name for name in WORDINGS if name != "short"])
def test_other_wordings_say_the_same_in_other_words(name):
    for before, after in zip(RECOLORED, reworded(RECOLORED, name), strict=True):
        for word in (before.identity.species, world.color_name(before.identity.main), world.place(before.scene)):
            assert word in after.prompt
        assert (before.prompt, before.reference_prompt) != (after.prompt, after.reference_prompt)
        assert before.truth is after.truth and after.task == f"color-{name}"


@pytest.mark.parametrize("kind", CONFLICTS)
@pytest.mark.parametrize("name", ["plain-reference", "paraphrased", "long"])
def test_these_references_name_neither_colour_nor_pattern(name, kind):
    asked = list(conflicting(PLAIN[:2], kind))
    for before, after in zip(asked, reworded(asked, name), strict=True):
        looks = {*world.COLORS, *world.PATTERNS}
        assert not set(world.words(after.reference_prompt)) & looks
        assert set(world.words(after.prompt)) & looks == set(world.words(before.prompt)) & looks
        assert after.negative_prompt == before.negative_prompt and after.task == f"{kind}-{name}"


def test_the_command_names_every_wording():
    assert tuple(WORDINGS) == quality.WORDINGS
