"""One self-contained HTML page: nothing is loaded from elsewhere, so it opens offline and can be mailed."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape

from PIL import Image

_CSS = """
body { font-family: sans-serif; margin: 2em; color: #222; max-width: 1400px }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left; font-family: monospace } svg { margin: 0 1em 1em 0 } img { max-width: 100% }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """A whole page of HTML elements."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_CSS}</style></head>\n<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Cells are text, not HTML."""

    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "".join(row(line, "td") for line in lines) + "</table>"


def facts(values: Mapping[str, object]) -> str:
    """Names and values, one a line."""
    return table(("", ""), [(name, str(value)) for name, value in values.items()])


def legend(names: Sequence[str]) -> str:
    """Numbers as in the bar plots."""
    return (
        "<p>" + "; ".join(f"<b>{index}</b> <code>{escape(name)}</code>" for index, name in enumerate(names, 1)) + "</p>"
    )


def picture(image: Image.Image, alt: str) -> str:
    """An image as inline base64 PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<p><img alt="{escape(alt)}" src="data:image/png;base64,{data}"></p>'
