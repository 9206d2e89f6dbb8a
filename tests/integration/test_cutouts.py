"""Cut-outs and masks that people have, from the session and the command line to the store."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.errors import InputError
from seal_sdk.images import mask_digest

BOX = (20.0, 20.0, 100.0, 110.0)
FAST = dict(num_inference_steps=2, guidance_scale=4.0, seed=1)
SUBJECT = np.zeros((128, 128), bool)
SUBJECT[30:90, 40:100] = True


class Finder:
    """A segmenter that counts how often it is asked."""

    fingerprint, calls = "finder", 0

    def find(self, image, what="reference"):
        self.calls += 1
        from seal_sdk.segmentation import subject_from

        return subject_from(image, box=BOX)


@pytest.fixture
def finder():
    return Finder()


@pytest.fixture
def session(tiny_pipeline, tmp_path, finder):
    with IdentitySession(
        tiny_pipeline(), store=tmp_path / "store", subject=finder, enable_progress_bar=False
    ) as session:
        yield session


@pytest.fixture
def cutout(reference_image):
    image = reference_image.convert("RGBA")
    image.putalpha(Image.fromarray(SUBJECT.astype(np.uint8) * 255))
    return image


def register(session, image, **arguments):
    return session.register(image, **{"prompt": "a photo of a cat", "name": "cat", "timesteps": 1, **arguments})


def subject_recipe(identity):
    return identity.stored.recipe["subject"]


def test_a_cutout_says_where_its_subject_is(session, finder, cutout):
    identity = register(session, cutout)
    assert finder.calls == 0 and np.array_equal(identity.mask, SUBJECT)
    assert subject_recipe(identity) == {"mask": mask_digest(SUBJECT)}


def test_a_box_or_mask_wins_over_the_cutout(session, cutout):
    assert subject_recipe(register(session, cutout, box=BOX)) == {"box": list(BOX)}
    other = np.roll(SUBJECT, 5, axis=0)
    assert subject_recipe(register(session, cutout, mask=other)) == {"mask": mask_digest(other)}


def test_an_opaque_alpha_is_as_none(session, finder, reference_image):
    plain = register(session, reference_image)
    opaque = register(session, reference_image.convert("RGBA"))
    assert plain.digest == opaque.digest and subject_recipe(opaque) == {"finder": "finder"}


def test_a_cutout_as_structure_draws_what_its_mask_draws(session, finder, cutout, structure_image):
    register(session, structure_image, box=BOX)
    drawn = session.generate(cutout, "a cat", **FAST)
    assert finder.calls == 0
    masked = session.generate(cutout, "a cat", structure_mask=SUBJECT, **FAST)
    boxed = session.generate(cutout, "a cat", structure_box=BOX, **FAST)
    assert drawn.image.tobytes() == masked.image.tobytes() != boxed.image.tobytes()


def test_masks_are_read_from_files_wherever_they_are_given(session, tmp_path, reference_image, structure_image):
    path = tmp_path / "mask.png"
    cutout = Image.new("RGBA", (128, 128))
    cutout.paste("black", (40, 30, 100, 90))  # its colour does not count
    cutout.save(path)
    identity = register(session, reference_image, mask=path)
    assert subject_recipe(identity) == {"mask": mask_digest(SUBJECT)}
    for given in (lambda mask: {"structure_mask": mask}, lambda mask: {"identity": {"cat": mask}}):
        of_file, of_array = (
            session.generate([structure_image] * 2, "a cat", **given(mask), **{**FAST, "seed": [1, 2]})
            for mask in (path.open("rb"), SUBJECT)
        )
        assert [each.tobytes() for each in of_file.images] == [each.tobytes() for each in of_array.images]


def test_an_inverted_mask_is_used_with_a_warning(session, reference_image, structure_image):
    with pytest.warns(UserWarning, match=r"reference image's mask .* covers 78%: it looks inverted") as told:
        identity = register(session, reference_image, mask=~SUBJECT)
    assert np.array_equal(identity.mask, ~SUBJECT) and len(told) == 1
    with pytest.warns(UserWarning, match="structure image's mask .* looks inverted"):
        session.generate(structure_image, "a cat", structure_mask=~SUBJECT, **FAST)
    with pytest.warns(UserWarning, match="looks inverted"):
        register(session, np.dstack([np.asarray(reference_image), ~SUBJECT * np.uint8(255)]))


def test_other_masks_give_no_warning(session, reference_image, structure_image):
    wide = np.zeros((128, 128), bool)
    wide[:, 30:] = True  # touches three borders
    cross = np.zeros((128, 128), bool)
    cross[60:90] = cross[:, 60:90] = True  # covers less than half
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for mask in (SUBJECT, wide, cross, np.ones((128, 128), bool)):
            register(session, reference_image, mask=mask)
        session.generate(None, "a cat", identity={"cat": ~SUBJECT}, **FAST)  # a region, not a subject


def test_a_box_counts_on_an_image_that_is_transparent_everywhere(session):
    clear = Image.new("RGBA", (128, 128))
    assert subject_recipe(register(session, clear, box=BOX)) == {"box": list(BOX)}
    with pytest.raises(InputError, match="transparent everywhere"):
        register(session, clear)


def test_a_structure_mask_that_does_not_fit_is_refused(session, reference_image, structure_image):
    register(session, reference_image)
    for mask in (np.zeros((0, 0), bool), np.ones((5, 5), bool)):
        with pytest.raises(InputError, match="mask of shape"):
            session.generate(structure_image, "a cat", structure_mask=mask, **FAST)
