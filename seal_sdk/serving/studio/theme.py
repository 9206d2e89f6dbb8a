"""How the page looks: the system's own fonts, quiet colours, light or dark as the system is, and room to work on a phone too."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")
STYLE = Path(__file__).with_name("theme.css")


def theme() -> gr.themes.Base:
    """Nothing of it is fetched from elsewhere."""
    return gr.themes.Default(
        primary_hue="orange",
        secondary_hue="orange",
        neutral_hue="stone",
        radius_size="md",
        font=FONT,
        font_mono=MONO,
    )


def style() -> str:
    """The page's own CSS."""
    return STYLE.read_text()
