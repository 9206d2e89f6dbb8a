"""A browser tab waits for its jobs, cancels them, and takes them along when it leaves."""

import asyncio

import pytest
from fixtures.scripted_session import ScriptedSession

from seal_sdk.errors import JobCancelled
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.job import JobState
from seal_sdk.serving.studio.jobs import Jobs
from seal_sdk.serving.studio.progress import shown
from seal_sdk.serving.work import Drawing


def drawing(prompt="a cat"):
    return Drawing((1,), {"prompt": prompt})


@pytest.fixture
def paced():
    session = ScriptedSession(paced=True, steps=2)
    engine = Engine(session)
    yield session, engine, Jobs(engine)
    session.allow(100)
    engine.close(0)


async def test_who_watches_hears_of_the_queue_and_of_every_step(paced):
    session, _, jobs = paced
    first, second = (jobs.submit(drawing(), client) for client in ("a", "b"))
    while first.progress.steps == 0:
        await asyncio.sleep(0.01)
    standings = []
    async for standing in jobs.watch(second):
        standings.append((standing.before, standing.progress.step, standing.progress.steps))
        session.allow(1)
    assert second.state is JobState.DONE and standings[0] == (0, 0, 0) and (None, 1, 2) in standings


async def test_cancel_ends_the_jobs_of_one_tab_alone(paced):
    session, _, jobs = paced
    mine, theirs = jobs.submit(drawing(), "a"), jobs.submit(drawing("a dog"), "b")
    jobs.cancel("a")
    session.allow(10)
    assert await asyncio.to_thread(theirs.result, 20)
    with pytest.raises(JobCancelled):
        mine.result(20)


async def test_who_stops_watching_cancels(paced):
    session, engine, jobs = paced
    running = jobs.submit(drawing(), "a")
    await asyncio.to_thread(session.entered.wait, 20)
    waiting = jobs.submit(drawing("a dog"), "b")
    watch = jobs.watch(waiting)
    await anext(watch)
    await watch.aclose()
    assert waiting.state is JobState.CANCELLED and engine.waiting == 0
    session.allow(10)
    assert await asyncio.to_thread(running.result, 20)


async def test_the_panel_says_the_place_and_remembers_the_job_safely(paced):
    _, _, jobs = paced
    jobs.submit(drawing(), "a"), jobs.submit(drawing(), "b")
    job = jobs.submit(drawing(), "c")
    watch = jobs.watch(job)
    panel = shown(await anext(watch), {"prompt": '"><script>'})
    await watch.aclose()
    assert "<script>" not in panel and "&lt;script&gt;" in panel and job.id in panel
    assert "1 job before yours" in panel or "2 jobs before yours" in panel
