"""The page: its tabs, and the server that shows it. Nothing on it is fetched from elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware

from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.address import free_port
from seal_sdk.serving.studio.cache import Cache
from seal_sdk.serving.studio.create import Create
from seal_sdk.serving.studio.library import Library
from seal_sdk.serving.studio.register import Register
from seal_sdk.serving.studio.studio import Studio
from seal_sdk.serving.studio.theme import style, theme

LIMIT = "2gb"  # of an uploaded file, which may be a bundle
HOUR = 3600
RECONNECT = Path(__file__).with_name("reconnect.js")
ONLY_HERE = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'"
)
"""The content security policy: a browser fetches nothing for this page but from its own server."""


def build(studio: Studio) -> gr.Blocks:
    """The page of a studio."""
    page: gr.Blocks
    with gr.Blocks(title="SeAl Studio", analytics_enabled=False, delete_cache=(HOUR, 24 * HOUR)) as page:
        gr.Markdown("# SeAl Studio", elem_id="title")
        first = "create" if studio.names() else "register"  # in an empty library there is nobody to draw
        with gr.Tabs(elem_id="tabs", selected=first) as tabs:
            with gr.Tab("Create", id="create") as create_tab:
                create = Create(studio)
            with gr.Tab("Register", id="register"):
                register = Register(studio)
            with gr.Tab("Library", id="library") as library_tab:
                library = Library(studio)
            with gr.Tab("Cache", id="cache") as cache_tab:
                cache = Cache(studio)
        create.connect(page)
        register.connect()
        library.connect()
        cache.connect()
        quiet: dict[str, Any] = {"show_progress": "hidden"}
        create_tab.select(create.refresh, None, create.form.who, **quiet)
        library_tab.select(library.refresh, library.shelf, library.shown, **quiet)
        cache_tab.select(cache.refresh, None, cache.shown, **quiet)
        results = create.results
        results.register.click(create.register_this, [results.shots, results.chosen], [tabs, register.picture], **quiet)
        page.unload(create.leave)
    return page


@contextmanager
def serving(engine: Engine, *, host: str = "127.0.0.1", port: int = 7860, browser: bool = False) -> Iterator[str]:
    """Serve the studio of an engine while inside; yields its address. The engine stays the caller's to close.

    host, port: where it listens; port 0 takes a free one. browser: open it in the browser of this desktop.
    Raises ConfigError where the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="seal-studio-") as folder:
        page = build(Studio.of(engine, Path(folder)))
        page.queue(default_concurrency_limit=None)
        _, address, _ = page.launch(**_launching(host, port, browser))
        try:
            yield address
        finally:
            page.close(verbose=False)


def _launching(host: str, port: int, browser: bool) -> dict[str, Any]:
    return {
        "server_name": host,
        "server_port": free_port(host, port),
        "inbrowser": browser,
        "share": False,
        "quiet": True,
        "prevent_thread_lock": True,
        "show_error": True,
        "max_file_size": LIMIT,
        "footer_links": ["settings"],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "theme": theme(),
        "css": style(),
        "js": RECONNECT.read_text(),
        "app_kwargs": {"middleware": [Middleware(OnlyHere)]},
    }


class OnlyHere:
    """Middleware that tells browsers, with each answer, to fetch nothing from elsewhere."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Add the header."""

        async def send_with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["content-security-policy"] = ONLY_HERE
            await send(message)

        await self._app(scope, receive, send_with_policy if scope["type"] == "http" else send)
