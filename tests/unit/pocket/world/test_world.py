"""The procedural world: its draws, its pictures and what it says is true of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seal_sdk.pocket import world
from seal_sdk.pocket.world import KINDS, PARTS, SPECIES, Identity, Pose, render, sample

SEEDS = range(24)


def _plain(species: str, **changes) -> Identity:
    identity = Identity(species, main=(0.9, 0.2, 0.1), second=(0.1, 0.3, 0.9), accent=(0.95, 0.85, 0.2))
    return replace(identity, **changes)


def _draw(seed: int, kind: str = "photo", size: int = 128) -> world.Rendering:
    drawn = sample(seed)
    return render(drawn.identity, drawn.pose, drawn.scene, kind, size)


def _poses(species: str, count: int, seed: int = 0) -> list[Pose]:
    rng = np.random.default_rng(seed)
    return [world.sample_pose(rng, species) for _ in range(count)]


def test_a_seed_fixes_the_draw_and_its_pixels():
    assert sample(7) == sample(7)
    assert sample(7) != sample(8)
    np.testing.assert_array_equal(_draw(7).image, _draw(7).image)


def test_the_ranges_of_seeds_are_apart():
    assert world.TRAIN[-1] == 399_999
    assert (world.VALIDATION[0], world.VALIDATION[-1]) == (400_000, 499_999)
    assert world.HELD_OUT[0] == 500_000


def test_draws_cover_species_patterns_scenes_and_colours():
    draws = [sample(seed) for seed in range(400)]
    assert {drawn.identity.species for drawn in draws} == set(SPECIES)
    assert {drawn.identity.pattern for drawn in draws} == set(world.PATTERNS)
    assert {drawn.scene.name for drawn in draws} == set(world.SCENES)
    assert {world.color_name(drawn.identity.main) for drawn in draws} == set(world.COLORS)
    assert {drawn.pose.facing for drawn in draws} == {-1, 1}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_subject_is_whole_and_large(seed):
    x0, y0, x1, y1 = _draw(seed).box
    assert min(x0, y0) >= 2 and max(x1, y1) <= 126
    assert max(x1 - x0, y1 - y0) >= 0.65 * 128


@pytest.mark.parametrize("seed", SEEDS)
def test_mask_box_and_parts_agree(seed):
    drawn = _draw(seed)
    rows, columns = np.nonzero(drawn.mask)
    assert drawn.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_array_equal(drawn.parts > 0, drawn.mask)
    assert drawn.parts.max() < len(PARTS)
    assert drawn.image.shape == (128, 128, 3) and drawn.image.dtype == np.uint8
    np.testing.assert_array_equal(np.isfinite(drawn.coordinates).all(axis=-1), drawn.mask)


@pytest.mark.parametrize("species", SPECIES)
def test_joints_lie_on_the_subject(species):
    for pose in _poses(species, 4):
        drawn = render(_plain(species), pose, sample(0).scene)
        columns, rows = np.clip(drawn.keypoints, 0, 127).astype(int).T
        assert drawn.mask[rows, columns].mean() > 0.85


@pytest.mark.parametrize("kind", KINDS)
def test_geometry_is_the_same_in_every_kind(kind):
    photo, other = _draw(3), _draw(3, kind)
    np.testing.assert_array_equal(photo.mask, other.mask)
    np.testing.assert_array_equal(photo.parts, other.parts)
    assert photo.box == other.box


def test_kinds_look_different():
    images = [_draw(3, kind).image.astype(float) for kind in KINDS]
    for index, image in enumerate(images):
        assert all(np.abs(image - other).mean() > 4 for other in images[:index])


@pytest.mark.parametrize("kind", KINDS[1:])
def test_structure_images_show_neither_identity_nor_scene(kind):
    drawn, other = sample(3), sample(4)
    identity = replace(other.identity, species=drawn.identity.species)
    first = render(drawn.identity, drawn.pose, drawn.scene, kind)
    np.testing.assert_array_equal(first.image, render(identity, drawn.pose, other.scene, kind).image)
    grown = np.pad(first.mask, 6)
    near = np.lib.stride_tricks.sliding_window_view(grown, (13, 13)).any(axis=(2, 3))
    assert len(np.unique(first.image[~near].reshape(-1, 3), axis=0)) == 1


def test_a_nearer_limb_is_brighter_in_the_depth_image():
    pose = Pose(limbs=((0.4, 0.0), (-0.3, 0.0), (-0.3, 0.0), (0.3, 0.0)))
    drawn = render(_plain("horse"), pose, sample(0).scene, "depth")
    near, far = (drawn.image[drawn.parts == PARTS.index(name)].mean() for name in ("near fore", "far fore"))
    assert near > far + 40


@pytest.mark.parametrize("species", SPECIES)
def test_an_identity_keeps_its_colours_in_every_pose_and_scene(species):
    rng = np.random.default_rng(1)
    torso = []
    for pose in _poses(species, 4):
        drawn = render(_plain(species), pose, world.sample_scene(rng))
        torso.append(drawn.image[drawn.parts == PARTS.index("torso")].mean(axis=0))
    assert np.ptp(torso, axis=0).max() < 14


@pytest.mark.parametrize("pattern", [name for name in world.PATTERNS if name != "plain"])
def test_the_pattern_moves_with_the_body(pattern):
    """Points with the same rest coordinates have the same colour in two poses, whatever their place in the picture."""
    identity = _plain("cat", pattern=pattern, frequency=4.0, phase=0.3)
    blues = []
    for pose in _poses("cat", 2, seed=2):
        drawn = render(identity, pose, sample(0).scene, size=256)
        torso = drawn.parts == PARTS.index("torso")
        cells = np.round(drawn.coordinates[torso] / 0.02).astype(int)
        is_second = drawn.image[torso][:, 2].astype(int) > drawn.image[torso][:, 0]
        blues.append(dict(zip(map(tuple, cells.tolist()), is_second.tolist(), strict=True)))
    shared = blues[0].keys() & blues[1].keys()
    assert len(shared) > 100
    assert np.mean([blues[0][cell] == blues[1][cell] for cell in shared]) > 0.85
    assert 0.05 < np.mean([blues[0][cell] for cell in shared]) < 0.95


@pytest.mark.parametrize("species", SPECIES)
def test_facing_mirrors_the_subject(species):
    pose = replace(_poses(species, 1)[0], place=(0.5, 0.5), facing=1)
    right = render(_plain(species), pose, sample(0).scene).mask
    left = render(_plain(species), replace(pose, facing=-1), sample(0).scene).mask
    assert np.mean(right != left[:, ::-1]) < 0.005


def test_place_and_scale_move_and_grow_the_subject():
    identity, scene, pose = _plain("dog"), sample(0).scene, Pose(scale=0.6, place=(0.0, 1.0))
    corner = render(identity, pose, scene).box
    other = render(identity, replace(pose, place=(1.0, 0.0)), scene).box
    grown = render(identity, replace(pose, scale=0.9), scene).box
    assert corner[0] < 8 and corner[3] > 120 and other[2] > 120 and other[1] < 8
    assert (grown[2] - grown[0]) / (corner[2] - corner[0]) == pytest.approx(1.5, rel=0.04)


def test_sizes_show_the_same_picture():
    small, large = _draw(5, size=64), _draw(5, size=256)
    shrunk = large.image.astype(float).reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - small.image).mean() < 3
    np.testing.assert_allclose(np.array(large.box) / 4, small.box, atol=1.01)


def test_bad_input_is_named():
    drawn = sample(0)
    with pytest.raises(ValueError, match="unknown kind 'oil'"):
        render(drawn.identity, drawn.pose, drawn.scene, "oil")
    with pytest.raises(ValueError, match="size is 8"):
        render(drawn.identity, drawn.pose, drawn.scene, size=8)
    with pytest.raises(ValueError, match="unknown species 'fish'"):
        world.sample_identity(np.random.default_rng(0), "fish")
    with pytest.raises(ValueError, match="unknown species 'fish'"):
        world.sample_pose(np.random.default_rng(0), "fish")
    with pytest.raises(ValueError, match="unknown scene 'moon'"):
        world.sample_scene(np.random.default_rng(0), "moon")
    with pytest.raises(ValueError, match="unknown pattern 'tartan'"):
        _plain("cat", pattern="tartan")
    for change in ({"facing": 0}, {"scale": 1.5}, {"place": (0.5, 2.0)}):
        with pytest.raises(ValueError, match=next(iter(change))):
            Pose(**change)
    with pytest.raises(ValueError, match="seed is -1"):
        sample(-1)
