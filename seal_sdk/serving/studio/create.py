"""The tab "Create": what to draw on the left, the pictures on the right."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

import gradio as gr

from seal_sdk.result import Generation
from seal_sdk.serving.studio.create_form import CreateForm, Values
from seal_sdk.serving.studio.drawing import Wish
from seal_sdk.serving.studio.history import lost, wish_in
from seal_sdk.serving.studio.progress import REMEMBERED, ending, note, progress_panel, shown
from seal_sdk.serving.studio.results import Results, Shot, explained, pick, save
from seal_sdk.serving.studio.studio import Studio
from seal_sdk.serving.studio.words import in_words, warn

Updates = dict[Any, Any]
MAP = "Above, places of equal colour belong together. Below, how often they were matched, and how alike they are."


class Create:
    """The tab's components and what they do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                self.form = CreateForm(studio)
                with gr.Row():
                    self.draw = gr.Button("Draw", variant="primary", elem_id="draw")
                    self.cancel = gr.Button("Cancel", interactive=False, elem_id="cancel")
                self.old = gr.File(
                    label="Settings from a picture",
                    file_types=[".png"],
                    height=150,
                    elem_id="old-picture",
                )
            with gr.Column(scale=3, min_width=320, elem_classes="seal-results"):
                self.panel = progress_panel("create-progress")
                self.results = Results()
        self.remembered = gr.Textbox(visible="hidden", elem_id="remembered")

    def connect(self, page: gr.Blocks) -> None:
        """Let the components do what they are for."""
        results, outputs = self.results, [self.panel, self.draw, self.cancel, *self.results.outputs]
        self.form.connect()
        drawing: dict[str, Any] = {"outputs": outputs, "show_progress": "hidden"}
        gr.on([self.draw.click, self.form.prompt.submit], self._draw, self.form.inputs | {results.shots}, **drawing)
        for button, does in (
            (results.again, self._again),
            (results.compare, self._compare),
            (results.explain, self._explain),
        ):
            button.click(does, [results.shots, results.chosen], **drawing)
        self.cancel.click(self.leave, None, None, show_progress="hidden")
        structure = self.form.structure
        results.as_structure.click(
            self._use_as_structure,
            [results.shots, results.chosen],
            [structure.kind, structure.picture, *structure.groups],
        )
        self.old.upload(self._restore, self.old, [*self.form.inputs, self.old, self.panel])
        page.load(
            self._come_back,
            self.remembered,
            [self.panel, self.form.who, self.form.prompt, self.form.seed],
            js=REMEMBERED,
            show_progress="hidden",
        )

    def refresh(self) -> Any:
        """The update of the list of identities."""
        return gr.update(choices=self._studio.names())

    def register_this(self, shots: list[Shot], chosen: int) -> tuple[Any, str]:
        """Take the chosen picture to the tab "Register"."""
        with in_words():
            return gr.Tabs(selected="register"), str(pick(shots, chosen).path)

    async def _draw(self, values: Values, request: gr.Request) -> AsyncGenerator[Updates, None]:
        with in_words():
            wish = await asyncio.to_thread(self.form.read, values)
        keep = partial(save, wish=wish)
        async with aclosing(self._perform(wish, values[self.results.shots], keep, request)) as updates:
            async for update in updates:
                yield update

    async def _again(self, shots: list[Shot], chosen: int, request: gr.Request) -> AsyncGenerator[Updates, None]:
        with in_words():
            wish = pick(shots, chosen).wish.again((secrets.randbelow(2**32),))
        async with aclosing(self._perform(wish, shots, partial(save, wish=wish), request)) as updates:
            async for update in updates:
                yield update

    async def _compare(self, shots: list[Shot], chosen: int, request: gr.Request) -> AsyncGenerator[Updates, None]:
        """The chosen picture beside one with the same seed, and nothing of the references."""
        with in_words():
            shot = pick(shots, chosen)
        plain = shot.wish.without_identity()
        beside = [Shot(shot.path, shot.wish, f"{shot.caption}, with identity")]
        keep = partial(save, wish=plain, remark="without identity")
        async with aclosing(self._perform(plain, shots, keep, request, beside)) as updates:
            async for update in updates:
                yield update

    async def _explain(self, shots: list[Shot], chosen: int, request: gr.Request) -> AsyncGenerator[Updates, None]:
        """The chosen picture is drawn again, and its matches are kept this time."""
        with in_words():
            wish = pick(shots, chosen).wish
        keep = partial(explained, wish=wish, session=self._studio.session)
        async with aclosing(self._perform(wish, shots, keep, request, explained_by=MAP)) as updates:
            async for update in updates:
                yield update

    async def _perform(
        self,
        wish: Wish,
        shots: Sequence[Shot],
        keep: Any,
        request: gr.Request,
        beside: Sequence[Shot] = (),
        explained_by: str = "",
    ) -> AsyncGenerator[Updates, None]:
        """Have a wish drawn.

        keep: makes shots of the result. beside: shots that stand before them. explained_by: what is said of a match map, "" for none.
        """
        jobs = self._studio.jobs
        with in_words():
            job = jobs.submit(wish.drawing(match_maps=bool(explained_by)), str(request.session_hash), previews=True)
        async with aclosing(jobs.watch(job)) as standings:
            async for standing in standings:
                yield {self.panel: shown(standing, wish.summary), **self._busy(True)}
        yield {self.panel: ending(job), **self._busy(False)}  # before an error ends this
        with in_words():
            generation: Generation = job.result()
            made = await asyncio.to_thread(keep, generation, folder=self._studio.new_folder())
        yield {**self.results.show([*beside, *made, *shots]), self.panel: note(explained_by)}

    def _busy(self, busy: bool) -> Updates:
        return {self.draw: gr.update(interactive=not busy), self.cancel: gr.update(interactive=busy)}

    def leave(self, request: gr.Request) -> None:
        """End all jobs of a browser tab: somebody has cancelled, or closed it."""
        self._studio.jobs.cancel(str(request.session_hash))

    def _use_as_structure(self, shots: list[Shot], chosen: int) -> Updates:
        with in_words():
            return self.form.structure.of_picture(str(pick(shots, chosen).path))

    def _restore(self, path: str) -> Updates:
        with in_words():
            wish, had_structure = wish_in(path, self._studio.store)
        missing = " Give its structure image again: the file does not hold it." if had_structure else ""
        return {**self.form.fill(wish), self.old: None, self.panel: note(f"The settings are back.{missing}")}

    def _come_back(self, remembered: str) -> Updates:
        """A page opens: say what it has lost, if it has."""
        found = lost(remembered, self._studio.engine)
        names = self._studio.names()
        if found is None:
            return {self.form.who: gr.update(choices=names)}
        said, what = found
        warn(said)
        known = [name for name in what["identities"] if name in names]
        return {
            self.panel: note(said),
            self.form.who: gr.update(choices=names, value=known),
            self.form.prompt: what["prompt"],
            self.form.seed: str(what["seed"]),
        }
