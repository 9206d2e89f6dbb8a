"""The page on any screen, by keyboard alone, and without a request to other machines."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from fixtures.studio_page import go, shoot
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("library")


PHONE = {"width": 390, "height": 844}


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
