"""A picture is registered: its subject is found, boxed or painted."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.studio_page import go, scrub, shoot
from PIL import Image
from playwright.sync_api import expect

from seal_sdk.pocket import world

pytestmark = pytest.mark.usefixtures("library")


def test_a_picture_is_registered_and_then_known(open_page, session, tmp_path):
    sample = world.sample(500_007)
    path = tmp_path / "my_pet.png"
    Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image).save(path)
    page = open_page()
    go(page, "Register")
    page.locator("#reference input[type=file]").set_input_files(path)
    expect(page.locator("#subject .seal-box")).to_be_visible()
    expect(page.locator("#subject .seal-stage img")).to_have_count(2)  # the picture and its tinted subject
    expect(page.locator("#name textarea, #name input")).to_have_value("my pet")
    expect(page.locator("#reference-prompt textarea, #reference-prompt input")).to_have_value("a photo of a my pet")
    page.locator("#reference-prompt textarea, #reference-prompt input").fill(f"a photo of a {sample.identity.species}")
    shoot(page, "register", tmp_path)
    page.locator("#register").click()
    expect(page.locator("#register-progress")).to_contain_text("'my pet' is in the library.")
    alone = session.register(path, prompt=f"a photo of a {sample.identity.species}", name="my pet")
    assert session.identities["my pet"].digest == alone.digest  # it was the segmenter's subject
    page.locator("#register").click()
    expect(page.locator("#register-progress")).to_contain_text("'my pet' was already in the library.")


def test_a_box_is_dragged_around_the_subject(open_page, session, photos):
    page = open_page()
    go(page, "Register")
    page.locator("#reference input[type=file]").set_input_files(photos["tom"])
    expect(page.locator("#subject .seal-box")).to_be_visible()
    area = page.locator("#subject .seal-stage").bounding_box()
    scrub(page, area, (0.25, 0.25), (0.75, 0.75))
    expect(page.get_by_label("Boxed")).to_be_checked()
    page.locator("#subject .seal-box").press("ArrowRight")
    page.wait_for_timeout(500)
    page.locator("#name textarea, #name input").fill("boxed")
    page.locator("#register").click()
    expect(page.locator("#register-progress")).to_contain_text("'boxed' is in the library.")
    box = session.identities["boxed"].box
    assert np.allclose(box, (35, 32, 99, 96), atol=2)


def test_the_subject_is_painted(open_page, session, photos):
    page = open_page()
    go(page, "Register")
    page.locator("#reference input[type=file]").set_input_files(photos["tom"])
    expect(page.locator("#subject .seal-box")).to_be_visible()
    page.get_by_label("Painted").check()
    area = page.locator("#brush canvas").bounding_box()
    page.locator("#brush").get_by_role("button", name="Eraser").click()
    scrub(page, area, (0.5, 0.0), (0.5, 1.0))
    page.locator("#brush").get_by_role("button", name="Brush").click()
    scrub(page, area, (0.0, 0.02), (1.0, 0.02))
    page.locator("#name textarea, #name input").fill("painted")
    page.locator("#register").click()
    expect(page.locator("#register-progress")).to_contain_text("'painted' is in the library.")
    found, painted = session.identities["tom"].mask, session.identities["painted"].mask
    assert not painted[8:, 62:66].any() and painted[0, 2:-2].all()
    rest = np.ones_like(found)
    rest[:8], rest[:, 56:72] = False, False
    assert (painted & rest).sum() == (found & rest).sum()  # what was found is where the painting began
