"""`seal serve` as a process: it answers at once, draws once the model is there, and finishes what it accepted."""

import runpy
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from fixtures.service_process import service_process
from PIL import Image

from seal_sdk.cli.main import seal
from seal_sdk.errors import WeightsNotFound
from seal_sdk.images import read_settings
from seal_sdk.serving.http.server import address, listen, serve
from seal_sdk.serving.http.service import Service
from seal_sdk.serving.http.settings import ServiceSettings

EXAMPLE = Path(__file__).parents[3] / "examples" / "service_client.py"
DRAW = "/v1/images/generations"
LONG = {"prompt": "a cat", "num_inference_steps": 40}


def run(*arguments, **environment):
    return CliRunner().invoke(seal, ["serve", *arguments], env={"SEAL_TOKENS": None, **environment})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "there is no token: give --token-file or SEAL_TOKENS"),
        (["--token", "two words"], "headers cannot carry it"),
        (["--deadline", "10", "--max-deadline", "5"], "above max_deadline"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(arguments, told):
    result = run(*arguments)
    assert result.exit_code == 2 and told in result.stderr and "two words" not in result.stderr


def test_a_port_that_is_taken_is_told():
    with listen("127.0.0.1", 0) as listening:
        port = address(listening).rpartition(":")[2]
        result = run("--port", port)
    assert result.exit_code == 2 and f"port {port}" in result.stderr and "another --port" in result.stderr


def test_without_its_libraries_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("seal_sdk.cli.commands.serve.find_spec", lambda name: None if name == "uvicorn" else object())
    result = run()
    assert result.exit_code == 2 and "pip install 'seal-sdk[serve]'" in result.stderr


def test_a_process_draws_and_finishes_what_it_accepted(tmp_path, monkeypatch):
    tokens = tmp_path / "tokens"
    tokens.write_text("first\n\nsecond\n")
    arguments = ("--store", tmp_path / "store", "--token-file", tokens, "--grace", 100)
    with service_process(tmp_path / "log", *arguments, environment={"SEAL_TOKENS": "third, fourth"}) as service:
        assert httpx.get(f"{service.url}/healthz").status_code == 200
        assert httpx.get(f"{service.url}/readyz").json()["code"] == "loading"
        service.until_ready()
        out = tmp_path / "example.png"
        monkeypatch.setattr(
            sys, "argv", [str(EXAMPLE), "--url", service.url, "--token", "second", "--out", str(out), "--steps", "2"]
        )
        runpy.run_path(str(EXAMPLE), run_name="__main__")
        assert Image.open(out).size == (128, 128) and read_settings(out)["identity"]["name"] == "example"
        token = {"Authorization": "Bearer fourth"}
        with httpx.Client(base_url=service.url, headers=token, timeout=100) as client, ThreadPoolExecutor(2) as pool:
            accepted = [pool.submit(client.post, DRAW, json={**LONG, "seed": seed}) for seed in (1, 2)]
            while "seal_jobs_waiting 1.0" not in client.get("/metrics").text:
                time.sleep(0.02)
            service.signal()
            while client.get("/readyz").status_code == 200:
                time.sleep(0.01)
            refused = client.post(DRAW, json=LONG)
            assert (refused.status_code, refused.json()["code"]) == (503, "shutting_down")
            assert client.get("/healthz").status_code == 200
            assert [each.result().status_code for each in accepted] == [200, 200]
        assert service.wait() == 0
    log = (tmp_path / "log").read_text()
    assert "SIGTERM: finishing" in log and "POST /v1/images/generations 200" in log
    assert "a cat" not in log and "second" not in log


def test_a_second_signal_ends_it_at_once(tmp_path):
    with service_process(tmp_path / "log", "--store", tmp_path / "store") as service, ThreadPoolExecutor(1) as pool:
        service.until_ready()
        with httpx.Client(base_url=service.url, timeout=100) as client:
            unfinished = pool.submit(client.post, DRAW, json={**LONG, "num_inference_steps": 100, "n": 4})
            while "seal_jobs_running 1.0" not in client.get("/metrics").text:
                time.sleep(0.01)
            service.signal(signal.SIGINT)
            while client.get("/readyz").status_code == 200:
                time.sleep(0.01)
            service.signal(signal.SIGINT)
            assert service.wait() == 128 + signal.SIGINT
            with pytest.raises(httpx.TransportError):
                unfinished.result()


def test_what_loading_raises_ends_it():
    def load():
        raise WeightsNotFound("There is no such model.")

    with listen("127.0.0.1", 0) as listening, pytest.raises(WeightsNotFound, match="no such model"):
        serve(Service(ServiceSettings()), load, listening)
