"""The node with the method's settings."""

from __future__ import annotations

from typing import Any

from seal_sdk.config import CONTROLS
from seal_sdk.serving.comfyui.description import SETTINGS, Node, Output, choice, number
from seal_sdk.serving.comfyui.settings import OWN, MethodSettings

AS_PRESET = "as the preset"


def settings_node() -> Node:
    """Settings in the place of a preset's."""
    return Node(
        "SealSettings",
        "SeAl: Settings",
        "Settings in the place of the preset's; -1 leaves the preset's own.",
        (
            number("delta", "How strongly appearance is infused; 0: not at all.", OWN, OWN, 100.0, 0.1),
            number("detail", "How far details move to the reference's, up to 1; 0: not at all.", OWN, OWN, 1.0),
            number("strength", "How strongly the prompt wins where it disagrees (Delta-Bridge).", OWN, OWN, 10.0),
            number("override", "How strongly words such as another colour change the subject.", OWN, OWN, 10.0),
            choice("control", "How the structure image steers.", lambda: [AS_PRESET, *CONTROLS], AS_PRESET),
            number("control_scale", "How strongly it steers.", OWN, OWN, 2.0),
            number("control_end", "Share of sampling until which it steers.", OWN, OWN, 1.0),
            number("guidance_start", "Share of sampling from which guidance acts.", 0.0, 0.0, 1.0),
            number("guidance_end", "Share of sampling until which it acts.", 1.0, 0.0, 1.0),
        ),
        (Output("settings", SETTINGS),),
        _run,
    )


def _run(control: str, **values: Any) -> tuple[MethodSettings]:
    return (MethodSettings(control="" if control == AS_PRESET else control, **values),)
