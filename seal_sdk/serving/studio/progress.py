"""The panel that says how a job stands: its place in the queue, its steps, and what the pictures will roughly look like.

It also remembers the job in the browser tab, so that a page that comes back after a restart of the server can say what was lost.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from seal_sdk.serving.job import Job, JobState
from seal_sdk.serving.studio.jobs import Standing
from seal_sdk.serving.studio.pictures import data_url
from seal_sdk.serving.studio.words import counted

KEY = "seal-job"
REMEMBER = f"""
let busy = false;
watch("value", () => {{
    const job = element.querySelector("[data-job]");
    if (job && !busy) element.scrollIntoView({{ block: "nearest", behavior: "smooth" }});
    busy = job !== null;
    if (job) sessionStorage.setItem("{KEY}", job.dataset.job);
    else sessionStorage.removeItem("{KEY}");
}});
"""
REMEMBERED = f"() => [sessionStorage.getItem('{KEY}') || '']"
"""JavaScript: what the panel of this browser tab remembered last."""


def progress_panel(elem_id: str) -> gr.HTML:
    """An empty panel."""
    return gr.HTML("", elem_id=elem_id, elem_classes="seal-progress", js_on_load=REMEMBER, apply_default_css=False)


def shown(standing: Standing, what: Mapping[str, Any] | None = None) -> str:
    """The panel's HTML. what: plain data to remember in the tab until the job has ended."""
    kept = "" if what is None else f' data-job="{html.escape(json.dumps({"id": standing.job_id, **what}))}"'
    done, steps = standing.progress.step, standing.progress.steps
    bar = f'<progress max="{steps}" value="{done}"></progress>' if steps else "<progress></progress>"
    previews = "".join(f'<img src="{data_url(each)}" alt="preview">' for each in standing.progress.previews)
    return f'<div role="status"{kept}><span>{_sentence(standing)}</span>{bar}<div class="seal-previews">{previews}</div></div>'


def _sentence(standing: Standing) -> str:
    if standing.before is not None:
        return f"Waiting: {counted(standing.before, 'job')} before yours." if standing.before else "Next in line."
    progress = standing.progress
    return f"Step {progress.step} of {progress.steps}" if progress.steps else "Beginning."


def note(text: str) -> str:
    """The panel's HTML for a sentence about what is over."""
    return f'<div role="status"><span>{html.escape(text)}</span></div>' if text else ""


def ending(job: Job) -> str:
    """The panel's HTML once a job has ended: nothing, unless somebody cancelled it."""
    return note("Cancelled.") if job.state is JobState.CANCELLED else ""
