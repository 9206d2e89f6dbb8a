"""A studio on the embedded model, and a real browser in front of it."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
from fixtures.studio_page import SUBJECTS, species
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.pocket import world
from seal_sdk.serving.engine import Engine

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1280, "height": 800}
PATIENCE = 60_000  # ms


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    with IdentitySession("pocket", store=tmp_path_factory.mktemp("store"), enable_progress_bar=False) as session:
        yield session


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Photos of two subjects: name -> file."""
    folder = tmp_path_factory.mktemp("photos")
    files = {}
    for name, seed in SUBJECTS.items():
        sample = world.sample(seed)
        files[name] = folder / f"{name}.png"
        Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image).save(files[name])
    return files


@pytest.fixture(scope="session")
def library(session, photos):
    """Both subjects are registered. All tests share the library, so each adds names of its own only."""
    for name, path in photos.items():
        session.register(path, prompt=f"a photo of a {species(name)}", name=name)


@pytest.fixture(scope="module")
def engine(session):
    engine = Engine(session)
    yield engine
    engine.close(0)


@pytest.fixture(scope="module")
def address(engine):
    from seal_sdk.serving.studio.app import serving

    with serving(engine, port=0) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """Chromium. It goes with its file: Playwright's event loop would be in the way of asynchronous tests."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("There is no Chromium: apt-get install chromium.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, address):
    """open_page(): a page of a person of their own, with the studio in it. Its requests are in ``page.asked``."""
    contexts = []

    def opened(url: str = address, **options):
        context = browser.new_context(**{"viewport": DESKTOP, "accept_downloads": True, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        with page.expect_request_finished(
            lambda request: "queue/join" in request.url
        ):  # what the page asks when it opens
            page.goto(url)
        page.locator("#draw").wait_for()
        page.wait_for_timeout(200)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def held(session):
    """held(): inside, the model is somebody else's, so that jobs wait where they are."""

    @contextmanager
    def holding():
        with session.backbone.lock:
            yield

    return holding
