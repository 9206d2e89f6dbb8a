"""SDXL's full-size UNet with random weights on a GPU: step times, registering and memory, by precision and size.

    python tests/benchmarks/gpu.py [--minutes 8] [--out gpu.json] [--device cuda] [--sides 512 1024] [--precisions fp16 bf16]

Runs `full_size.py` once per setup, each in a process of its own, until the minutes are over; writes JSON after each, and prints a table
last. What was not reached says so.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

COLUMNS = {
    "plain_step_with_as_many_rows_s": "plain step, s",
    "step_s": "our step, s",
    "step_over_plain": "ratio",
    "register_over_bare_forwards": "register over forwards",
    "loop_disk_over_memory": "disk over memory",
    "peak_device_memory_gb": "peak, GB",
}


def run(precision: str, side: int, device: str, seconds: float) -> dict:
    """What `full_size.py` prints of one setup, or why it printed nothing."""
    script = Path(__file__).with_name("full_size.py")
    call = [sys.executable, script, "--precision", precision, "--side", str(side), "--device", device]
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=max(seconds, 1))
    except subprocess.TimeoutExpired:
        return {"failed": "no time left"}
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr.strip().splitlines()[-1]}


def table(found: dict[str, dict]) -> str:
    """Markdown, one row per setup."""
    rows = [["setup", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 1)]
    for name, report in found.items():
        cells = [f"{report[key]:.3g}" if key in report else report.get("failed", "-") for key in COLUMNS]
        rows.append([name, *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 1024])
    parser.add_argument("--precisions", nargs="+", default=["fp16", "bf16"])
    arguments = parser.parse_args()
    if arguments.device != "cpu" and not torch.cuda.is_available():
        parser.error("torch finds no GPU here; --device cpu tries the script, with --sides 256")
    end, found = time.monotonic() + 60 * arguments.minutes, {}
    for side in arguments.sides:
        for precision in arguments.precisions:
            found[f"{precision}, {side} px"] = run(precision, side, arguments.device, end - time.monotonic())
            arguments.out.write_text(json.dumps(found, indent=2))
    print(torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU", "torch", torch.__version__)
    print(table(found))


if __name__ == "__main__":
    main()
