"""Details of subjects: drawn by seed, painted on the part that they belong to, and no picture without them changes."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from seal_sdk.pocket import world
from seal_sdk.pocket.world import KINDS, PARTS, Hat, Identity, Logo, PersonDetails, Pose, render, sample

SEEDS = range(400_000, 400_040)
GREEN = (0.1, 0.8, 0.2)
HEAD, ARMS, LEGS = ("head", "hair", "face"), ("near fore", "far fore"), ("near hind", "far hind")
BARE = PersonDetails("short", iris=(0.2, 0.4, 0.7), shoes=(0.5, 0.3, 0.1), soles=(0.9, 0.9, 0.9), neckline="high")
CHANGES = {
    "hair_style": ("bald", HEAD),
    "iris": (GREEN, ("face",)),
    "shoes": (GREEN, LEGS),
    "soles": (GREEN, LEGS),
    "neckline": ("v", ("torso",)),
    "beard": ("beard", ("head",)),
    "glasses": (GREEN, HEAD),
    "earring": (GREEN, HEAD),
    "hat": (Hat("hat", GREEN, (0.9, 0.1, 0.1)), HEAD),
    "scarf": (GREEN, ("torso",)),
    "tie": (GREEN, ("torso",)),
    "logo": (Logo("star", GREEN), ("torso",)),
    "side_stripe": (GREEN, LEGS),
    "gloves": (GREEN, ARMS),
    "short_sleeves": (True, ARMS),
    "shorts": (True, LEGS),
    "tucked": (True, ("torso",)),
}


def person(details: PersonDetails | None, **changes) -> Identity:
    return Identity("person", (0.9, 0.2, 0.1), (0.1, 0.3, 0.9), (0.4, 0.2, 0.7), details=details, **changes)


def draw(details: PersonDetails | None, pose: Pose | None = None, kind: str = "photo", size: int = 256):
    return render(person(details), pose or Pose(), sample(400_000).scene, kind, size)


def arrays(drawn: world.Rendering) -> list[np.ndarray]:
    return [drawn.mask, drawn.parts, drawn.keypoints, drawn.coordinates]


def digest(*content: bytes) -> str:
    return hashlib.sha256(b"".join(content)).hexdigest()[:16]


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_without_details_are_those_that_the_shipped_weights_were_trained_on(kind):
    """Means of 32x32 pixels, and the mask's area: another CPU may round single pixels differently."""
    expected = np.load(Path(__file__).parent / "pictures.npz")
    for seed, blocks, area in zip(range(400_000, 400_030), expected[kind], expected["area"], strict=True):
        drawn = sample(seed)
        picture = render(drawn.identity, drawn.pose, drawn.scene, kind, 128)
        means = picture.image.astype(float).reshape(4, 32, 4, 32, 3).mean(axis=(1, 3))
        assert np.abs(means - blocks).max() < 0.1 and abs(int(picture.mask.sum()) - area) <= 2


def test_captions_without_details_are_those_that_the_shipped_weights_were_trained_on():
    content = []
    for seed in range(400_000, 400_500):
        drawn, rng = sample(seed), np.random.default_rng(seed)
        shown = (drawn.identity, drawn.pose, drawn.scene)
        for _ in range(4):
            content += [world.caption(*shown, rng=rng), world.rich_caption(*shown, rng=rng)]
            content.append("|".join(world.paraphrase(*shown, rng=rng)))
    assert digest("".join(content).encode()) == "3928718ff2b077b6"
    assert digest(" ".join(world.vocabulary).encode()) == "47c3959b7b9944e1"


def test_details_follow_from_the_seed_and_all_else_stays():
    for seed in SEEDS:
        plain, detailed = sample(seed), sample(seed, details=True)
        assert plain.identity.details is None
        assert detailed == sample(seed, details=True)
        assert replace(detailed, identity=replace(detailed.identity, details=None)) == plain
        assert isinstance(detailed.identity.details, PersonDetails) == (plain.identity.species == "person")


def test_draws_cover_what_there_is():
    drawn = [sample(seed, details=True).identity.details for seed in range(400_000, 401_500)]
    people = [details for details in drawn if isinstance(details, PersonDetails)]
    for field in fields(PersonDetails):
        values = [getattr(details, field.name) for details in people]
        assert len({repr(value) for value in values}) > 1, field.name
    assert {details.hair_style for details in people} == set(world.HAIR_STYLES)
    assert {details.logo.shape for details in people if details.logo} == set(world.LOGOS)
    assert {details.hat.kind for details in people if details.hat} == set(world.HATS)


