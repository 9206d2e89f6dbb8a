"""What a node is, whatever schema ComfyUI wants it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SESSION, IDENTITY, SETTINGS, DRAWING = "SEAL_SESSION", "SEAL_IDENTITY", "SEAL_SETTINGS", "SEAL_DRAWING"
"""Types of links that only these nodes have: `OpenModel`, a tuple of `Subject`, `MethodSettings`, `Drawing`."""


@dataclass(frozen=True)
class Input:
    """An input. kind: ComfyUI's name of its type, such as "IMAGE" or "COMBO".

    options: as both schemas know them, such as default, min, max, step, multiline, tooltip. choices: of a "COMBO"; asked each time that
    ComfyUI asks for them, so that it can be refreshed. linked: whether a kind that people can type has to come from another node.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False
    choices: Callable[[], Sequence[str]] | None = None
    linked: bool = False


@dataclass(frozen=True)
class Output:
    """An output. kind: ComfyUI's name of its type."""

    name: str
    kind: str
    tooltip: str = ""


@dataclass(frozen=True)
class Node:
    """A node.

    name: in workflow files. title: what people read. does: what it does, in sentences.
    run: takes the inputs by name, optional ones only where they are given, and returns one value per output; of a node that saves, which
    also takes ComfyUI's ``prompt`` and ``extra_pnginfo``, what ComfyUI is to show.
    check: takes inputs by name before anything runs, None for those that another node makes; returns True, or what is wrong.
    changed: takes all inputs so; where its value changes, the node runs again though its inputs are the same.
    """

    name: str
    title: str
    does: str
    inputs: Sequence[Input]
    outputs: Sequence[Output]
    run: Callable[..., Any]
    check: Callable[..., bool | str] | None = None
    changed: Callable[..., Any] | None = None
    saves: bool = False


def link(name: str, kind: str, tooltip: str, *, optional: bool = False) -> Input:
    """An input that another node makes."""
    return Input(name, kind, {"tooltip": tooltip}, optional)


def text(name: str, tooltip: str, default: str = "", *, lines: bool = False, optional: bool = False) -> Input:
    """Words. lines: whether the field has several lines."""
    return Input(name, "STRING", {"default": default, "multiline": lines, "tooltip": tooltip}, optional)


def number(name: str, tooltip: str, default: float, least: float, most: float, step: float = 0.01) -> Input:
    """A number; whole where ``default`` and ``step`` are."""
    whole = isinstance(default, int) and isinstance(step, int)
    limits = {"default": default, "min": least, "max": most, "step": step, "tooltip": tooltip}
    return Input(name, "INT" if whole else "FLOAT", limits)


def flag(name: str, tooltip: str) -> Input:
    """Yes or no, no by default."""
    return Input(name, "BOOLEAN", {"default": False, "tooltip": tooltip})


def choice(name: str, tooltip: str, choices: Callable[[], Sequence[str]], default: str | None = None) -> Input:
    """One of several."""
    options = {"tooltip": tooltip} if default is None else {"default": default, "tooltip": tooltip}
    return Input(name, "COMBO", options, choices=choices)
