"""The benchmark's questions and measures: exact triples, metrics that know the truth, a segmenter that finds it."""

from __future__ import annotations

import numpy as np
import pytest

from seal_sdk.errors import WeightsNotFound
from seal_sdk.evaluation import METRICS, Triple, load_segmenter, metrics, scores, subject_mask, triples
from seal_sdk.evaluation.bench import render_exact
from seal_sdk.evaluation.segmenter import Segmenter
from seal_sdk.evaluation.segmenter_training import mean_iou, photos, train
from seal_sdk.evaluation.triples import move
from seal_sdk.method.anchor_align import Transform, align_mask, anchor_transform
from seal_sdk.pocket import world


@pytest.fixture(scope="module")
def asked() -> list[Triple]:
    return list(triples(range(400_000, 400_012), ("mesh", "pose")))


@pytest.fixture(scope="module")
def triple(asked) -> Triple:
    return asked[0]


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter()


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
        assert metrics.iou(aligned, triple.truth.mask) > 0.95
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


def test_the_truth_itself_scores_perfectly(triple):
    values = scores(triple.truth.image, triple.truth, triple.truth.mask)
    assert set(values) == {metric.name for metric in METRICS}
    assert values.pop("structure_iou") == 1.0
    assert all(value == 0.0 for value in values.values())


def test_a_recoloured_subject_has_its_colours_error_and_no_pattern_error(triple):
    truth = triple.truth
    image = np.clip(truth.image.astype(int), 0, 200).astype(np.uint8)
    darker = np.where(truth.mask[..., None], image + np.array([40, 20, 0], np.uint8), image)
    assert metrics.subject_error(darker, image, truth.mask) == pytest.approx(20)
    assert metrics.color_error(darker, image, truth.mask) == pytest.approx(20)
    assert metrics.part_color_error(darker, image, truth.parts) == pytest.approx(20)
    assert metrics.pattern_error(darker, image, truth.parts) == pytest.approx(0, abs=1e-9)
    assert metrics.scene_error(darker, image, truth.mask) == 0


def test_colour_errors_are_blind_to_where_the_colours_are(triple):
    truth = triple.truth
    shuffled = truth.image.copy()
    shuffled[truth.mask] = np.random.default_rng(0).permutation(truth.image[truth.mask])
    assert metrics.color_error(shuffled, truth.image, truth.mask) == pytest.approx(0, abs=1e-9)
    assert metrics.subject_error(shuffled, truth.image, truth.mask) > 10
    assert metrics.part_color_error(shuffled, truth.image, truth.parts) > 5
    assert metrics.pattern_error(shuffled, truth.image, truth.parts) > 10


def test_iou_of_a_shifted_square():
    mask = np.zeros((20, 20), bool)
    mask[5:15, 5:15] = True
    assert metrics.iou(np.roll(mask, 5, 1), mask) == pytest.approx(1 / 3)
    assert metrics.iou(np.zeros_like(mask), mask) == 0
    assert metrics.iou(np.zeros_like(mask), np.zeros_like(mask)) == 1


def test_scene_error_sees_the_scenes_colours_but_not_its_details_nor_the_subject(triple):
    truth = triple.truth
    brighter = truth.image.astype(int) + 30
    assert metrics.scene_error(brighter, truth.image, truth.mask) == pytest.approx(30)
    checks = np.where(np.add.outer(np.arange(128), np.arange(128)) % 2, 30, -30)[..., None]
    assert metrics.scene_error(truth.image + checks, truth.image, truth.mask) < 2
    gone = np.where(truth.mask[..., None], 0, truth.image)
    assert metrics.scene_error(gone, truth.image, truth.mask) == 0


def test_dilation_grows_by_the_radius():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    assert metrics.dilate(mask, 2).sum() == 25
    assert metrics.dilate(mask, 0).sum() == 1


def test_a_picture_of_another_size_is_refused(triple):
    with pytest.raises(ValueError, match="64"):
        scores(np.zeros((64, 64, 3), np.uint8), triple.truth, np.zeros((64, 64), bool))


def test_the_segmenter_finds_true_subjects(segmenter):
    validation = [world.sample(seed) for seed in range(450_000, 450_024)]
    renderings = [world.render(each.identity, each.pose, each.scene) for each in validation]
    found = [metrics.iou(subject_mask(segmenter, each.image), each.mask) for each in renderings]
    assert np.mean(found) > 0.9


def test_the_segmenter_sees_other_sizes_too(segmenter):
    sample = world.sample(450_000)
    large = world.render(sample.identity, sample.pose, sample.scene, size=256)
    assert metrics.iou(subject_mask(segmenter, large.image), large.mask) > 0.9


def test_a_few_steps_teach_the_segmenter_something():
    pictures, masks = photos(range(8))
    taught = train(pictures, masks, steps=10, batch=4)
    assert mean_iou(taught, pictures, masks) > mean_iou(Segmenter().eval(), pictures, masks)


def test_the_exact_picture_differs_from_the_truth_by_its_scene_only(triple):
    exact = render_exact(triple)
    inside = ~metrics.dilate(~triple.truth.mask, 2)  # the outline mixes with the scene
    assert metrics.subject_error(exact, triple.truth.image, inside) < 0.1
    assert metrics.scene_error(exact, triple.truth.image, triple.truth.mask) > 1


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(WeightsNotFound, match="segmenter_training"):
        load_segmenter(tmp_path / "none.safetensors")
