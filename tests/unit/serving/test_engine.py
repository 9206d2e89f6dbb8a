"""The engine: progress, cancelling, deadlines, failures and shutting down, with a session that a test steers step by step."""

import threading
import time

import pytest
from fixtures.scripted_session import ScriptedSession

from seal_sdk.errors import ConfigError, DeadlineExceeded, ImageError, JobCancelled, QueueFull, ShuttingDown
from seal_sdk.serving.engine import Engine, EngineSettings
from seal_sdk.serving.job import JobState
from seal_sdk.serving.work import Calling, Drawing

PATIENCE = 120  # seconds that nothing here takes


def drawing(prompt="a cat", *seeds, **shared):
    return Drawing(seeds or (0,), {"prompt": prompt}, shared)


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.002)


def busy(engine):
    """Keeps the engine busy until the event is set."""
    gate = threading.Event()
    job = engine.submit(Calling(lambda *_: gate.wait(PATIENCE)))
    until(lambda: job.state is JobState.RUNNING)
    return gate


@pytest.fixture
def paced():
    """A session whose steps the test allows, and an engine over it."""
    session = ScriptedSession(paced=True)
    engine = Engine(session)
    yield session, engine
    session.allow(1000)
    engine.close(0)


def test_a_job_draws_what_it_asks_for_and_tells_how_far_it_is():
    session = ScriptedSession()
    with Engine(session) as engine:
        seen = []
        gate = busy(engine)
        job = engine.submit(drawing("a cat", 7, 8, height=64))
        job.listen(lambda: seen.append((job.state, job.progress.step, job.progress.steps)))
        assert job.state is JobState.WAITING and engine.position(job) == 0
        gate.set()
        generation = job.result(PATIENCE)
        assert generation.seeds == [7, 8] and len(generation.images) == 2
        assert session.calls == [{"seed": [7, 8], "prompt": ["a cat"] * 2, "identity": [False] * 2, "height": 64}]
        assert seen[0] == (JobState.RUNNING, 0, 0)
        assert [each[1] for each in seen[1:-1]] == [0, 1, 2, 3]
        assert seen[-1] == (JobState.DONE, 3, 3)
        assert engine.job(job.id) is job and engine.position(job) is None
        assert job.started is not None and job.submitted <= job.started <= job.finished


def test_a_running_job_is_cancelled_within_a_step_and_the_next_is_drawn(paced):
    session, engine = paced
    first, second = engine.submit(drawing("first")), engine.submit(drawing("second"))
    assert session.entered.wait(PATIENCE)
    session.allow(1)
    until(lambda: first.progress.step == 1)
    engine.cancel(first)
    session.allow(1)  # the step that it is in
    with pytest.raises(JobCancelled):
        first.result(PATIENCE)
    assert first.state is JobState.CANCELLED and first.progress.step == 1
    session.allow(3)
    assert second.result(PATIENCE).seeds == [0]


def test_a_waiting_job_is_cancelled_at_once(paced):
    session, engine = paced
    engine.submit(drawing("first"))
    second = engine.submit(drawing("second"))
    assert session.entered.wait(PATIENCE)
    engine.cancel(second)
    assert second.state is JobState.CANCELLED and engine.waiting == 0
    session.allow(3)
    until(lambda: engine.running == 0)
    assert session.prompts == [["first"]]
    engine.cancel(second)  # a second time changes nothing
    assert second.state is JobState.CANCELLED


def test_a_deadline_ends_waiting_and_running_jobs_within_a_step(paced):
    session, engine = paced
    running = engine.submit(drawing("running"), deadline=1.0)
    waiting = engine.submit(drawing("waiting"), deadline=1.0)
    assert session.entered.wait(PATIENCE)
    time.sleep(1.01)
    session.allow(1)
    for job in (running, waiting):
        with pytest.raises(DeadlineExceeded, match=r"deadline of 1(\.0)? second"):
            job.result(PATIENCE)
        assert job.state is JobState.FAILED
    assert session.prompts == [["running"]]


def test_a_job_that_fails_leaves_the_next_alone():
    session = ScriptedSession()
    session.fails = {"broken": ImageError("It is broken."), "worse": SystemExit(1)}
    with Engine(session) as engine:
        broken, worse, good = (engine.submit(drawing(each)) for each in ("broken", "worse", "good"))
        with pytest.raises(ImageError, match="It is broken"):
            broken.result(PATIENCE)
        with pytest.raises(SystemExit):
            worse.result(PATIENCE)
        assert good.result(PATIENCE).seeds == [0]


def test_jobs_of_equal_settings_are_drawn_together_where_the_session_packs_images():
    session = ScriptedSession(images_per_forward=4)
    with Engine(session) as engine:
        gate = busy(engine)
        jobs = [engine.submit(drawing(str(n), n, height=64), client=str(n)) for n in range(3)]
        other = engine.submit(drawing("other", 9, height=128))
        gate.set()
        assert [job.result(PATIENCE).seeds for job in jobs] == [[0], [1], [2]]
        assert other.result(PATIENCE).seeds == [9]
    assert session.prompts == [["0", "1", "2"], ["other"]]


def test_jobs_are_drawn_alone_where_the_session_draws_image_by_image():
    session = ScriptedSession()
    with Engine(session) as engine:
        gate = busy(engine)
        jobs = [engine.submit(drawing(str(n), n)) for n in range(3)]
        gate.set()
        for job in jobs:
            job.result(PATIENCE)
    assert session.prompts == [["0"], ["1"], ["2"]]


