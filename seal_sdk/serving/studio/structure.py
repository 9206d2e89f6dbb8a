"""The chooser of a structure image: none, a built-in pose, a picture or photograph, or a sketch."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from seal_sdk.errors import InputError
from seal_sdk.images import read_image
from seal_sdk.pocket import world
from seal_sdk.serving.studio.painter import painter, read_paint, sheet
from seal_sdk.serving.studio.poses import KINDS, BuiltInPose, thumbnails
from seal_sdk.serving.studio.upload import picture_upload

NONE, POSE, PICTURE, SKETCH = "None", "Pose", "Picture", "Sketch"
PAPER = (512, 512)  # pixels of a sketch


class StructureChooser:
    """Components to choose a structure image; ``inputs`` are what `read` takes."""

    def __init__(self) -> None:
        self.kind = gr.Radio([NONE, POSE, PICTURE, SKETCH], value=NONE, label="Pose and layout", elem_id="structure")
        with gr.Column(visible=False) as self._poses:
            with gr.Row():
                self.species = gr.Dropdown(list(world.SPECIES), label="Of a", min_width=100)
                self.shown_as = gr.Dropdown(list(KINDS), label="Shown as", min_width=100)
            self.gallery = gr.Gallery(
                label="Poses",
                show_label=False,
                columns=4,
                height=232,
                buttons=[],
                allow_preview=False,
                interactive=False,
                elem_id="poses",
                object_fit="contain",
            )
        self.number = gr.State(0)
        with gr.Column(visible=False) as self._picture:
            self.picture = picture_upload(label="Picture or photograph", height=220, elem_id="structure-picture")
        with gr.Column(visible=False) as self._sketch:
            self.sketch = painter(sheet(PAPER), ink="black", fine=True, elem_id="sketch")
        self._connect()

    @property
    def inputs(self) -> list[Any]:
        """What `read` takes the values of."""
        return [self.kind, self.species, self.shown_as, self.number, self.picture, self.sketch]

    def read(self, values: list[Any], side: int) -> tuple[Image.Image | None, str | None]:
        """The structure image, and what it shows where that is known. side: of a pose, in pixels.

        Raises ImageError, or InputError where the chosen kind has no image yet.
        """
        kind, species, shown_as, number, picture, sketch = values
        if kind == POSE:
            pose = BuiltInPose(species, number, shown_as)
            return pose.image(side), pose.prompt
        if kind == PICTURE:
            if picture is None:
                raise InputError("Give a picture whose pose to follow, or choose 'None'.")
            return read_image(picture), None
        if kind == SKETCH:
            drawn = read_paint(sketch)
            if drawn is None:
                raise InputError("Draw a sketch first, or choose 'None'.")
            return drawn.image, None
        return None, None

    def of_picture(self, path: str) -> dict[Any, Any]:
        """Updates that make a picture the structure image."""
        return {self.kind: PICTURE, self.picture: path, **self._visible(PICTURE)}

    @property
    def groups(self) -> list[Any]:
        """What is visible by what is chosen."""
        return [self._poses, self._picture, self._sketch]

    def _connect(self) -> None:
        self.kind.change(self._visible, self.kind, self.groups, show_progress="hidden")
        gr.on(
            [self.kind.change, self.species.change, self.shown_as.change],
            self._show_poses,
            [self.kind, self.species, self.shown_as],
            [self.gallery, self.number],
            show_progress="hidden",
        )
        self.gallery.select(_chosen, None, self.number, show_progress="hidden")

    def _visible(self, kind: str) -> dict[Any, Any]:
        groups = {POSE: self._poses, PICTURE: self._picture, SKETCH: self._sketch}
        return {group: gr.update(visible=kind == name) for name, group in groups.items()}

    def _show_poses(self, kind: str, species: str, shown_as: str) -> tuple[Any, int]:
        if kind != POSE:
            return gr.skip(), 0
        return gr.Gallery(thumbnails(species, shown_as), selected_index=0), 0


def _chosen(event: gr.SelectData) -> int:
    return int(event.index)
