"""The tab "Cache": what the identities take on disk, whether they are whole, and what can be freed."""

from __future__ import annotations

from typing import Any

import gradio as gr

from seal_sdk.byte_sizes import human_size
from seal_sdk.errors import ConfigError
from seal_sdk.serving.studio.studio import Studio
from seal_sdk.serving.studio.words import counted, in_words, listed
from store import VerifyReport

MB = 10**6


class Cache:
    """The tab's components and what they do."""

    def __init__(self, studio: Studio) -> None:
        self._store, self._session = studio.store, studio.session
        self.report = gr.State(None)
        self.usage = gr.Markdown("", elem_id="usage")
        self.table = gr.Dataframe(
            headers=["Identity", "Its own", "Shared with others"], interactive=False, max_height=260, elem_id="bytes"
        )
        with gr.Row():
            with gr.Column(min_width=280):
                gr.Markdown("#### Is everything whole?")
                self.verify = gr.Button("Check every byte", elem_id="verify")
                self.repair = gr.Button("Set aside what is damaged", visible=False)
                self.verified = gr.Markdown("", elem_id="verified")
            with gr.Column(min_width=280):
                gr.Markdown("#### Free what nobody uses")
                self.look = gr.Button("What would be freed?", elem_id="gc-dry")
                self.free = gr.Button("Free it", interactive=False, elem_id="gc")
                self.freed = gr.Markdown("", elem_id="freed")
            with gr.Column(min_width=280):
                gr.Markdown("#### Keep within a budget")
                self.budget = gr.Number(1000, label="Megabytes of all identities", minimum=0, elem_id="budget")
                self.plan = gr.Button("What would go?", elem_id="prune-dry")
                self.prune = gr.Button("Remove it", interactive=False, variant="stop")
                self.pruned = gr.Markdown("", elem_id="pruned")
        with gr.Accordion("Memory of this session", open=False):
            self.memory = gr.Code(label="", language=None, interactive=False)

    def connect(self) -> None:
        """Let the components do what they are for."""
        shown = self.shown
        self.verify.click(self._verify, None, [self.verified, self.report, self.repair])
        self.repair.click(self._repair, self.report, [self.verified, self.repair]).success(self.refresh, None, shown)
        self.look.click(lambda: self._collect(dry_run=True), None, [self.freed, self.free])
        self.free.click(lambda: self._collect(dry_run=False), None, [self.freed, self.free]).success(
            self.refresh, None, shown
        )
        self.plan.click(lambda budget: self._prune(budget, dry_run=True), self.budget, [self.pruned, self.prune])
        self.prune.click(
            lambda budget: self._prune(budget, dry_run=False), self.budget, [self.pruned, self.prune]
        ).success(self.refresh, None, shown)
        self.budget.change(lambda: gr.update(interactive=False), None, self.prune, show_progress="hidden")

    @property
    def shown(self) -> list[Any]:
        """What `refresh` updates."""
        return [self.usage, self.table, self.memory]

    def refresh(self) -> tuple[str, list[list[str]], str]:
        """What the store takes now, each identity's bytes, and the session's memory."""
        with in_words():
            usage = self._store.usage()
            memory = str(self._session.memory)
        rows = [
            [", ".join(each.names) or each.digest[:12], human_size(each.unique), human_size(each.shared)]
            for each in sorted(usage.identities, key=lambda each: -each.unique)
        ]
        said = (
            f"**{human_size(usage.total)}** in all: {counted(len(rows), 'identity').replace('identitys', 'identities')}, "
            f"{human_size(usage.reclaimable)} that can be freed, {human_size(usage.quarantined)} set aside as damaged."
        )
        return said, rows, memory

    def _verify(self, progress: gr.Progress = gr.Progress()) -> tuple[str, VerifyReport, Any]:  # noqa: B008  # gradio looks for it there
        with in_words():
            report = self._store.verify(progress=lambda done, total: progress((done, total), unit="bytes"))
        read = f"{counted(report.checked_blobs, 'file')} read, {human_size(report.checked_bytes)}"
        if report.ok:
            return f"{read}: all whole.", report, gr.update(visible=False)
        lines = [f"- {', '.join(each.identities) or each.path}: {each.message}" for each in report.problems]
        return "\n".join([f"{read}: {counted(len(lines), 'problem')}.", *lines]), report, gr.update(visible=True)

    def _repair(self, report: VerifyReport) -> tuple[str, Any]:
        with in_words():
            done = self._store.repair(report)
        parts = [f"{counted(len(done.quarantined), 'file')} set aside."]
        if done.heal:
            parts.append(f"Computed anew when next used: {listed(list(done.heal))}.")
        if done.lost:
            parts.append(f"To be registered again: {listed(list(done.lost))}.")
        return " ".join(parts), gr.update(visible=False)

    def _collect(self, dry_run: bool) -> tuple[str, Any]:
        with in_words():
            report = self._store.gc(dry_run=dry_run)
        verb = "would be" if dry_run else "were"
        said = (
            f"{human_size(report.freed_bytes)} {verb} freed now, {human_size(report.trashed_bytes)} {verb} moved to the trash, "
            "from which a later run frees them. What is younger than a day stays, so that removing can be undone."
        )
        return said, gr.update(interactive=dry_run and bool(report.removed))

    def _prune(self, megabytes: float | None, dry_run: bool) -> tuple[str, Any]:
        with in_words():
            if megabytes is None or megabytes < 0:
                raise ConfigError("Say how many megabytes all identities may take.")
            report = self._store.prune(max_bytes=int(megabytes * MB), dry_run=dry_run)
        if not report.removed:
            return "Nothing has to go. Pinned identities, and those used within the hour, always stay.", gr.update(
                interactive=False
            )
        names = listed([", ".join(each.names) or each.digest[:12] for each in report.removed])
        verb = "would be removed" if dry_run else "were removed; the next cleaning frees their bytes"
        return f"{names} {verb} ({human_size(report.removed_bytes)}).", gr.update(interactive=dry_run)
