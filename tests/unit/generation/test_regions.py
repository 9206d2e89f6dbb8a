"""Several identities in one image, each in its region."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Region, Structure
from seal_sdk.errors import InputError, PromptError
from seal_sdk.generation.prompt_edits import ReferenceReader, SubjectPrompt
from seal_sdk.generation.regions import SubjectBinding, region_masks, sole_identity
from seal_sdk.generation.subject_planner import region_place

BOX = (20.0, 20.0, 100.0, 110.0)
LEFT, RIGHT = (0, 16, 64, 120), (64, 16, 128, 120)
EVERYTHING = Appearance(tau=-1.0, schedule="constant")
FAST = dict(seed=3, num_inference_steps=6, appearance=EVERYTHING)


@pytest.fixture
def session(tiny_pipeline, tmp_path, reference_image, structure_image):
    with IdentitySession(tiny_pipeline(), store=tmp_path / "store", enable_progress_bar=False) as session:
        for name, image in (("one", reference_image), ("two", structure_image)):
            session.register(image, prompt=f"a photo of {name}", name=name, box=BOX, timesteps=2)
        yield session


def one():
    return type("Named", (), {"name": "one"})()


def test_a_box_holds_what_differs_from_a_uniform_background():
    image = Image.new("RGB", (64, 64), "white")
    image.paste("black", (10, 10, 20, 30))
    (found,) = region_masks((SubjectBinding((one(),), (4, 4, 32, 60)),), (64, 64), image)
    expected = np.zeros((64, 64), bool)
    expected[10:30, 10:20] = True
    assert np.array_equal(found, expected)
    (whole,) = region_masks((SubjectBinding((one(),), (4, 4, 32, 60)),), (64, 64), None)
    assert whole.sum() == 28 * 56


def test_where_regions_overlap_the_first_has_it():
    mask = np.zeros((64, 64), bool)
    mask[:, 30:] = True
    first, second = region_masks(
        (SubjectBinding((one(),), (0, 0, 40, 64)), SubjectBinding((one(),), mask)), (64, 64), None
    )
    assert first.sum() == 40 * 64 and second.sum() == 24 * 64 and not (first & second).any()
    with pytest.raises(InputError, match="Nothing is left"):
        region_masks(
            (SubjectBinding((one(),), (0, 0, 40, 64)), SubjectBinding((one(),), (4, 4, 20, 20))), (64, 64), None
        )


def test_an_identity_without_a_region_is_alone():
    one, other = SubjectBinding(("x",)), SubjectBinding(("y",))
    assert sole_identity((one,)) == "x" and sole_identity(()) is None
    assert sole_identity((SubjectBinding(("x",), LEFT),)) is None and sole_identity((one, other)) is None


def test_tokens_of_a_region_match_its_identity_alone(session):
    drawn = session.generate(None, "a photo", identity={"one": LEFT, "two": RIGHT}, match_maps=True, **FAST)
    for name, columns in (("one", (0, 0.5)), ("two", (0.5, 1))):
        (shown,) = drawn.maps(identity=name)
        assert shown.matches
        for each in shown.matches:
            at = each.targets % each.grid[1] / each.grid[1]
            assert at.min() >= columns[0] and at.max() < columns[1]
    assert drawn.settings[0]["identity"] is None
    first, second = drawn.settings[0]["identities"]
    assert (first["name"], first["box"]) == ("one", list(map(float, LEFT)))
    assert (second["name"], second["box"]) == ("two", list(map(float, RIGHT)))


def test_the_order_of_disjoint_regions_does_not_matter(session):
    bridge = DeltaBridge(strength=0)  # its appearance prompt names the identities in their order
    settings = dict(delta_bridge=bridge, **FAST)
    there = session.generate(None, "a photo", identity={"one": LEFT, "two": RIGHT}, **settings)
    back = session.generate(None, "a photo", identity={"two": RIGHT, "one": LEFT}, **settings)
    other = session.generate(None, "a photo", identity={"one": RIGHT, "two": LEFT}, **settings)
    assert there.image.tobytes() == back.image.tobytes() != other.image.tobytes()


def test_one_region_over_the_structures_subject_is_what_no_alignment_draws(session, structure_image):
    mask = np.zeros((128, 128), bool)
    mask[16:120, 16:112] = True
    from seal_sdk import Alignment

    plain = session.generate(
        structure_image,
        "a photo",
        identity="one",
        structure_mask=mask,
        alignment=Alignment(enabled=False),
        **FAST,
    )
    region = session.generate(structure_image, "a photo", identity={"one": mask}, **FAST)
    assert plain.image.tobytes() == region.image.tobytes()


def test_a_region_without_a_prompt_is_its_place(session):
    regions = session.generate(None, "a photo", identity={"one": Region(LEFT), "two": Region(RIGHT)}, **FAST)
    places = session.generate(None, "a photo", identity={"one": LEFT, "two": RIGHT}, **FAST)
    assert regions.image.tobytes() == places.image.tobytes()


def test_a_regions_prompt_is_compared_with_its_own_reference_alone(session, monkeypatch):
    asked = []
    monkeypatch.setattr(ReferenceReader, "find_probes", lambda self, own, said: asked.append((own, said)) or [])
    identity = {"one": Region(LEFT, prompt="a blue photo"), "two": RIGHT}
    drawn = session.generate(None, "a photo on snow", identity=identity, **FAST)
    assert asked == [
        ("a photo of one", SubjectPrompt("a blue photo")),
        ("a photo of two", SubjectPrompt("a photo on snow", None, ("a photo of one",))),
    ]
    assert [each.get("prompt") for each in drawn.settings[0]["identities"]] == ["a blue photo", None]


@pytest.mark.parametrize("prompt", ["", "  ", 3])
def test_a_regions_prompt_has_words(prompt):
    with pytest.raises(PromptError, match=r"Region\(prompt=...\)"):
        Region(LEFT, prompt=prompt)


def test_batches_and_regions_go_together(session, structure_image):
    both = [{"one": LEFT, "two": RIGHT}, "two"]
    drawn = session.generate(None, ["a photo", "a cat"], identity=both, **{**FAST, "seed": [3, 4]})
    single = session.generate(None, "a photo", identity=both[0], **FAST)
    assert drawn.images[0].tobytes() == single.image.tobytes()


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ({}, "give each identity a box"),
        ({"one": None}, "give each identity a box"),
        ({"one": (0, 0, 500, 20)}, "image's size"),
        ({"one": np.zeros((128, 128), bool)}, "mask"),
    ],
)
def test_bad_regions_are_named(session, identity, message):
    with pytest.raises(InputError, match=message):
        session.generate(None, "a photo", identity=identity, **FAST)


def test_without_gating_several_identities_are_refused(session):
    with pytest.raises(InputError, match="gating='subject'"):
        session.generate(None, "a photo", identity={"one": LEFT}, seed=1, appearance=Appearance(gating="none"))


def test_without_structure_control_regions_count_all_the_same(session, structure_image):
    settings = dict(structure_control=Structure(control="none"), **FAST)
    drawn = session.generate(structure_image, "a photo", identity={"one": LEFT}, **settings)
    assert drawn.coverage[0] > 0


def test_a_box_without_a_structure_image_is_where_the_subject_can_be():
    """Not its shape: subjects in boxes came out as boxes."""
    mask, box = np.ones((8, 8), bool), SubjectBinding((one(),), (0, 0, 8, 8))
    assert (region_place(box, mask, False).mask, region_place(box, mask, True).bounds) == (None, None)
    assert region_place(box, mask, False).bounds is region_place(box, mask, True).mask is mask
    masked = SubjectBinding((one(),), mask)
    assert region_place(masked, mask, False).mask is mask and region_place(masked, mask, False).bounds is None
