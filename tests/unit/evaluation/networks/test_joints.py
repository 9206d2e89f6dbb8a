"""Joints: what the world has, what the network finds of it in a picture, and how far apart the two are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seal_sdk.errors import WeightsNotFound
from seal_sdk.evaluation import find_joints, load_joint_finder, measure, triples
from seal_sdk.evaluation.metrics.joint_distance import joint_distances, keypoint_distance
from seal_sdk.evaluation.networks.joints import CELL, CHANNELS, JOINTS, SKELETONS, WEIGHTS, JointFinder, decode
from seal_sdk.evaluation.networks.seeing import Seen
from seal_sdk.evaluation.networks.unet import to_input
from seal_sdk.evaluation.tasks.scoring import render_exact
from seal_sdk.evaluation.training.joints import accuracy, mirror, photos, targets, train
from seal_sdk.pocket import world

MEAN, AUGMENTED_MEAN, NEAR_SHARE = 1.5, 1.7, 0.97  # pixels of 128; on 500 photos: 1.0, 1.1, 0.995
OTHER_SIDE = {"near": "far", "far": "near"}


@pytest.fixture(scope="module")
def finder() -> JointFinder:
    return load_joint_finder()


@pytest.fixture(scope="module")
def held():
    return photos(range(450_000, 450_040))


def drawn(species, pose, size=128):
    sample = world.sample(3)
    return world.render(replace(sample.identity, species=species), pose, sample.scene, size=size)


# --- the names of the world's joints


@pytest.mark.parametrize("species", world.SPECIES)
def test_limbs_end_where_the_world_draws_them(species):
    rendering = drawn(species, world.Pose())
    assert len(rendering.keypoints) == len(SKELETONS[species]) == len(set(SKELETONS[species]))
    feet = ("fore end", "hind end")
    ends = [(index, name[:-4]) for index, name in enumerate(SKELETONS[species]) if name.endswith(feet)]
    assert len(ends) == (3 if species == "bird" else 4)
    for index, part in ends:
        x, y = rendering.keypoints[index].astype(int)
        around = rendering.parts[y - 3 : y + 4, x - 3 : x + 4]
        assert world.PARTS.index(part) in around, (species, part)


@pytest.mark.parametrize("species", world.SPECIES)
def test_the_head_and_what_is_on_it_are_near_each_other(species):
    points = dict(zip(SKELETONS[species], drawn(species, world.Pose(facing=1)).keypoints, strict=True))
    head = points["head"]
    for name in {"nose", "front ear", "back ear"} & set(points):
        assert np.linalg.norm(points[name] - head) < np.linalg.norm(points[name] - points["hip"])
    if "nose" in points:
        assert points["nose"][0] > head[0]
    if "front ear" in points:
        assert points["front ear"][0] > points["back ear"][0]


# --- the distance


@pytest.mark.parametrize("species", world.SPECIES)
def test_equal_joints_are_no_distance_apart_and_a_shift_is_its_length(species):
    true = drawn(species, world.sample_pose(np.random.default_rng(0), species)).keypoints
    assert keypoint_distance(true, true, species, 128) == 0
    assert keypoint_distance(np.add(true, (0.3, 0.4)), true, species, 128) == pytest.approx(0.5)


def test_the_distance_is_relative_to_the_pictures_side():
    pose, other = world.Pose(), world.Pose(head=0.3, limbs=((0.4, -0.2),) * 4)
    small, large = (
        keypoint_distance(drawn("dog", pose, side).keypoints, drawn("dog", other, side).keypoints, "dog", side)
        for side in (128, 256)
    )
    assert small > 1 and large == pytest.approx(small, rel=1e-6)


def test_near_and_far_limbs_may_trade_places_but_only_as_a_whole():
    names = SKELETONS["cat"]
    true = drawn("cat", world.Pose(limbs=((0.5, 0.1), (-0.5, 0.0), (-0.4, -0.5), (0.4, 0.0)))).keypoints
    swapped = [names.index(" ".join(OTHER_SIDE.get(word, word) for word in name.split())) for name in names]
    assert sorted(swapped) == list(range(len(names))) != swapped
    assert keypoint_distance(true[swapped], true, "cat", 128) == 0
    for one, other in (("near fore end", "far fore end"), ("hip", "chest")):
        traded = list(range(len(names)))
        traded[names.index(one)], traded[names.index(other)] = names.index(other), names.index(one)
        assert joint_distances(true[traded], true, "cat").max() > 5


# --- the network


def test_heatmaps_are_read_to_a_fraction_of_a_cell():
    points = torch.rand((4, len(JOINTS), 2), generator=torch.Generator().manual_seed(0)) * 110 + 9
    found, confidence = decode(targets(points).clamp(min=1e-9).log())
    assert (found - points).abs().max() < CELL / 10
    assert confidence.min() > 0.95
    unsure = decode(torch.zeros(1, len(JOINTS), 32, 32))[1]
    assert unsure.max() < 0.05


def test_the_network_is_as_accurate_as_it_says(finder, held):
    clean, augmented = accuracy(finder, held), accuracy(finder, held, augmented=True)
    assert clean.mean < MEAN and clean.near > NEAR_SHARE
    assert clean.mean < augmented.mean < AUGMENTED_MEAN


def test_the_distance_of_the_true_picture_is_the_networks_own_and_another_poses_is_more(finder):
    floors, others = [], []
    for triple in triples(range(450_000, 450_008), ("mesh",)):
        other = world.render(triple.identity, world.sample(triple.seed).pose, triple.scene)
        exact, posed = (
            measure(
                image, triple, Seen(triple.truth.mask, find_joints(finder, image, triple.identity.species).points, "")
            )
            for image in (render_exact(triple), other.image)
        )
        floors.append(exact["keypoint_distance"])
        others.append(posed["keypoint_distance"])
    assert np.mean(floors) < MEAN and np.mean(others) > 2 * np.mean(floors)
    assert all(other > floor for floor, other in zip(floors, others, strict=True))


def test_the_network_sees_other_sizes_too(finder):
    pose = world.sample_pose(np.random.default_rng(1), "horse")
    large = drawn("horse", pose, 256)
    found = find_joints(finder, large.image, "horse")
    assert found.points.shape == large.keypoints.shape and found.confidence.shape == (len(large.keypoints),)
    assert keypoint_distance(found.points, large.keypoints, "horse", 256) < 5


def test_an_empty_picture_is_met_with_little_confidence(finder, held):
    empty = find_joints(finder, np.full((128, 128, 3), 127, np.uint8), "cat")
    full = [find_joints(finder, image, species) for image, species in zip(held.images, held.species, strict=True)]
    assert np.isfinite(empty.points).all()
    assert empty.confidence.mean() < 0.6 * np.mean([each.confidence.mean() for each in full])


def test_the_weights_are_small():
    assert WEIGHTS.stat().st_size <= 2**20


# --- the training


def test_a_mirrored_photo_has_its_joints_where_they_are_seen():
    pose = world.Pose(place=(0.2, 0.8), limbs=((0.4, -0.2), (-0.3, 0.0), (0.1, 0.0), (0.2, 0.1)))
    right, left = drawn("dog", pose), drawn("dog", replace(pose, facing=-1, place=(0.8, 0.8)))
    points = torch.full((1, len(JOINTS), 2), torch.nan)
    points[0, CHANNELS["dog"]] = torch.from_numpy(right.keypoints).float()
    pictures, mirrored = mirror(to_input(right.image[None]), points, torch.tensor([True]))
    assert torch.equal(pictures, to_input(right.image[None, :, ::-1]))
    assert np.abs(mirrored[0, CHANNELS["dog"]].numpy() - left.keypoints).max() < 1e-3


def test_training_is_repeatable_and_teaches_something():
    data = photos(range(8))
    first, again, other = (train(data, steps=2, batch=4, seed=seed) for seed in (0, 0, 1))
    weights = [torch.cat([each.flatten() for each in model.state_dict().values()]) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    taught = train(data, steps=40, batch=4)
    assert accuracy(taught, data).mean < 0.75 * accuracy(first, data).mean


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(WeightsNotFound, match=r"training\.joints"):
        load_joint_finder(tmp_path / "none.safetensors")
