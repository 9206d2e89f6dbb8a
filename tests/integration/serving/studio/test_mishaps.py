"""Mistakes, others who draw at once, closed pages and restarts break nothing."""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

import pytest
from fixtures.studio_page import choose, draw, fill_form, go, pictures
from playwright.sync_api import expect

from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.app import serving

pytestmark = pytest.mark.usefixtures("library")


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
    until = time.monotonic() + 60
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
            "The server was restarted, and 'a photo of a cat at night' was not finished.", timeout=60_000
        )
        expect(page.locator("#prompt textarea")).to_have_value("a photo of a cat at night")
        expect(page.locator("#seed textarea, #seed input")).to_have_value("9")
        fill_form(page, "a photo of a cat at night", seed=9)
        draw(page, 1)
        page.close()