def test_one_broken_job_of_a_batch_costs_the_others_nothing_but_time():
    session = ScriptedSession(images_per_forward=4)
    session.fails = {"broken": ImageError("It is broken.")}
    with Engine(session) as engine:
        gate = busy(engine)
        jobs = [engine.submit(drawing(each, n)) for n, each in enumerate(("fine", "broken", "good"))]
        gate.set()
        assert jobs[0].result(PATIENCE).seeds == [0] and jobs[2].result(PATIENCE).seeds == [2]
        with pytest.raises(ImageError):
            jobs[1].result(PATIENCE)
    assert session.prompts == [["fine", "broken", "good"], ["fine"], ["broken"], ["good"]]


def test_one_cancelled_job_of_a_batch_lets_the_others_go_on():
    session = ScriptedSession(images_per_forward=4, paced=True)
    with Engine(session) as engine:
        gate = busy(engine)
        first, second = (engine.submit(drawing(each, n)) for n, each in enumerate("ab"))
        gate.set()
        assert session.entered.wait(PATIENCE)
        engine.cancel(first)
        session.allow(3)
        with pytest.raises(JobCancelled):
            first.result(PATIENCE)
        assert second.result(PATIENCE).seeds == [1]
    assert session.prompts == [["a", "b"]]


def test_draining_finishes_what_waits_and_takes_no_more(paced):
    session, engine = paced
    jobs = [engine.submit(drawing(str(n))) for n in range(3)]
    assert not engine.drain(timeout=0.01)
    with pytest.raises(ShuttingDown):
        engine.submit(drawing())
    assert not engine.is_open
    session.allow(9)
    assert engine.drain(timeout=PATIENCE)
    assert [job.state for job in jobs] == [JobState.DONE] * 3


def test_closing_ends_what_is_not_done_in_time():
    session = ScriptedSession(paced=True)
    engine = Engine(session)
    running, waiting = engine.submit(drawing()), engine.submit(drawing())
    assert session.entered.wait(PATIENCE)
    closing = threading.Thread(target=engine.close, args=(0.01,))
    closing.start()
    with pytest.raises(ShuttingDown):
        waiting.result(PATIENCE)
    session.allow(1)
    with pytest.raises(ShuttingDown):
        running.result(PATIENCE)
    closing.join(PATIENCE)
    assert not closing.is_alive()


def test_who_looks_on_cannot_stop_the_work(caplog):
    session = ScriptedSession()
    with Engine(session) as engine:
        engine.observe(lambda job: 1 / 0)
        gate = busy(engine)
        job = engine.submit(drawing())
        job.listen(lambda: 1 / 0)
        job.future.cancel()
        gate.set()
        assert job.result(PATIENCE).seeds == [0]
        assert engine.submit(drawing()).result(PATIENCE).seeds == [0]
    assert "A listener of job" in caplog.text and "An observer of job" in caplog.text


def test_finished_jobs_are_kept_within_their_bytes_and_let_go_of_what_they_were_given():
    session = ScriptedSession()
    with Engine(session, EngineSettings(keep_bytes=5000)) as engine:  # a job is 1 KiB and 192 bytes of image
        jobs = [engine.submit(drawing(str(n))) for n in range(6)]
        for job in jobs:
            job.result(PATIENCE)
        until(lambda: engine.running == 0)
        assert [engine.job(job.id) is job for job in jobs] == [False, False, True, True, True, True]
        with pytest.raises(AssertionError, match="finished"):
            jobs[-1].work  # noqa: B018  # reading it is what is tested


def test_a_full_queue_is_told(paced):
    session, _ = paced
    with Engine(session, EngineSettings(max_waiting=1)) as engine:
        engine.submit(drawing())
        until(lambda: engine.waiting == 0)
        engine.submit(drawing())
        with pytest.raises(QueueFull):
            engine.submit(drawing())
        session.allow(9)


@pytest.mark.parametrize("deadline", [0, -1, float("nan")])
def test_deadlines_that_are_none_are_refused(deadline):
    with Engine(ScriptedSession()) as engine, pytest.raises(ConfigError, match="deadline="):
        engine.submit(drawing(), deadline=deadline)


@pytest.mark.parametrize("limits", [dict(max_waiting=0), dict(keep_seconds=-1), dict(keep_bytes=float("nan"))])
def test_limits_that_are_none_are_refused(limits):
    with pytest.raises(ConfigError, match=next(iter(limits))):
        EngineSettings(**limits)


def test_a_finished_job_can_be_forgotten_and_no_other(paced):
    session, engine = paced
    done, running = engine.submit(drawing("first")), engine.submit(drawing("second"))
    session.allow(3)
    done.result(PATIENCE)
    until(lambda: engine.job(done.id) is done and running.state is JobState.RUNNING)
    engine.forget(done)
    engine.forget(running)
    assert engine.job(done.id) is None and engine.job(running.id) is running


def test_a_job_that_is_forgotten_the_moment_it_is_finished_is_not_kept():
    with Engine(ScriptedSession()) as engine:
        seen = []

        def forget_at_once():
            if job.state is JobState.DONE:
                engine.forget(job)
                seen.append(engine.job(job.id))

        gate = busy(engine)
        job = engine.submit(drawing())
        job.listen(forget_at_once)
        gate.set()
        job.result(PATIENCE)
        assert engine.drain(PATIENCE) and seen == [None] and engine.job(job.id) is None
        assert not engine._active and job.id not in engine._finished
