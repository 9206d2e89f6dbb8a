"""Somebody draws: with progress, side by side, in boxes and poses, and again from a picture's settings."""

from __future__ import annotations

import re

import numpy as np
import pytest
from fixtures.studio_page import PROMPT, choose, draw, fill_form, picture, pictures, read_of, scrub, shoot, species
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("library")


def test_a_picture_is_drawn_with_progress_and_carries_its_settings(open_page, session, tmp_path):
    page = open_page()
    choose(page, "tom")
    fill_form(page, PROMPT, seed=11, steps=30)
    page.locator("#draw").click()
    expect(page.locator("#create-progress")).to_contain_text(re.compile(r"Step \d+ of 30"))
    expect(page.locator("#create-progress img").first).to_be_visible()
    pictures(page, 1)
    drawn = picture(page)
    alone = session.generate(None, PROMPT, identity="tom", seed=11, num_inference_steps=30)
    assert np.array_equal(np.asarray(drawn.convert("RGB")), np.asarray(alone.image))
    shoot(page, "create", tmp_path)


def test_cancel_ends_a_drawing_and_leaves_no_picture(open_page, engine):
    page = open_page()
    choose(page, "tom")
    fill_form(page, PROMPT, seed=11, steps=400)
    page.locator("#draw").click()
    expect(page.locator("#create-progress")).to_contain_text("Step")
    page.locator("#cancel").click()
    expect(page.locator("#create-progress")).to_contain_text("Cancelled.")
    expect(page.locator("#draw")).to_be_enabled()
    pictures(page, 0)
    assert engine.running == 0 and engine.waiting == 0


def test_the_same_seed_with_and_without_identity_stands_side_by_side(open_page, tmp_path):
    page = open_page()
    choose(page, "tom")
    fill_form(page, PROMPT, seed=3, steps=8)
    draw(page, 1)
    page.get_by_role("button", name="With and without").click()
    pictures(page, 3)
    first, second = picture(page, 0), picture(page, 1)
    settings = [read_of(each) for each in (first, second)]
    assert settings[0]["seed"] == settings[1]["seed"] == 3
    assert settings[0]["appearance"]["delta"] == 10.0 and settings[1]["appearance"]["delta"] == 0.0
    assert np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).mean() > 1
    page.get_by_role("button", name="Again with another seed").click()
    pictures(page, 4)
    assert read_of(picture(page, 0))["seed"] != 3
    page.get_by_role("button", name="Where it came from").click()
    pictures(page, 5)
    assert picture(page, 0).size == (256, 256)  # reference and image side by side, and how often below
    shoot(page, "compare", tmp_path)


def test_a_drawn_picture_becomes_the_pose_or_a_reference(open_page):
    page = open_page()
    choose(page, "tom")
    fill_form(page, PROMPT, seed=4)
    draw(page, 1)
    page.get_by_role("button", name="Use as pose").click()
    expect(page.locator("#structure-picture img")).to_be_visible()
    draw(page, 2)
    page.get_by_role("button", name="Register this").click()
    expect(page.locator("#reference img")).to_be_visible()
    expect(page.locator("#register")).to_be_visible()


def test_two_identities_are_drawn_each_in_its_box(open_page, tmp_path):
    page = open_page()
    choose(page, "tom", "rex")
    expect(page.locator("#places .seal-box")).to_have_count(2)
    fill_form(page, f"a photo of a {species('tom')} and a {species('rex')} on snow", seed=5)
    page.locator("#places .seal-chip", has_text="rex").click()
    area = page.locator("#places .seal-stage").bounding_box()
    scrub(page, area, (0.5, 0.25), (1, 1))
    page.wait_for_timeout(300)
    shoot(page, "regions", tmp_path)
    draw(page, 1)
    boxes = {each["name"]: each["box"] for each in read_of(picture(page))["identities"]}
    assert boxes["tom"] == [0, 0, 64, 128] and np.allclose(boxes["rex"], [64, 32, 128, 128], atol=2)


def test_a_built_in_pose_is_followed(open_page, tmp_path):
    page = open_page()
    choose(page, "tom")
    fill_form(page, PROMPT, seed=6)
    page.locator("#structure").get_by_label("Pose").check()
    expect(page.locator("#poses img")).to_have_count(12)
    page.locator("#poses button").nth(3).click()
    page.wait_for_timeout(300)
    draw(page, 1)
    settings = read_of(picture(page))
    assert settings["structure"] is not None and settings["structure_prompt"] == f"a mesh of a {species('tom')}"


def test_settings_come_back_from_a_dropped_picture(open_page, session, tmp_path):
    path = tmp_path / "old.png"
    session.generate(None, "a photo of a cat in a forest", identity="rex", seed=77, num_inference_steps=3).image.save(
        path
    )
    page = open_page()
    page.locator("#old-picture input[type=file]").set_input_files(path)
    expect(page.locator("#prompt textarea")).to_have_value("a photo of a cat in a forest")
    expect(page.locator("#seed textarea, #seed input")).to_have_value("77")
    draw(page, 1)
    assert np.array_equal(np.asarray(picture(page).convert("RGB")), np.asarray(Image.open(path).convert("RGB")))
