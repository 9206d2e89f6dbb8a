"""ComfyUI's own server validates and runs the example. Needs SEAL_TEST_COMFYUI=path/to/ComfyUI, and what that requires in this Python."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures.comfyui_calls import STEPS, draw_example
from PIL import Image

from seal_sdk import IdentitySession
from seal_sdk.cli.main import seal
from seal_sdk.images import read_settings

COMFYUI = os.environ.get("SEAL_TEST_COMFYUI", "")
WORKFLOW = Path(__file__).parents[3] / "examples" / "comfyui_workflow_api.json"
V1 = "from seal_sdk.serving.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS"
PATIENCE = 300  # seconds

pytestmark = pytest.mark.skipif(not COMFYUI, reason="needs SEAL_TEST_COMFYUI=path/to/ComfyUI")


class Server:
    """ComfyUI over a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (folder / "web").mkdir()
        command = [sys.executable, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(self.port)]
        command += ["--base-directory", str(folder), "--front-end-root", str(folder / "web")]
        command += ["--database-url", "sqlite:///:memory:", "--disable-api-nodes", "--preview-method", "auto"]
        self.log = open(folder / "log.txt", "w")  # noqa: SIM115  # closed with the server
        self._process = subprocess.Popen(command, cwd=COMFYUI, stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, (folder / "log.txt").read_text()
            time.sleep(0.5)

    def _answers(self) -> bool:
        try:
            return bool(self.ask("/system_stats"))
        except URLError:
            return False

    def ask(self, path: str, data: object = None):
        body = None if data is None else json.dumps(data).encode()
        request = Request(f"http://127.0.0.1:{self.port}{path}", body, {"Content-Type": "application/json"})
        with urlopen(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def post(self, workflow: object) -> str:
        return self.ask("/prompt", {"prompt": workflow})["prompt_id"]

    def wait(self, job: str):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            history = self.ask(f"/history/{job}")
            if job in history:
                return history[job]
            time.sleep(0.2)
        raise TimeoutError(job)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self.log.close()


@pytest.fixture(scope="module", params=["v3", "v1"])
def comfyui(request, tmp_path_factory, reference_image, structure_image):
    folder = tmp_path_factory.mktemp(request.param)
    for name in ("custom_nodes", "input", "output", "models/checkpoints"):
        (folder / name).mkdir(parents=True)
    reference_image.save(folder / "input" / "demo-horse-mesh-reference.png")
    structure_image.save(folder / "input" / "demo-horse-mesh-structure.png")
    assert CliRunner().invoke(seal, ["comfyui", "install", str(folder)]).exit_code == 0
    if request.param == "v1":
        (folder / "custom_nodes" / "seal" / "__init__.py").write_text(V1)
    server = Server(folder)
    yield server, folder
    server.close()


@pytest.fixture
def workflow(comfyui):
    known = json.loads(WORKFLOW.read_text())
    known["model"]["inputs"]["store"] = str(comfyui[1] / "store")
    known["draw"]["inputs"]["steps"] = STEPS
    return known


def test_it_lists_the_nodes(comfyui):
    known = comfyui[0].ask("/object_info/SealDraw")["SealDraw"]
    assert known["display_name"] == "SeAl: Draw" and known["category"] == "SeAl"
    assert known["output"] == ["IMAGE", "STRING", "SEAL_DRAWING"]
    assert list(known["input"]["required"])[:3] == ["session", "prompt", "negative_prompt"]


def test_it_draws_the_example(comfyui, workflow, reference_image, structure_image):
    server, folder = comfyui
    done = server.wait(server.post(workflow))
    assert done["status"]["status_str"] == "success", done["status"]
    saved = [folder / "output" / each["filename"] for each in done["outputs"]["save"]["images"]]
    with IdentitySession("pocket", store=folder / "alone", enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a horse", name="workflow-horse")
        drawn = draw_example(session, structure_image)
    for path, image, settings in zip(saved, drawn.images, drawn.settings, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(image))
        assert read_settings(path) == json.loads(json.dumps(settings))
        assert json.loads(Image.open(path).info["prompt"])["draw"]["class_type"] == "SealDraw"
    assert len(done["outputs"]["preview"]["images"]) == 2


def test_a_second_seed_draws_alone(comfyui, workflow):
    """Model and identity are as they were; only what changed runs again."""
    server, _ = comfyui
    server.wait(server.post(workflow))
    workflow["draw"]["inputs"]["seed"] = 7
    done = server.wait(server.post(workflow))
    cached = next(facts["nodes"] for kind, facts in done["status"]["messages"] if kind == "execution_cached")
    assert {"model", "register", "reference", "pose"} <= set(cached) and "draw" not in cached


@pytest.mark.parametrize(
    ("node", "changed", "message"),
    [
        ("register", {"prompt": " "}, "expected words that say what the image shows"),
        ("register", {"name": "a/b"}, "cannot name an identity"),
        ("draw", {"batch_size": 0}, "smaller than min"),
    ],
)
def test_it_refuses_mistakes_before_it_runs(comfyui, workflow, node, changed, message):
    workflow[node]["inputs"].update(changed)
    with pytest.raises(HTTPError) as refused:
        comfyui[0].post(workflow)
    assert message in refused.value.read().decode()


def test_it_tells_the_sessions_own_errors(comfyui, workflow):
    workflow["draw"]["inputs"]["width"] = 22
    done = comfyui[0].wait(comfyui[0].post(workflow))
    (facts,) = (facts for kind, facts in done["status"]["messages"] if kind == "execution_error")
    assert facts["node_id"] == "draw" and "22" in facts["exception_message"]


def test_it_interrupts_within_a_step(comfyui, workflow):
    server, _ = comfyui
    workflow["draw"]["inputs"].update(steps=1000, seed=11)
    job = server.post(workflow)
    time.sleep(5)
    server.ask("/interrupt", {})
    asked = time.monotonic()
    done = server.wait(job)
    assert time.monotonic() - asked < 5
    assert done["status"]["messages"][-1][0] == "execution_interrupted"
    workflow["draw"]["inputs"].update(steps=STEPS)
    assert server.wait(server.post(workflow))["status"]["status_str"] == "success"


def test_the_library_is_listed_anew(comfyui, workflow):
    server, _ = comfyui
    server.wait(server.post(workflow))
    kind, options = server.ask("/object_info/SealIdentity")["SealIdentity"]["input"]["required"]["name"]
    assert "workflow-horse" in (options["options"] if kind == "COMBO" else kind)
