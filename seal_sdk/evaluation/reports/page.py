"""Elements of a self-contained HTML page, which loads nothing from elsewhere and therefore opens offline."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from html import escape

from PIL import Image

_CSS = """
body { font-family: sans-serif; margin: 2em; color: #222; max-width: 1400px }
table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #ddd }
th.name, th.text, td.name, td.text { text-align: left } td.name { font-family: monospace }
td { white-space: nowrap } td.text { white-space: normal }
table.dense { font-size: 13px } .dense th, .dense td { padding: .3em .45em }
tr.group td { border-top: 2px solid #bbb } .wide { overflow-x: auto } svg { margin: 0 1em 1em 0 }
"""


def page(title: str, parts: Sequence[str]) -> str:
    """The page with these HTML elements as its body."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_CSS}</style></head>\n<body><h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading, of a section by default. The text is escaped."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """A paragraph. The text is escaped."""
    return f"<p>{escape(text)}</p>"


def table(
    head: Sequence[str],
    lines: Sequence[Sequence[str]],
    names: int = 1,
    texts: Collection[int] = (),
    dense: bool = False,
) -> str:
    """A table. The cells are escaped.

    names: How many columns on the left hold names instead of figures. If there are several, a filled first cell begins
    a new group of lines. texts: Which columns hold running text, whose lines are broken. dense: Whether columns stand close
    together, as in a table with many.
    """

    def kind(column: int) -> str:
        return ' class="text"' if column in texts else ' class="name"' if column < names else ""

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = [kind(column) for column in range(len(cells))]
        begins = ' class="group"' if tag == "td" and names > 1 and cells[0] else ""
        filled = (f"<{tag}{marked}>{_unbroken(cell)}</{tag}>" for marked, cell in zip(kinds, cells, strict=True))
        return f"<tr{begins}>" + "".join(filled) + "</tr>"

    body = "".join(row(line, "td") for line in lines)
    spacing = ' class="dense"' if dense else ""
    return f'<div class="wide"><table{spacing}>{row(head, "th")}{body}</table></div>'


def _unbroken(text: str) -> str:
    """An escaped text whose arrow stays on the line of its last word."""
    return escape(text).replace(" ↓", "&nbsp;↓").replace(" ↑", "&nbsp;↑")


def facts(values: Mapping[str, object]) -> str:
    """A table of names and values, one per line, without those that are None."""
    given = [(name, value) for name, value in values.items() if value is not None]
    rows = (
        f'<tr><td class="name">{escape(name)}</td><td class="text">{escape(str(value))}</td></tr>'
        for name, value in given
    )
    return f"<table>{''.join(rows)}</table>"


def legend(names: Sequence[str]) -> str:
    """The names behind the numbers of the bar plots."""
    return (
        "<p>" + "; ".join(f"<b>{index}</b> <code>{escape(name)}</code>" for index, name in enumerate(names, 1)) + "</p>"
    )


def picture(image: Image.Image, alt: str) -> str:
    """An image as inline PNG, in base64."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<p class="wide"><img alt="{escape(alt)}" src="data:image/png;base64,{data}"></p>'
