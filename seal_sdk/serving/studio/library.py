"""The tab "Library": all identities, and what can be done with each."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr

from seal_sdk.byte_sizes import human_size
from seal_sdk.errors import InputError
from seal_sdk.serving.studio.shelf import ANY_MODEL, SORTS, Shelf
from seal_sdk.serving.studio.studio import Studio
from seal_sdk.serving.studio.words import in_words
from store import IdentityInfo

CHOOSE = """
element.addEventListener("click", (event) => {
    const card = event.target.closest("[data-name]");
    if (card) trigger("choose", { name: card.dataset.name });
});
"""
DOWNLOAD = "() => document.querySelector('#bundle').click()"
Updates = dict[Any, Any]


class Library:
    """The tab's components and what they do. ``chosen``: the name or digest of the identity that the buttons are about, "" for none."""

    def __init__(self, studio: Studio) -> None:
        self._store, self._studio, self._shelf = studio.store, studio, Shelf(studio.store)
        self.chosen, self.removed = gr.State(""), gr.State([])
        with gr.Row(equal_height=True):
            self.search = gr.Textbox(
                label="Search", placeholder="name or words of the prompt", elem_id="search", scale=3
            )
            self.model = gr.Dropdown([ANY_MODEL], value=ANY_MODEL, label="Model", min_width=160)
            self.sort = gr.Dropdown(list(SORTS), value="Name", label="Order", min_width=160, elem_id="order")
        self.said = gr.Markdown("", elem_id="library-said")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                self.cards = gr.HTML("", js_on_load=CHOOSE, apply_default_css=False, elem_id="cards")
            with gr.Column(scale=1, min_width=260):
                self._one()
                self.undo = gr.Button("Undo remove", visible=False, elem_id="undo")
                self.bundle = gr.File(label="Import a bundle", file_types=[".seal"], height=150, elem_id="import")
                self.trust = gr.Checkbox(
                    False,
                    label="I trust this bundle",
                    info="Its name has no 'imported/', and its picture counts as registered.",
                )

    def _one(self) -> None:
        with gr.Group(visible=False) as self.one:
            self.facts = gr.Markdown("", elem_id="facts", container=True)
            self.name = gr.Textbox(label="Name", elem_id="new-name")
            with gr.Row():
                self.rename = gr.Button("Rename", size="sm", min_width=80, elem_id="rename")
                self.pin = gr.Button("Pin", size="sm", min_width=80, elem_id="pin")
            with gr.Row():
                self.export = gr.Button("Export", size="sm", min_width=80, elem_id="export")
                self.remove = gr.Button("Remove", size="sm", variant="stop", min_width=80, elem_id="remove")
            self.file = gr.DownloadButton("Download", visible="hidden", elem_id="bundle")

    def connect(self) -> None:
        """Let the components do what they are for."""
        shelf, shown = self.shelf, self.shown
        gr.on(
            [self.search.change, self.model.input, self.sort.input],
            self.refresh,
            shelf,
            shown,
            show_progress="hidden",
            trigger_mode="always_last",
        )
        self.cards.choose(self._choose, shelf[:3], [self.chosen, *shown], show_progress="hidden")
        changed = [self.chosen, self.said, *shown]
        gr.on([self.rename.click, self.name.submit], self._rename, [*shelf, self.name], changed)
        self.pin.click(self._pin, shelf, changed)
        self.remove.click(self._remove, [*shelf, self.removed], [self.removed, self.undo, *changed])
        self.undo.click(self._undo, [*shelf, self.removed], [self.removed, self.undo, *changed])
        self.export.click(self._export, self.chosen, self.file).success(None, js=DOWNLOAD)
        self.bundle.upload(self._import, [self.bundle, self.trust, *shelf], [self.bundle, *changed])

    @property
    def shelf(self) -> list[Any]:
        """What `refresh` takes the values of."""
        return [self.search, self.model, self.sort, self.chosen]

    @property
    def shown(self) -> list[Any]:
        """What `refresh` updates."""
        return [self.cards, self.model, self.one, self.facts, self.name, self.pin]

    def refresh(self, text: str, model: str, sort: str, chosen: str) -> Updates:
        """Updates that show the library as it is now."""
        with in_words():
            items = self._shelf.find(text, model, sort)
            cards = self._shelf.cards(items, chosen)
            one = next(
                (info for info in self._store.identities() if chosen and chosen in (info.name, info.digest)), None
            )
        return {
            self.cards: cards,
            self.model: gr.update(choices=[ANY_MODEL, *self._shelf.models()]),
            self.one: gr.update(visible=one is not None),
            **({} if one is None else self._details(one)),
        }

    def _details(self, info: IdentityInfo) -> Updates:
        size = f"{info.size[0]} × {info.size[1]} px" if info.size else ""
        facts = [
            info.prompt or "",
            size,
            f"{len(info.timesteps)} timesteps, {human_size(info.nbytes)}",
            str(info.model or ""),
        ]
        return {
            self.facts: "\n\n".join(html.escape(fact) for fact in facts if fact),
            self.name: info.name or "",
            self.pin: "Unpin" if info.pinned else "Pin",
        }

    def _choose(self, text: str, model: str, sort: str, event: gr.EventData) -> Updates:
        name = str(event.name)  # what the page's script sent
        return {self.chosen: name, **self.refresh(text, model, sort, name)}

    def _changed(self, said: str, text: str, model: str, sort: str, chosen: str) -> Updates:
        return {self.chosen: chosen, self.said: html.escape(said), **self.refresh(text, model, sort, chosen)}

    def _rename(self, text: str, model: str, sort: str, chosen: str, name: str) -> Updates:
        with in_words():
            info = self._info(chosen)
            if info.name is None:
                self._store.tag(name, chosen, replace=False)
            else:
                self._store.rename(chosen, name)
        return self._changed(f"{chosen} is called {name} now.", text, model, sort, name)

    def _pin(self, text: str, model: str, sort: str, chosen: str) -> Updates:
        with in_words():
            pinned = self._info(chosen).pinned
            (self._store.unpin if pinned else self._store.pin)(chosen)
        said = f"{chosen} may be removed again." if pinned else f"{chosen} is kept, whatever is cleaned up."
        return self._changed(said, text, model, sort, chosen)

    def _remove(self, text: str, model: str, sort: str, chosen: str, removed: list[tuple[str, str]]) -> Updates:
        with in_words():
            removal = self._store.remove(chosen)
        kept = [*removed, (chosen, removal.digest)] if removal.digest else removed
        said = f"{chosen} was removed." + (
            " Until the cache is cleaned it can be brought back." if removal.digest else ""
        )
        return {**self._undoable(kept), **self._changed(said, text, model, sort, "")}

    def _undo(self, text: str, model: str, sort: str, chosen: str, removed: list[tuple[str, str]]) -> Updates:
        with in_words():
            if not removed:
                raise InputError("Nothing was removed here.")
            name, digest = removed[-1]
            self._store.tag(name, digest, replace=False)
        return {**self._undoable(removed[:-1]), **self._changed(f"{name} is back.", text, model, sort, name)}

    def _undoable(self, removed: list[tuple[str, str]]) -> Updates:
        label = f"Bring back {removed[-1][0]}" if removed else "Undo remove"
        return {self.removed: removed, self.undo: gr.update(visible=bool(removed), value=label)}

    def _export(self, chosen: str, progress: gr.Progress = gr.Progress()) -> Any:  # noqa: B008  # gradio looks for it there
        with in_words():
            path = self._studio.new_folder() / f"{Path(chosen).name or 'identity'}.seal"
            self._store.export(chosen, path, progress=lambda done, total: progress((done, total), unit="bytes"))
        return gr.update(value=str(path))

    def _import(self, path: str, trust: bool, text: str, model: str, sort: str, chosen: str) -> Updates:
        with in_words():
            stored = self._store.import_bundle(path, trust=trust, replace=False)
        name = stored.name or stored.digest
        return {self.bundle: None, **self._changed(f"{name} was imported.", text, model, sort, name)}

    def _info(self, chosen: str) -> IdentityInfo:
        """Raises UnknownName for an identity that somebody has removed meanwhile."""
        named = {info.name: info for info in self._store.identities() if info.name}
        if chosen in named:
            return named[chosen]
        stored = self._store.resolve(chosen)
        return IdentityInfo(None, stored.digest)
