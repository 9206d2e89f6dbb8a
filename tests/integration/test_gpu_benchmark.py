"""The benchmark for GPUs can be tried on a CPU: it notes what fails, goes on where it stopped, and prints a table."""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CASE = "states: channels-last"
SETUP = {"device": "cpu", "tiny": True}


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("gpu")


def run(gpu, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["gpu.py", *map(str, arguments)])
    gpu.main()


def test_a_case_that_fails_or_is_late_is_noted_and_the_next_is_measured(gpu, monkeypatch, tmp_path, capsys):
    path = tmp_path / "gpu.json"
    monkeypatch.setattr(gpu, "SECONDS", {"steps: late": 0.05, CASE: 600, "states: unknown": 600})
    run(gpu, monkeypatch, "--tiny", "--device", "cpu", "--out", path)
    cases = json.loads(path.read_text())["cases"]
    assert cases["steps: late"] == {"failed": "took more than 0.05 s"}
    assert cases["states: unknown"] == {"failed": "KeyError: 'states: unknown'"}
    row = cases[CASE]["rows"]["channels-last"]
    times = [row[f"{call}, s"] for call in ("off, 2 rows", "on, 3 rows", "on, 4 rows")]
    assert min(times) > 0 and row["peak, GiB"] is None
    printed = capsys.readouterr().out
    assert "| channels-last | " in printed and "- states: unknown: KeyError" in printed


def test_without_a_gpu_it_says_so_at_once(gpu, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit):
        run(gpu, monkeypatch, "--out", tmp_path / "gpu.json")
    assert "--device cpu --tiny" in capsys.readouterr().err


def test_a_process_that_dies_is_noted(gpu):
    worker = gpu.Worker(**SETUP)
    worker._start()
    worker.process.kill()
    worker.process.join()
    assert worker.measure(CASE, 60) == {"failed": "the process ended with code -9"}
    assert worker.process is None


def test_the_same_command_goes_on_with_what_is_missing(gpu, monkeypatch, tmp_path):
    asked = []

    class Fake(gpu.Worker):
        def measure(self, case, seconds):
            asked.append(case)
            return {"failed": "no"} if len(asked) == 1 else {"rows": {}}

    monkeypatch.setattr(gpu, "Worker", Fake)
    path, cases = tmp_path / "gpu.json", list(gpu.SECONDS)
    report = gpu.opened(path, **SETUP)
    gpu.measure_all(cases[:2], report, path, time.monotonic() + 60)
    run(gpu, monkeypatch, "--tiny", "--device", "cpu", "--out", path)
    assert asked == cases
    run(gpu, monkeypatch, "--tiny", "--device", "cpu", "--out", path, "--only", cases[0])
    assert asked == [*cases, cases[0]]
    assert json.loads(path.read_text())["cases"][cases[0]] == {"rows": {}}


def test_a_case_that_the_whole_time_cuts_short_is_left_to_the_next_call(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(gpu, "SECONDS", dict.fromkeys(gpu.SECONDS, 60))
    path = tmp_path / "gpu.json"
    report = gpu.opened(path, **SETUP)
    gpu.measure_all(list(gpu.SECONDS), report, path, time.monotonic() + 1.05)
    assert report["cases"] == {}


def test_figures_of_another_setup_are_not_mixed_in(gpu, tmp_path):
    path = tmp_path / "gpu.json"
    path.write_text(json.dumps(gpu.opened(path, "cuda", False)))
    with pytest.raises(SystemExit, match="give another --out"):
        gpu.opened(path, **SETUP)


def test_the_table_is_printed_from_the_file(gpu, monkeypatch, tmp_path, capsys):
    rows = {"fp16, 512 px": {"our step, s": 0.12345, "peak, GiB": 7.0}}
    cases = {"steps: fp16, 512 px": {"machine": "a GPU", "rows": rows}, "steps: fp16, 1024 px": {"failed": "no memory"}}
    path = tmp_path / "gpu.json"
    path.write_text(json.dumps({"setup": SETUP, "cases": cases}))
    run(gpu, monkeypatch, "--table", path)
    printed = capsys.readouterr().out
    assert printed.startswith("a GPU\n\n### Steps\n\n|  | our step, s | peak, GiB |\n")
    assert "| fp16, 512 px | 0.123 | 7 |" in printed
    assert "- steps: fp16, 1024 px: no memory" in printed and "- waits: a step: not reached" in printed


def test_every_case_has_its_time(gpu):
    assert set(importlib.import_module("gpu_cases").CASES) == set(gpu.SECONDS)
