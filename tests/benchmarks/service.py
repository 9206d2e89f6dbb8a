"""How much of the session's speed `seal serve` keeps under load, and what becomes of jobs, memory and store.

    python tests/benchmarks/service.py [--clients 200] [--seconds 300] [--steps 4] [--json FILE]

Each part has a process of its own, with the embedded model and one thread:
1. alone: the session in a loop, without a service.
2. service: ``--clients`` clients (each with a token of its own) that ask `seal serve` for one picture after the other.
3. drain: SIGTERM while all of them wait. What was accepted is answered, and the process ends with 0.
4. kill: SIGKILL while they wait. `seal verify` finds the store whole, and the next start serves.
Prints a table. Exits with 1 where something was lost, or throughput is below 0.95 of the session's, or memory grew by 2 % or more in the
last half.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from fixtures.http_client import png
from fixtures.service_process import ServiceProcess, service_process
from PIL import Image

from seal_sdk.pocket import world

LEAST_RATIO, MOST_GROWTH = 0.95, 0.02
SAMPLE = 1.0  # seconds between two looks at the memory
SCENES = ("snow", "grass", "sand", "a road")
ALONE = """
import json, sys, time
from seal_sdk import IdentitySession
store, seconds, steps = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
scenes = ("snow", "grass", "sand", "a road")
with IdentitySession("pocket", store=store, enable_progress_bar=False) as session:
    draw = lambda n: session.generate(None, f"a photo on {scenes[n % 4]}", identity="subject", num_inference_steps=steps, seed=n)
    for number in range(8): draw(number)
    started, number = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        draw(number); number += 1
    print(json.dumps({"images": number, "seconds": time.perf_counter() - started}))
"""


@dataclass
class Load:
    """What clients saw. waits, draws: seconds in the queue and at the model, of each picture; answers: by status."""

    answers: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    draws: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


def body(number: int, steps: int) -> dict[str, Any]:
    prompt = f"a photo on {SCENES[number % 4]}"
    return {"prompt": prompt, "identity": "subject", "num_inference_steps": steps, "seed": number}


def token(client: int) -> dict[str, str]:
    return {"Authorization": f"Bearer client-{client}"}


async def ask_on(http: httpx.AsyncClient, client: int, steps: int, end: float, load: Load) -> None:
    """One client: a picture after the other until ``end``, or until the service shuts down."""
    number = client
    while time.perf_counter() < end:
        try:
            answer = await http.post("/v1/images/generations", json=body(number, steps), headers=token(client))
        except httpx.HTTPError as error:
            load.answers[type(error).__name__] += 1
            return
        load.answers[str(answer.status_code)] += 1
        if answer.status_code == 200:
            drawn = answer.json()["seal"]
            load.waits.append(drawn["wait_seconds"])
            load.draws.append(drawn["run_seconds"])
            load.ended.append(time.perf_counter())
        else:
            code = answer.json().get("code")
            if code == "shutting_down":
                return
            await asyncio.sleep(1)
        number += 1000


async def load_on(service: ServiceProcess, clients: int, seconds: float, steps: int) -> Load:
    """All clients at once."""
    load, end = Load(), time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=service.url, timeout=600, limits=limits) as http:
        await asyncio.gather(*(ask_on(http, client, steps, end, load) for client in range(clients)))
    return load


async def sampled(service: ServiceProcess, seconds: float) -> list[float]:
    """MB of the service's process, once a second."""
    process, found = psutil.Process(service.process.pid), []
    for _ in range(int(seconds / SAMPLE)):
        await asyncio.sleep(SAMPLE)
        found.append(process.memory_info().rss / 1e6)
    return found


async def disturbed(service: ServiceProcess, arguments: argparse.Namespace, number: signal.Signals) -> Load:
    """Load, and a signal in the midst of it."""
    seconds = min(arguments.seconds, 20)
    asked = asyncio.ensure_future(load_on(service, arguments.clients, 10 * seconds, arguments.steps))
    await asyncio.sleep(seconds / 2)
    service.signal(number)
    return await asked