def test_each_person_looks_different():
    """No two people share all that captions can say of their details."""
    drawn = [sample(seed, details=True).identity for seed in range(400_000, 400_200)]
    told = [tuple(t.plain for t in world.traits(each)) for each in drawn if each.species == "person"]
    assert len(told) > 30 and len(set(told)) == len(told)


@pytest.mark.parametrize("kind", KINDS)
def test_details_show_in_photos_alone(kind):
    for seed in range(400_000, 400_012):
        plain, detailed = sample(seed), sample(seed, details=True)
        first = render(plain.identity, plain.pose, plain.scene, kind)
        second = render(detailed.identity, detailed.pose, detailed.scene, kind)
        for one, other in zip(arrays(first), arrays(second), strict=True):
            np.testing.assert_array_equal(one, other)
        assert np.array_equal(first.image, second.image) == (kind != "photo")


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("size", [128, 256])
def test_a_detail_changes_its_own_part_only(name, size):
    value, names = CHANGES[name]
    pose = world.sample_pose(np.random.default_rng(3), "person")
    before, after = (draw(details, pose, size=size) for details in (BARE, replace(BARE, **{name: value})))
    changed = (before.image != after.image).any(axis=-1)
    part = np.isin(before.parts, [PARTS.index(each) for each in names])
    near = np.lib.stride_tricks.sliding_window_view(np.pad(part, 1), (3, 3)).any(axis=(2, 3))  # pixels show two parts
    assert changed.sum() > (2 if name in ("iris", "soles", "earring") else 12)
    assert not (changed & ~near).any()


def test_every_detail_of_a_person_is_checked():
    others = {"dark_glasses", "belt"}  # these need glasses, and a top that is tucked in
    assert {*CHANGES, *others} == {field.name for field in fields(PersonDetails)}
    first, dark = (replace(BARE, glasses=GREEN, dark_glasses=dark) for dark in (False, True))
    assert (draw(first).image != draw(dark).image).any()
    tucked = replace(BARE, tucked=True)
    assert (draw(tucked).image != draw(replace(tucked, belt=GREEN)).image).any()


@pytest.mark.parametrize("head", [-0.4, 0.0, 0.35])
def test_glasses_turn_with_the_eyes(head):
    """Rims are as oblique as the eyes, and as high, whatever the head's angle."""

    def line(where):
        rows, columns = np.nonzero(where)
        return np.polyfit(columns, rows, 1)[0], rows.mean()

    drawn = draw(replace(BARE, glasses=GREEN), Pose(head=head, scale=1.0), size=384)
    image = drawn.image.astype(int)
    rims = image[..., 1] > image[..., [0, 2]].max(axis=-1) + 60
    slope, y = line(rims & np.isin(drawn.parts, [PARTS.index(name) for name in HEAD]))
    eyes_slope, eyes_y = line(drawn.parts == PARTS.index("face"))
    assert slope == pytest.approx(eyes_slope, abs=0.06)
    assert y == pytest.approx(eyes_y, abs=3.0)


def test_sizes_show_the_same_person():
    drawn = next(each for each in (sample(seed, details=True) for seed in SEEDS) if each.identity.species == "person")
    small, large = (render(drawn.identity, drawn.pose, drawn.scene, size=size).image for size in (128, 256))
    assert np.abs(large.astype(float).reshape(128, 2, 128, 2, 3).mean(axis=(1, 3)) - small).mean() < 2


def test_bad_details_are_named():
    with pytest.raises(ValueError, match="unknown hair style 'plait'"):
        replace(BARE, hair_style="plait")
    with pytest.raises(ValueError, match="unknown hat 'crown'"):
        Hat("crown", GREEN, GREEN)
    with pytest.raises(ValueError, match="unknown logo 'swan'"):
        Logo("swan", GREEN)
    with pytest.raises(ValueError, match="unknown beard 'goatee'"):
        replace(BARE, beard="goatee")
    with pytest.raises(ValueError, match="dark_glasses"):
        replace(BARE, dark_glasses=True)
    with pytest.raises(ValueError, match="tucked=True"):
        replace(BARE, belt=GREEN)
    with pytest.raises(ValueError, match="a cat has no PersonDetails"):
        replace(person(BARE), species="cat")
    with pytest.raises(ValueError, match="a person has no AnimalDetails"):
        replace(person(None), details=world.AnimalDetails(GREEN))
