"""The tab "Register": a picture, where its subject is, and a name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seal_sdk.errors import InputError, SubjectNotFound
from seal_sdk.images import read_picture
from seal_sdk.images.boxes import Box
from seal_sdk.segmentation import Subject, subject_from
from seal_sdk.serving.studio.box_picker import box_picker, boxes_on, picked, read_boxes
from seal_sdk.serving.studio.painter import painted_mask, painter, sheet
from seal_sdk.serving.studio.pictures import data_url, shown_size, tinted
from seal_sdk.serving.studio.progress import ending, note, progress_panel, shown
from seal_sdk.serving.studio.registering import Registered, find_subject, register
from seal_sdk.serving.studio.studio import Studio
from seal_sdk.serving.studio.upload import picture_upload
from seal_sdk.serving.studio.words import in_words, listed, warn
from seal_sdk.serving.work import Calling
from store import valid_name

FOUND, BOX, PAINTED = "Found", "Boxed", "Painted"
SUBJECT = "subject"
Updates = dict[Any, Any]
Seen = tuple[Box, NDArray[np.bool_]]  # a subject as a gr.State keeps it: its box and its mask


class Register:
    """The tab's components and what they do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.found, self.suggested = gr.State(None), gr.State("")
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                self.picture = picture_upload(label="Picture of the subject", height=190, elem_id="reference")
                self.name = gr.Textbox(label="Name", elem_id="name")
                self.prompt = gr.Textbox(
                    label="What it shows", placeholder="a photo of a cat", elem_id="reference-prompt"
                )
                self.how = gr.Radio([FOUND, BOX, PAINTED], value=FOUND, label="Where the subject is", elem_id="how")
                self.button = gr.Button("Register", variant="primary", elem_id="register")
                self.panel = progress_panel("register-progress")
            with gr.Column(scale=3, min_width=320):
                gr.Markdown(
                    "The coloured part is the subject. Is it wrong? Drag a box around it, or choose “Painted”.",
                    elem_classes="seal-hint",
                )
                self.places = box_picker(elem_id="subject")
                self.brush = painter(visible=False, elem_id="brush")

    def connect(self) -> None:
        """Let the components do what they are for."""
        marked = [self.places, self.brush, self.how]
        self.picture.change(
            self._look,
            self.picture,
            [*marked, self.found, self.name, self.prompt, self.suggested, self.panel],
            show_progress="hidden",
        )
        prompts = [self.prompt, self.suggested]
        self.name.change(_suggest, [self.name, *prompts], prompts, show_progress="hidden")
        self.places.input(self._box, [self.picture, self.places], [self.places, self.how], show_progress="hidden")
        self.how.input(self._change, [self.how, self.picture, self.places, self.found], marked, show_progress="hidden")
        inputs = [self.picture, self.name, self.prompt, self.how, self.places, self.brush]
        self.button.click(self._register, inputs, [self.panel, self.button], show_progress="hidden")

    async def _look(self, path: str | None, request: gr.Request) -> AsyncGenerator[Updates, None]:
        """Show a new picture, and what the segmenter finds in it."""
        if path is None:
            yield {self.places: picked(None), self.brush: gr.update(visible=False), self.panel: ""}
            return
        with in_words():
            image = (await asyncio.to_thread(read_picture, path)).image
            job = self._studio.jobs.submit(
                Calling(lambda session, _: find_subject(session, path)), str(request.session_hash)
            )
        name = _name_of(path)
        suggested = _prompt_of(name)
        named = {self.name: name, self.prompt: suggested, self.suggested: suggested}
        yield {**self._shown(image, None), **named, self.found: None}
        async with aclosing(self._studio.jobs.watch(job)) as standings:
            async for standing in standings:
                yield {self.panel: shown(standing)}
        yield {self.panel: ending(job)}
        try:
            with in_words():
                found: Subject = job.result()
            yield {**self._shown(image, found), self.found: (found.box, found.mask)}
        except gr.Error as error:
            if not isinstance(error.__cause__, SubjectNotFound):
                raise
            warn("No subject was found: drag a box around it, or paint it.")

    def _shown(self, image: Image.Image, subject: Subject | None, how: str = FOUND) -> Updates:
        value, picture, mask = marked(image, subject)
        return {
            self.places: {**picked(value, picture, mask), "visible": True},
            self.brush: gr.update(visible=False),
            self.how: how,
        }

    def _box(self, path: str | None, value: Any) -> Updates:
        """Somebody has dragged a box: the subject is what stands out of its background, as `register` takes it."""
        with in_words():
            image, box = _image(path), _the_box(value)
            update = self._shown(image, subject_from(image, box=box), BOX)
        return {self.places: update[self.places], self.how: BOX}

    def _change(self, how: str, path: str | None, value: Any, seen: Seen | None) -> Updates:
        """Another way to say where the subject is was chosen."""
        with in_words():
            image = _image(path)
            if how == BOX:
                box = read_boxes(value).get(SUBJECT)
                return self._shown(image, subject_from(image, box=box) if box else None, how)
        found = None if seen is None else Subject(*seen)
        return self._shown(image, found, how) if how == FOUND else self._painting(image, found)

    def _painting(self, image: Image.Image, found: Subject | None) -> Updates:
        small = shown_size(image.size)
        paint = None if found is None else tinted(found.mask, 255).resize(small, Image.Resampling.NEAREST)
        brush = gr.update(visible=True, value=sheet(small, paint), picture=data_url(image))
        return {self.places: gr.update(visible=False), self.brush: brush, self.how: PAINTED}

    async def _register(
        self, path: str | None, name: str, prompt: str, how: str, places: Any, brush: Any, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        with in_words():
            arguments = {
                "image": path,
                "name": valid_name(name or ""),
                "prompt": prompt,
                **await asyncio.to_thread(_where, how, _image(path), places, brush),
            }
            work = Calling(lambda session, callback: register(session, callback, arguments))
            job = self._studio.jobs.submit(work, str(request.session_hash))
        async with aclosing(self._studio.jobs.watch(job)) as standings:
            async for standing in standings:
                yield {self.panel: shown(standing), self.button: gr.update(interactive=False)}
        yield {self.panel: ending(job), self.button: gr.update(interactive=True)}
        with in_words():
            yield {self.panel: note(told(job.result(), name))}


def marked(image: Image.Image, subject: Subject | None) -> tuple[dict[str, Any], Image.Image, Image.Image | None]:
    """What a `box_picker` shows of a picture and its subject: its value, the picture, and the tinted mask."""
    boxes = {SUBJECT: None if subject is None else subject.box}
    return boxes_on(image.size, boxes), image, None if subject is None else tinted(subject.mask)


def told(done: Registered, wanted: str) -> str:
    """What the page says of a registered identity."""
    name = done.identity.name
    if done.hit:
        others = f", also as {listed([repr(each) for each in done.known_as])}" if done.known_as else ""
        return f"{name!r} was already in the library{others}."
    if name != wanted:
        return f"{wanted!r} was taken: the new identity is called {name!r}."
    return f"{name!r} is in the library."


def _where(how: str, image: Image.Image, places: Any, brush: Any) -> dict[str, Box | NDArray[np.bool_]]:
    """The arguments of `register` that say where the subject is; none for what the segmenter finds."""
    if how == BOX:
        return {"box": _the_box(places)}
    if how == PAINTED:
        return {"mask": painted_mask(brush, image.size)}
    return {}


def _image(path: str | None) -> Image.Image:
    if path is None:
        raise InputError("Give a picture first: drop one into the field, or paste it.")
    return read_picture(path).image


def _the_box(value: Any) -> Box:
    box = read_boxes(value).get(SUBJECT)
    if box is None:
        raise InputError("Drag a box around the subject first.")
    return box


def _name_of(path: str) -> str:
    """A name of a file's."""
    return " ".join(Path(path).stem.replace("_", " ").replace("-", " ").split())[:60] or "identity"


def _prompt_of(name: str) -> str:
    """The prompt that a name suggests: "a photo of a cat" for "cat 2"."""
    words = name.rstrip("0123456789 ").lower() or name.lower()
    return f"a photo of {'an' if words[:1] in 'aeiou' else 'a'} {words}"


def _suggest(name: str, prompt: str, suggested: str) -> tuple[Any, Any]:
    """A prompt that goes with a new name, unless somebody has written another one."""
    if not name or prompt not in ("", suggested):
        return gr.skip(), gr.skip()
    return _prompt_of(name), _prompt_of(name)
