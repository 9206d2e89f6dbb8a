"""Questions whose prompt names another colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.cli.commands.bench import quality
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.metrics.truth import dilate
from seal_sdk.evaluation.questions.conflicts import CONFLICTS, recoloured
from seal_sdk.evaluation.questions.conflicts import conflicting as ask
from seal_sdk.evaluation.questions.triples import COLOR, triples
from seal_sdk.pocket import world


def test_a_conflict_asks_for_another_coat_and_nothing_else(asked, conflicting):
    for plain, changed in zip(asked, conflicting, strict=True):
        said = {world.color_name(changed.identity.main), world.color_name(plain.identity.main)}
        assert len(said) == 2 and replace(changed.identity, main=plain.identity.main) == plain.identity
        assert [set(world.words(text)) & said for text in (changed.prompt, changed.reference_prompt)] == [
            {world.color_name(changed.identity.main)},
            {world.color_name(plain.identity.main)},
        ]
        outside = ~dilate(plain.truth.mask | changed.truth.mask, 2)  # edges are blended
        assert np.array_equal(changed.truth.image[outside], plain.truth.image[outside])
        assert np.array_equal(changed.truth.mask, plain.truth.mask) and changed.question == COLOR
    assert [each.prompt for each in recoloured(asked)] == [each.prompt for each in conflicting]


def named(text):
    """The colours and patterns that a prompt names."""
    return set(world.words(text)) & {*world.COLORS, *world.PATTERNS}


def looks(identity):
    return world.color_name(identity.main), identity.pattern


def test_a_pattern_conflict_asks_for_another_pattern_and_nothing_else(asked):
    for triple in ask(asked, "pattern"):
        before, after = triple.shown.identity, triple.identity
        assert after == replace(before, pattern=after.pattern) and "plain" != before.pattern != after.pattern
        assert named(triple.prompt) == {after.pattern} and named(triple.reference_prompt) == {before.pattern}


def test_a_subject_without_a_pattern_gets_one_in_its_reference(asked):
    plain = [
        replace(each, shown=replace(each.shown, identity=replace(each.identity, pattern="plain"))) for each in asked
    ]
    for triple in ask(plain, "removal"):
        shown = triple.shown
        assert shown.identity.pattern != "plain"
        assert np.array_equal(triple.reference.image, world.render(shown.identity, shown.pose, shown.scene).image)


def test_a_part_conflict_is_about_people(asked):
    triples = list(ask(asked, "part"))
    assert [each.identity.species for each in triples] == ["person"] * len(asked)
    assert len({each.identity for each in triples}) == len(asked)
    for triple in triples:
        old, new = (world.color_name(each.main) for each in (triple.shown.identity, triple.identity))
        assert f"a person in {'an' if new[0] in 'aeiou' else 'a'} {new} top" in triple.prompt and old != new
        before = world.render(triple.shown.identity, triple.pose, triple.scene)
        change = np.abs(triple.truth.image.astype(float) - before.image).mean(-1)
        parts = triple.truth.parts
        changed = {world.PARTS[part] for part in np.unique(parts) if change[parts == part].mean() > 8}
        assert "torso" in changed and changed <= {"torso", "near fore", "far fore"}


def test_two_changes_at_once(asked):
    for triple in ask(asked, "two"):
        before, after = looks(triple.shown.identity), looks(triple.identity)
        assert before[0] != after[0] and before[1] != after[1] and "plain" not in (*before, *after)
        assert named(triple.prompt) == set(after) and named(triple.reference_prompt) == set(before)


def test_a_prompt_that_agrees_changes_nothing(asked):
    for plain, triple in zip(asked, ask(asked, "agree"), strict=True):
        assert np.array_equal(triple.truth.image, plain.truth.image) and triple.reference is plain.reference
        assert named(triple.prompt) == {looks(plain.identity)[0]} and not named(triple.reference_prompt)


def test_a_removal_names_the_pattern_only_where_it_is_unwanted(asked):
    for triple in ask(asked, "removal"):
        before = triple.shown.identity
        assert triple.identity == replace(before, pattern="plain") and triple.negative_prompt == before.pattern
        assert not named(triple.prompt) and named(triple.reference_prompt) == {before.pattern}


@pytest.mark.parametrize("kind", CONFLICTS)
def test_questions_of_a_seed_differ_in_the_structure_image_alone(kind):
    mesh, pose = ask(triples([400_001], ("mesh", "pose")), kind)
    assert (mesh.kind, pose.kind) == ("mesh", "pose") and mesh.truth is pose.truth and mesh.question == kind
    assert (mesh.prompt, mesh.identity) == (pose.prompt, pose.identity)
    assert not np.array_equal(mesh.structure.image, pose.structure.image)


def test_an_unknown_kind_of_conflict_is_named():
    with pytest.raises(ConfigError, match="conflict 'size'"):
        list(ask([], "size"))


def test_the_command_names_every_kind():
    assert tuple(CONFLICTS) == quality.CONFLICTS
