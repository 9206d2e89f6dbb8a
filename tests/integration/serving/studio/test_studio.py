"""What people do in the studio, in a real browser."""

from __future__ import annotations

import io
import json
import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from seal_sdk.pocket import world
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.app import serving

expect.set_options(timeout=15_000)
PHONE = {"width": 390, "height": 844}
SHOWN = ("create", "compare", "register", "library")
SHOTS = os.environ.get("SEAL_SCREENSHOTS")  # a folder that keeps the pictures of the page for the documentation


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos of two subjects: name -> file."""
    folder = tmp_path_factory.mktemp("photos")
    files = {}
    for name, seed in (("tom", 500_000), ("rex", 500_003)):
        sample = world.sample(seed)
        Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image).save(folder / f"{name}.png")
        files[name] = folder / f"{name}.png"
    return files


@pytest.fixture(scope="module", autouse=True)
def library(session, photos):
    for name, path in photos.items():
        session.register(path, prompt=f"a photo of a {species(name)}", name=name)


def species(name):
    return world.sample({"tom": 500_000, "rex": 500_003}[name]).identity.species


PROMPT = f"a photo of a {species('tom')} on snow"


def go(page, tab):
    page.get_by_role("tab", name=tab, exact=True).click()


def choose(page, *names):
    box = page.locator("#who input")
    for name in names:
        box.click()
        page.get_by_role("option", name=name, exact=True).click()
    box.press("Escape")


def fill_form(page, prompt, seed, steps=4):
    page.locator("#prompt textarea").fill(prompt)
    page.locator("#seed textarea, #seed input").fill(str(seed))
    page.locator("#advanced button").first.click()
    page.locator("#steps input").fill(str(steps))
    page.locator("#advanced button").first.click()


def draw(page, count):
    """Press Draw, and wait for so many pictures in all."""
    page.locator("#draw").click()
    pictures(page, count)


def pictures(page, count):
    expect(page.locator("#pictures .thumbnail-item, #pictures .grid-container button")).to_have_count(
        count, timeout=30_000
    )


def picture(page, place=0):
    """A picture of the results, as a PIL image with its settings."""
    source = page.locator("#pictures img").nth(place).get_attribute("src")
    return Image.open(io.BytesIO(page.request.get(source).body()))


def shoot(page, name, tmp_path):
    """A picture of the page; those for the documentation are kept, with few colours."""
    path = tmp_path / f"{name}.png"
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0)")
    page.screenshot(path=path)
    shot = Image.open(path).convert("RGB")
    if SHOTS and name in SHOWN:
        shot.quantize(128, dither=Image.Dither.NONE).save(Path(SHOTS) / f"{name}.png", optimize=True)
    return shot


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


def scrub(page, area, start, end):
    """Drag over an area, from one of its places to another, as shares of its sides."""
    at = [(area["x"] + x * (area["width"] - 1), area["y"] + y * (area["height"] - 1)) for x, y in (start, end)]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=8)
    page.mouse.up()


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


def read_of(image):
    return json.loads(image.info["seal"])


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


def test_what_is_removed_can_be_brought_back(open_page, session, photos, tmp_path):
    session.store.tag("spare", session.identities["rex"].digest)
    page = open_page()
    go(page, "Library")
    expect(page.locator(".seal-card", has_text="spare")).to_be_visible()
    shoot(page, "library", tmp_path)
    page.locator("#search textarea, #search input").fill("spare")
    expect(page.locator(".seal-card")).to_have_count(1)
    page.locator(".seal-card").click()
    page.locator("#new-name textarea, #new-name input").fill("renamed")
    page.locator("#rename").click()
    expect(page.locator("#library-said")).to_contain_text("spare is called renamed now.")
    page.locator("#search textarea, #search input").fill("renamed")
    page.locator("#pin").click()
    expect(page.locator("#pin")).to_have_text("Unpin")
    page.locator("#remove").click()
    expect(page.get_by_text("'renamed' is pinned: unpin it first")).to_be_visible()
    page.locator("#pin").click()
    expect(page.locator("#pin")).to_have_text("Pin")
    page.locator("#remove").click()
    expect(page.locator("#undo")).to_have_text("Bring back renamed")
    assert "renamed" not in session.identities
    page.locator("#undo").click()
    expect(page.locator("#library-said")).to_contain_text("renamed is back.")
    assert "renamed" in session.identities


def test_a_bundle_is_downloaded_and_imported(open_page, session, tmp_path):
    page = open_page()
    go(page, "Library")
    page.locator('[data-name="tom"]').click()
    with page.expect_download() as started:
        page.locator("#export").click()
    path = tmp_path / "tom.seal"
    started.value.save_as(path)
    page.locator("#import input[type=file]").set_input_files(path)
    expect(page.locator("#library-said")).to_contain_text("imported/tom was imported.")
    assert session.identities["imported/tom"].digest == session.identities["tom"].digest


def test_the_cache_is_checked_and_cleaned(open_page, tmp_path):
    page = open_page()
    go(page, "Cache")
    expect(page.locator("#usage")).to_contain_text("in all")
    page.locator("#verify").click()
    expect(page.locator("#verified")).to_contain_text("all whole")
    page.locator("#gc-dry").click()
    expect(page.locator("#freed")).to_contain_text("would be freed now")
    page.locator("#budget input").fill("1")
    page.locator("#prune-dry").click()
    expect(page.locator("#pruned")).to_contain_text("used within the hour, always stay")
    shoot(page, "cache", tmp_path)


def test_mistakes_are_told_in_words_and_break_nothing(open_page, session, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"this is no picture")
    page = open_page()
    go(page, "Register")
    page.locator("#reference input[type=file]").set_input_files(broken)
    expect(page.get_by_text(re.compile("is not an image that Pillow can read"))).to_be_visible()
    go(page, "Create")
    page.locator("#draw").click()
    expect(page.get_by_text(re.compile("Choose who is to be drawn"))).to_be_visible()
    session.store.tag("ghost", session.identities["tom"].digest)
    page.reload()
    page.locator("#draw").wait_for()
    choose(page, "ghost")
    fill_form(page, "a photo of a cat", seed=1)
    session.store.remove("ghost")
    page.locator("#draw").click()
    expect(page.get_by_text(re.compile("no identity is called 'ghost'"))).to_be_visible()
    page.reload()
    page.locator("#draw").wait_for()
    choose(page, "tom")
    fill_form(page, "a photo of a cat", seed=1)
    draw(page, 1)


def test_two_people_draw_at_once_and_see_their_own(open_page, held):
    first, second = open_page(), open_page()
    for page, name in ((first, "tom"), (second, "rex")):
        choose(page, name)
        fill_form(page, f"a photo of {name}", seed=8)
    with held():
        first.locator("#draw").click()
        expect(first.locator("#create-progress")).to_contain_text("Beginning")
        second.locator("#draw").click()
        expect(second.locator("#create-progress")).to_contain_text("Next in line.")
    for page, name in ((first, "tom"), (second, "rex")):
        pictures(page, 1)
        expect(page.locator("#pictures")).to_contain_text(f"{name}, seed 8")


def test_who_closes_the_page_takes_the_job_along(open_page, engine, held):
    page = open_page()
    choose(page, "tom")
    fill_form(page, "a photo of a cat", seed=8, steps=400)
    page.locator("#draw").click()
    expect(page.locator("#create-progress")).to_contain_text("Step")
    page.close()
    until = time.monotonic() + 20
    while engine.running and time.monotonic() < until:
        time.sleep(0.05)
    assert engine.running == 0


def test_the_page_comes_back_after_a_restart_and_says_what_was_lost(open_page, session):
    engine = Engine(session)
    with serving(engine, port=0) as address:
        page = open_page(address)
        choose(page, "tom")
        fill_form(page, "a photo of a cat at night", seed=9, steps=900)
        page.locator("#draw").click()
        expect(page.locator("#create-progress")).to_contain_text("Step")
    engine.close(0)
    with Engine(session) as engine, serving(engine, port=urlsplit(address).port):
        expect(page.locator("#create-progress")).to_contain_text(
            "The server was restarted, and 'a photo of a cat at night' was not finished.", timeout=30_000
        )
        expect(page.locator("#prompt textarea")).to_have_value("a photo of a cat at night")
        expect(page.locator("#seed textarea, #seed input")).to_have_value("9")
        fill_form(page, "a photo of a cat at night", seed=9)
        draw(page, 1)
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_is(open_page, scheme, tmp_path):
    page = open_page(color_scheme=scheme)
    page.wait_for_timeout(500)
    corner = shoot(page, f"{scheme}", tmp_path).getpixel((3, 400))
    assert (sum(corner) > 600) is (scheme == "light")


def test_on_a_phone_nothing_is_wider_than_the_screen(open_page, tmp_path):
    page = open_page(viewport=PHONE)
    for tab in ("Create", "Register", "Library", "Cache"):
        if page.get_by_role("tab", name=tab, exact=True).is_visible():
            go(page, tab)
            page.wait_for_timeout(300)
            shoot(page, f"phone-{tab.lower()}", tmp_path)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], tab


def test_it_works_with_the_keyboard_alone(open_page):
    page = open_page()
    page.get_by_role("tab", name="Create").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".seal-card").first).to_be_visible()
    page.locator(".seal-card").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#facts")).to_be_visible()


def test_no_request_leaves_this_machine(open_page, address):
    page = open_page()
    for tab in ("Register", "Library", "Cache", "Create"):
        go(page, tab)
        page.wait_for_timeout(200)
    hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(address).hostname}
    assert "default-src 'self'" in page.request.get(address).headers["content-security-policy"]
