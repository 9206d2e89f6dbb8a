"""Jobs over HTTP: asked for, followed, called off, and nobody else's."""

import asyncio
import gc
import json
from weakref import ref

import pytest
from fixtures.http_client import client_of, image_of, png

LATER = "/v1/images/generations?wait=false"


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never came about")


async def ask(client, prompt="a", **fields):
    answer = await client.post(LATER, json={"prompt": prompt, **fields})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return answer.headers["location"]


async def test_a_job_is_followed_to_its_result(paced, start):
    service, app = start(paced)
    async with client_of(app) as client:
        first, second = await ask(client, seed=4), await ask(client, "b")
        await until(paced.entered.is_set)
        running, waiting = (await client.get(first)).json(), (await client.get(second)).json()
        assert (running["state"], running["position"], running["result"]) == ("running", None, None)
        assert (waiting["state"], waiting["position"], waiting["progress"]) == ("waiting", 0, {"step": 0, "steps": 0})
        paced.allow(1)
        await until(lambda: service.engine.job(first.rpartition("/")[2]).progress.step == 1)
        assert (await client.get(first)).json()["progress"] == {"step": 1, "steps": 3}
        paced.allow(100)
        await until(lambda: service.engine.job(first.rpartition("/")[2]).future.done())
        done = (await client.get(first)).json()
    assert done["state"] == "done" and done["kind"] == "generation" and done["error"] is None
    assert image_of(done["result"]["data"][0]["b64_json"]).getpixel((0, 0)) == (4, 0, 0)


async def test_a_registration_can_be_a_job(client):
    answer = await client.post(
        "/v1/identities?wait=false", files={"image": png()}, data={"name": "cat", "prompt": "a cat"}
    )
    assert answer.status_code == 202
    job = {}
    while job.get("state") != "done":
        job = (await client.get(answer.headers["location"])).json()
    assert job["kind"] == "identity" and job["result"]["name"] == "cat"


async def test_a_job_is_called_off(paced, start):
    service, app = start(paced)
    async with client_of(app) as client:
        first, second = await ask(client), await ask(client, "b")
        await until(paced.entered.is_set)
        assert (await client.delete(second)).json()["state"] == "cancelled"
        assert (await client.delete(first)).status_code == 200
        paced.allow(1)
        await until(lambda: service.engine.running == 0)
        gone = (await client.get(first)).json()
        assert gone["state"] == "cancelled" and gone["error"]["code"] == "job_cancelled"
        assert (await client.delete(first)).json()["state"] == "cancelled"
    assert paced.prompts == [["a"]]


async def test_a_failed_job_says_why(client, session):
    session.fails["a"] = RuntimeError("of the inside")
    place = await ask(client)
    job = {"state": ""}
    while job["state"] != "failed":
        job = (await client.get(place)).json()
    assert job["error"]["status"] == 500 and "inside" not in json.dumps(job) and job["result"] is None


async def test_a_client_knows_only_its_own_jobs(paced, start):
    app = start(paced, tokens=("one", "two"))[1]
    async with client_of(app, authorization="Bearer one") as mine, client_of(app, authorization="Bearer two") as other:
        place = await ask(mine)
        assert (await mine.get(place)).status_code == 200
        for answer in (await other.get(place), await other.delete(place), await other.get(f"{place}/events")):
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")
        assert (await mine.get(place)).json()["state"] in ("waiting", "running")
        assert (await mine.get("/v1/jobs/nonsense")).status_code == 404


def events_of(text):
    """(id, event, data) of each."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


async def test_events_end_with_the_job_and_the_present_state_comes_first(paced, start):
    service, app = start(paced)
    async with client_of(app) as client:
        place = await ask(client)
        await until(paced.entered.is_set)
        following = asyncio.ensure_future(client.get(f"{place}/events"))
        for step in (1, 2, 3):
            paced.allow(1)
            await until(lambda: service.engine.job(place.rpartition("/")[2]).progress.step == step)  # noqa: B023  # it is called at once
            await asyncio.sleep(0.05)
        seen = events_of((await following).text)
        again = events_of((await client.get(f"{place}/events", headers={"last-event-id": "running-1"})).text)
    assert [each[:2] for each in seen][-1] == ("done-3", "done") and seen[0][1] == "running"
    assert {"running-1", "running-2"} <= {each[0] for each in seen}
    assert [each[2]["progress"]["step"] for each in seen] == sorted(each[2]["progress"]["step"] for each in seen)
    assert all(each[2]["result"] is None for each in seen)
    assert [each[:2] for each in again] == [("done-3", "done")]


async def test_metrics_tell_of_jobs(client, session):
    session.fails["b"] = RuntimeError()
    await client.post("/v1/images/generations", json={"prompt": "a", "n": 2})
    await client.post("/v1/images/generations", json={"prompt": "b"})
    text = (await client.get("/metrics")).text
    for line in (
        'seal_jobs_total{outcome="done"} 1.0', 'seal_jobs_total{outcome="failed"} 1.0', "seal_images_total 2.0", "seal_jobs_waiting 0.0",
        "seal_jobs_running 0.0", "seal_ready 1.0", "seal_job_wait_seconds_count 2.0", "seal_job_run_seconds_count 2.0",
        'seal_key_value_bytes{tier="disk"} 64.0',
    ):  # fmt: skip
        assert line in text


async def test_phases_and_tiers_are_counted(client, session, monkeypatch):
    from dataclasses import replace

    generate = session.generate
    measured = dict(timings={"denoise": 0.2}, reads={"memory": 3, "disk": 1})
    monkeypatch.setattr(session, "generate", lambda **given: replace(generate(**given), **measured))
    body = (await client.post("/v1/images/generations", json={"prompt": "a"})).json()
    assert body["seal"]["timings"] == {"denoise": 0.2} and body["seal"]["reads"] == {"memory": 3, "disk": 1}
    text = (await client.get("/metrics")).text
    assert (
        'seal_phase_seconds_sum{phase="denoise"} 0.2' in text and 'seal_timestep_reads_total{tier="memory"} 3.0' in text
    )


async def test_the_model_is_told(client):
    assert [each["id"] for each in (await client.get("/v1/models")).json()["data"]] == ["pocket"]


async def test_results_are_kept_only_while_somebody_can_ask_for_them(session, start):
    """Not those that were answered; and of kept ones nothing but the engine holds the images, which it bounds in bytes."""
    service, app = start(session)
    async with client_of(app) as client:
        answered = await client.post("/v1/images/generations", json={"prompt": "a"})
        keyed = await client.post("/v1/images/generations", json={"prompt": "a"}, headers={"idempotency-key": "one"})
        later = await ask(client)
        await until(lambda: service.engine.job(later.rpartition("/")[2]).future.done())
        assert (await client.get(f"/v1/jobs/{answered.headers['x-seal-job']}")).status_code == 404
        assert (await client.get(f"/v1/jobs/{keyed.headers['x-seal-job']}")).json()["state"] == "done"
        assert (await client.get(later)).json()["state"] == "done"
        gone = ref(service.engine.job(later.rpartition("/")[2])), ref(service.engine.job(keyed.headers["x-seal-job"]))
        for job in gone:
            service.engine.forget(job())
        await client.post("/v1/images/generations", json={"prompt": "b"})  # the engine's thread holds its last job
        gc.collect()
        assert [job() for job in gone] == [None, None] and (await client.get(later)).status_code == 404
        again = await client.post("/v1/images/generations", json={"prompt": "a"}, headers={"idempotency-key": "one"})
        assert again.status_code == 200 and again.headers["x-seal-job"] != keyed.headers["x-seal-job"]
