"""Triples: seeded questions whose ground truth is exact."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.evaluation.metrics.truth import iou
from seal_sdk.evaluation.questions.triples import Triple, move, triples
from seal_sdk.method.anchor_align import Transform, align_mask, anchor_transform
from seal_sdk.pocket import world


@pytest.fixture(scope="module")
def asked() -> list[Triple]:
    return list(triples(range(400_000, 400_012), ("mesh", "pose")))


@pytest.fixture(scope="module")
def triple(asked) -> Triple:
    return asked[0]


def test_triples_are_repeatable(triple):
    again = next(triples([triple.seed], ("mesh", "pose")))
    for part in ("reference", "structure", "truth"):
        assert np.array_equal(getattr(triple, part).image, getattr(again, part).image)
    assert (triple.prompt, triple.identity, triple.scene) == (again.prompt, again.identity, again.scene)


def test_a_triple_asks_for_another_pose_on_another_scene(asked):
    for triple in asked:
        first = world.sample(triple.seed)
        assert triple.identity == first.identity
        assert triple.scene.name != first.scene.name
        assert triple.pose.limbs != first.pose.limbs
        assert world.caption(triple.identity, triple.pose, triple.scene) == triple.prompt
        assert not set(world.words(triple.prompt)) & {*world.COLORS, *world.PATTERNS}
        assert (
            triple.structure_prompt
            == f"a {'mesh' if triple.kind == 'mesh' else 'pose skeleton'} of a {triple.identity.species}"
        )


def test_kinds_of_a_seed_share_everything_but_the_structure_image(asked):
    mesh, pose = asked[:2]
    assert (mesh.kind, pose.kind, mesh.seed) == ("mesh", "pose", pose.seed)
    assert mesh.truth is pose.truth and mesh.reference is pose.reference
    assert not np.array_equal(mesh.structure.image, pose.structure.image)


def test_the_truth_stands_where_anchor_align_puts_the_structure(asked):
    for triple in asked:
        transform = anchor_transform(triple.reference.box, triple.structure.box)
        aligned = align_mask(triple.structure.mask, transform, (128, 128))
        assert iou(aligned, triple.truth.mask) > 0.95
        expected = triple.structure.keypoints * transform.scale + np.asarray(transform.shift)
        assert np.abs(triple.truth.keypoints - expected).max() < 0.01


def test_a_pose_that_would_leave_the_picture_is_refused(triple):
    pose = world.sample(triple.seed).pose
    assert move(triple.identity, pose, Transform(1.0, (0.0, 0.0)), 128) is not None
    assert move(triple.identity, pose, Transform(1.0, (128.0, 0.0)), 128) is None
    assert move(triple.identity, pose, Transform(2.0, (0.0, 0.0)), 128) is None


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'photo'"):
        next(triples([0], ("photo",)))
