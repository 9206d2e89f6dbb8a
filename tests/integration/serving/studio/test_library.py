"""The library is renamed, pinned, removed, brought back, exported, imported, checked and cleaned."""

from __future__ import annotations

import pytest
from fixtures.studio_page import go, shoot
from playwright.sync_api import expect

pytestmark = pytest.mark.usefixtures("library")


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