def alone(store: Path, arguments: argparse.Namespace) -> float:
    """Images per second of the session without a service."""
    command = [sys.executable, "-c", ALONE, str(store), str(min(arguments.seconds, 120)), str(arguments.steps)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    return float(told["images"] / told["seconds"])


def register(service: ServiceProcess) -> None:
    """The subject that all clients draw."""
    sample = world.sample(400_000)
    shown = world.render(sample.identity, sample.pose, sample.scene)
    answer = httpx.post(
        f"{service.url}/v1/identities",
        headers=token(0),
        files={"image": png(Image.fromarray(shown.image))},
        data={"name": "subject", "prompt": "a photo", "box": ",".join(map(str, shown.box))},
        timeout=600,
    )
    answer.raise_for_status()


def throughput(load: Load) -> float:
    """Images per second, from the first that was ready to the last."""
    return (len(load.ended) - 1) / (max(load.ended) - min(load.ended)) if len(load.ended) > 1 else 0.0


def growth(memory: list[float]) -> float:
    """Of the last half: the mean of its last tenth against that of its first."""
    half = memory[len(memory) // 2 :]
    few = max(len(half) // 10, 1)
    return float(np.mean(half[-few:]) / np.mean(half[:few]) - 1) if half else 0.0


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{each}": float(np.percentile(values, each)) if values else 0.0 for each in (50, 95)}


def verify(store: Path) -> bool:
    """Whether `seal verify` finds the store whole."""
    command = [sys.executable, "-c", "from seal_sdk.cli.main import main; main()", "verify", "--store", str(store)]
    return subprocess.run(command, capture_output=True).returncode == 0


def lost(log: Path, *loads: Load) -> int:
    """Jobs that were accepted, as the service's log tells, and not answered."""
    accepted = re.findall(r"POST /v1/images/generations \d+ \d+ ms job=(?!-\s)", log.read_text())
    answered = sum(
        count
        for load in loads
        for what, count in load.answers.items()
        if what.isdecimal() and what not in ("429", "503")
    )
    return len(accepted) - answered


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All parts."""
    store, tokens = folder / "store", folder / "tokens"
    tokens.write_text("\n".join(f"client-{each}" for each in range(arguments.clients)))
    options = ("--store", store, "--token-file", tokens, "--grace", 300, "--max-waiting", 4 * arguments.clients)
    found: dict[str, Any] = {"clients": arguments.clients, "seconds": arguments.seconds, "steps": arguments.steps}

    async def under_load(service: ServiceProcess) -> tuple[Load, list[float]]:
        asked = load_on(service, arguments.clients, arguments.seconds, arguments.steps)
        return await asyncio.gather(asked, sampled(service, arguments.seconds))

    with service_process(folder / "log", *options) as service:
        service.until_ready()
        register(service)
        load, memory = asyncio.run(under_load(service))
        drained = asyncio.run(disturbed(service, arguments, signal.SIGTERM))
        found["drain"] = {"answers": dict(drained.answers), "exit_code": service.wait()}
        found["lost"] = lost(folder / "log", load, drained)
    found["alone_images_per_second"] = alone(store, arguments)
    found["service_images_per_second"] = throughput(load)
    found["ratio"] = found["service_images_per_second"] / found["alone_images_per_second"]
    found["answers"] = dict(load.answers)
    found |= {"wait_seconds": percentiles(load.waits), "draw_seconds": percentiles(load.draws)}
    found["memory_mb"] = {"first": memory[0], "last": memory[-1], "growth_of_last_half": growth(memory)}
    with service_process(folder / "log-kill", *options) as service:
        service.until_ready()
        asyncio.run(disturbed(service, arguments, signal.SIGKILL))
        service.wait()
    found["kill"] = {"store_is_whole": verify(store)}
    with service_process(folder / "log-again", *options) as service:
        service.until_ready()
        answer = httpx.post(
            f"{service.url}/v1/images/generations", json=body(1, arguments.steps), headers=token(0), timeout=600
        )
        found["kill"]["serves_again"] = answer.status_code == 200
    return found


def failures(found: dict[str, Any]) -> list[str]:
    """What is not as it has to be."""
    checks = {
        f"throughput is {found['ratio']:.3f} of the session's": found["ratio"] >= LEAST_RATIO,
        "jobs were lost": not found["lost"],
        "SIGTERM did not end it with 0": found["drain"]["exit_code"] == 0,
        "memory grew": found["memory_mb"]["growth_of_last_half"] < MOST_GROWTH,
        "the store is not whole after SIGKILL": found["kill"]["store_is_whole"],
        "it does not serve after SIGKILL": found["kill"]["serves_again"],
    }
    return [what for what, holds in checks.items() if not holds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments, Path(folder))
    for name, value in found.items():
        print(f"{name:26} {value if not isinstance(value, float) else round(value, 3)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))
    if wrong := failures(found):
        sys.exit("; ".join(wrong))


if __name__ == "__main__":
    main()
