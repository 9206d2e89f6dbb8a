"""The pictures that a browser tab has drawn, newest first, and the buttons for what to do next with one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.result import Generation
from seal_sdk.serving.studio.drawing import Wish
from seal_sdk.serving.studio.words import listed
from seal_sdk.session import IdentitySession

MOST = 24  # pictures that a tab keeps


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture: its file, what it was asked for (with its one seed), and what the page writes below it."""

    path: Path
    wish: Wish
    caption: str


class Results:
    """Components that show pictures. ``shots``: all of them. ``chosen``: the place of the one that the buttons are about."""

    def __init__(self) -> None:
        self.shots, self.chosen = gr.State([]), gr.State(0)
        with gr.Row(visible=False, elem_id="next", elem_classes="seal-actions") as self.actions:
            self.again = gr.Button("Again with another seed", size="sm", min_width=190)
            self.compare = gr.Button("With and without", size="sm", min_width=190)
            self.explain = gr.Button("Where it came from", size="sm", min_width=190)
            self.as_structure = gr.Button("Use as pose", size="sm", min_width=190)
            self.register = gr.Button("Register this", size="sm", min_width=190)
            self.download = gr.DownloadButton("Download", size="sm", min_width=190)
        self.gallery = gr.Gallery(
            label="Pictures",
            show_label=False,
            columns=2,
            fit_columns=False,
            object_fit="contain",
            interactive=False,
            buttons=["download", "fullscreen"],
            elem_id="pictures",
        )
        self.gallery.select(_place, None, self.chosen, show_progress="hidden")
        gr.on(
            [self.chosen.change, self.shots.change],
            _file,
            [self.shots, self.chosen],
            self.download,
            show_progress="hidden",
        )

    def show(self, shots: Sequence[Shot]) -> dict[Any, Any]:
        """Updates that show these; the first is the chosen one."""
        kept = list(shots[:MOST])
        return {
            self.shots: kept,
            self.chosen: 0,
            self.gallery: gr.Gallery([(str(shot.path), shot.caption) for shot in kept], selected_index=None),
            self.actions: gr.update(visible=bool(kept)),
        }

    @property
    def outputs(self) -> list[Any]:
        """What `show` updates."""
        return [self.shots, self.chosen, self.gallery, self.actions]


def pick(shots: Sequence[Shot], chosen: int) -> Shot:
    """The shot that the buttons are about. Raises InputError where there is none."""
    if not 0 <= chosen < len(shots):
        raise InputError("There is no picture yet: draw one first.")
    return shots[chosen]


def save(generation: Generation, wish: Wish, folder: Path, remark: str = "") -> list[Shot]:
    """Write the images as PNG files that carry their settings."""
    who = listed(list(wish.identities))
    shots = []
    for image, seed in zip(generation.images, wish.seeds, strict=True):
        path = folder / f"{'-'.join(wish.identities)[:100]}-{seed}.png".replace("/", "-")
        image.save(path)
        caption = f"{who}, seed {seed}" + (f", {remark}" if remark else "")
        shots.append(Shot(path, replace(wish, seeds=(seed,)), caption))
    return shots


def explained(generation: Generation, wish: Wish, session: IdentitySession, folder: Path) -> list[Shot]:
    """One sheet per identity: which places of its reference the first image took its appearance from. Raises ConfigError."""
    shots = []
    for number, name in enumerate(wish.identities):
        (shown,) = generation.maps(identity=name if len(wish.identities) > 1 else None)
        sheet: Image.Image = shown.draw(session.identities[name].image, generation.image)
        path = folder / f"map-{number}.png"
        sheet.save(path)
        shots.append(Shot(path, wish, f"{name}, where it came from"))
    return shots


def _place(event: gr.SelectData) -> int:
    return int(event.index)


def _file(shots: Sequence[Shot], chosen: int) -> Any:
    return gr.update(value=str(shots[chosen].path)) if chosen < len(shots) else gr.skip()
