"""What needs a GPU, in one command under nine minutes: steps, batches, states of the model, memory and waits, with random weights.

    python tests/benchmarks/gpu.py [--minutes 8.5] [--out gpu.json] [--only "steps: fp16, 512 px" ...]
    python tests/benchmarks/gpu.py --table gpu.json       # the Markdown of what was measured
    python tests/benchmarks/gpu.py --tiny --device cpu    # tries the script

Cases (`gpu_cases/`) run one after the other in a process of their own, each within its time. A case that fails or takes too long is
noted with its error, its process is replaced, and the next goes on. The file is written after each: the same command again goes on with
the cases that are not in it; --only measures those it names anew. A table is printed last.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gpu_table import markdown

SECONDS = {  # the most that each case may take; what matters most comes first
    "device: warm-up": 90,
    "memory: 512 px, fp16": 60,
    "waits: a step": 45,
    "steps: fp16, 512 px": 60,
    "steps: fp16, 1024 px": 75,
    "steps: bf16, 512 px": 60,
    "steps: bf16, 1024 px": 75,
    "batches: 8 pictures of 512 px, fp16": 90,
    "states: as it is": 45,
    "states: channels-last": 45,
    "states: attention, flash": 45,
    "states: attention, efficient": 45,
    "states: attention, cudnn": 45,
    "states: attention, math": 60,
    "states: fp8 layerwise casting": 45,
    "states: model CPU offload": 60,
    "states: group offload, streams": 75,
    "parts: 512 and 1024 px, fp16": 90,
    "states: compile_repeated_blocks": 150,
}


class Worker:
    """A process that measures one case after the other; it is replaced when one fails."""

    def __init__(self, device: str, tiny: bool) -> None:
        self.arguments = (device, tiny)
        self.process: Any = None
        self.connection: Any = None

    def measure(self, case: str, seconds: float) -> dict[str, Any]:
        """What the case reports, or ``{"failed": why}``."""
        if self.process is None:
            self._start()
        try:
            self.connection.send(case)
            late = not self.connection.poll(seconds)
            found: dict[str, Any] = {"failed": f"took more than {seconds:.3g} s"} if late else self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            found = {"failed": f"the process ended with code {self.process.exitcode}"}
        if "failed" in found:
            self.stop()
        return found

    def stop(self, patience: float = 0) -> None:
        """End the process: an idle one ends by itself within so many seconds, any other is killed."""
        if self.process is not None:
            self.connection.close()
            self.process.join(patience)
            self.process.kill()
            self.process.join()
            self.process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, *self.arguments))
        self.process.start()
        theirs.close()  # so that its end is noticed


def serve(connection: Connection, device: str, tiny: bool) -> None:
    """Measure what the other side names until it is gone; runs in the worker's process."""
    from gpu_cases import Bench, measure  # torch is not needed for the table

    while True:
        try:
            case = connection.recv()
        except EOFError:
            return
        try:
            found = measure(case, Bench(device, tiny))
        except Exception as error:  # noted, whatever it is
            first_line = str(error).strip().partition("\n")[0]
            found = {"failed": f"{type(error).__name__}: {first_line}"[:200]}
        connection.send(found)


def pending(report: dict[str, Any], only: list[str] | None) -> list[str]:
    """Cases to measure now."""
    return only or [case for case in SECONDS if case not in report["cases"]]


def opened(path: Path, device: str, tiny: bool) -> dict[str, Any]:
    """The report so far: of the same setup, or an empty one."""
    setup = {"device": device, "tiny": tiny}
    if not path.exists():
        return {"setup": setup, "cases": {}}
    report: dict[str, Any] = json.loads(path.read_text())
    if report["setup"] != setup:
        raise SystemExit(f"{path} holds figures of {report['setup']}, not of {setup}: give another --out")
    return report


def measure_all(cases: list[str], report: dict[str, Any], path: Path, end: float) -> None:
    """Measure the cases until the time ``end`` of the monotonic clock, and write the file after each."""
    worker = Worker(**report["setup"])
    try:
        for case in cases:
            left = end - time.monotonic()
            if left < 1:
                break
            found = worker.measure(case, min(SECONDS[case], left))
            if "failed" in found and left < SECONDS[case] and time.monotonic() >= end:
                break  # it had less than its time: the next call measures it
            report["cases"][case] = found
            beside = path.with_name(path.name + ".new")
            beside.write_text(json.dumps(report, indent=2))
            beside.replace(path)
            print(f"{case}: {found.get('failed', 'done')}", file=sys.stderr, flush=True)
    finally:
        worker.stop(patience=10)


def _finds_a_gpu() -> bool:
    import torch  # the table needs none

    return torch.cuda.is_available()


def main() -> None:
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.5)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--only", nargs="+", metavar="CASE", choices=SECONDS)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--table", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.table:
        print(markdown(json.loads(arguments.table.read_text()), list(SECONDS)))
        return
    if arguments.device == "cpu" and not arguments.tiny:
        parser.error("on a CPU this would take hours: --device cpu --tiny tries the script")
    if arguments.device == "cuda" and not _finds_a_gpu():
        parser.error("torch finds no GPU here: --device cpu --tiny tries the script")
    report = opened(arguments.out, arguments.device, arguments.tiny)
    measure_all(pending(report, arguments.only), report, arguments.out, started + 60 * arguments.minutes)
    print(markdown(report, list(SECONDS)))


if __name__ == "__main__":
    main()
