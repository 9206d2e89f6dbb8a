"""Seconds until something happens, each in a new process: imports, commands, servers, and the first picture from a warm store.

    python tests/benchmarks/start_up.py [--repeats 5] [--out start_up.json]

Prints a table and writes JSON if asked to. CPU is user and system time together, which a busy machine changes less than wall time; both
are medians. Each kind runs once before it counts, so that files come from the page cache.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from seal_sdk.pocket import world

SEAL = "from seal_sdk.cli.main import main; main()"
FIRST_PICTURE = """
import sys
from seal_sdk import IdentitySession
with IdentitySession("pocket", store=sys.argv[1], enable_progress_bar=False) as session:
    session.generate(None, "a photo on snow", identity="n", seed=400_000)
"""
REGISTER = """
import sys
from PIL import Image
from seal_sdk import IdentitySession
with IdentitySession("pocket", store=sys.argv[1], enable_progress_bar=False) as session:
    session.register(Image.open(sys.argv[2]), prompt="a photo", name="n")
"""
BASELINE = "import torch + diffusers' SDXL pipeline"
SESSION = "from seal_sdk import IdentitySession"


def programs(store: str) -> dict[str, list[str]]:
    """Name -> arguments of Python."""
    return {
        "python": ["-c", ""],
        "import store": ["-c", "import store"],
        "import seal_sdk": ["-c", "import seal_sdk"],
        BASELINE: ["-c", "import torch; from diffusers import StableDiffusionXLPipeline"],
        SESSION: ["-c", SESSION],
        "seal --help": ["-c", SEAL, "--help"],
        "seal ls": ["-c", SEAL, "ls", "--store", store],
        "first picture, pocket, warm store": ["-c", FIRST_PICTURE, store],
        "import the ComfyUI nodes": ["-c", "from seal_sdk.serving.comfyui import NODE_CLASS_MAPPINGS"],
    }


def servers(store: str) -> dict[str, tuple[list[str], str]]:
    """Name -> arguments of Python, and the path that answers with 200 once it is ready."""
    place = ["--port", "0", "--store", store]
    return {
        "seal serve, until it listens": (["-c", SEAL, "serve", *place], "/healthz"),
        "seal serve, until it can draw": (["-c", SEAL, "serve", *place], "/readyz"),
        "seal studio, until its page": (["-c", SEAL, "studio", "--no-browser", *place], "/"),
    }


def timed(arguments: list[str]) -> tuple[float, float]:
    """(CPU seconds, wall seconds) of one process."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    cpu = _ended(process)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, arguments)
    return cpu, time.perf_counter() - started


def until_ready(arguments: list[str], path: str) -> tuple[float, float]:
    """(CPU seconds, wall seconds) until a server answers ``path``; its address is in its first line."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    found = re.search(r"http://[^\s/]+", process.stdout.readline())
    assert found, "it named no address"
    while not _answers(found[0] + path):
        time.sleep(0.02)
    wall = time.perf_counter() - started
    process.kill()
    return _ended(process), wall


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status == 200
    except urllib.error.URLError:
        return False


def _ended(process: subprocess.Popen[Any]) -> float:
    """CPU seconds of a process, once it has ended."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def median(measure: Callable[[], tuple[float, float]], repeats: int) -> dict[str, float]:
    measure()
    cpu, wall = zip(*(measure() for _ in range(repeats)), strict=True)
    return {"cpu_s": statistics.median(cpu), "wall_s": statistics.median(wall)}


def warm_store(folder: str) -> str:
    """A store with one identity."""
    sample, store = world.sample(400_000), str(Path(folder) / "store")
    shown = Path(folder) / "reference.png"
    Image.fromarray(world.render(sample.identity, sample.pose, sample.scene).image).save(shown)
    subprocess.run([sys.executable, "-c", REGISTER, store, str(shown)], check=True)
    return store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report: dict[str, object] = {}
        store = warm_store(folder)
        kinds = {name: partial(timed, program) for name, program in programs(store).items()}
        kinds |= {name: partial(until_ready, *server) for name, server in servers(store).items()}
        for name, measure in kinds.items():
            took = report[name] = median(measure, arguments.repeats)
            print(f"{name:40} {took['cpu_s']:6.2f} s CPU {took['wall_s']:6.2f} s wall", flush=True)
    report["session_over_baseline_cpu"] = report[SESSION]["cpu_s"] / report[BASELINE]["cpu_s"]
    print(f"{SESSION}, over the baseline: {report['session_over_baseline_cpu']:.3f} of its CPU time")
    if arguments.out:
        arguments.out.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
