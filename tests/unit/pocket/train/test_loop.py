"""The training loop: it resumes, and several processes train one model."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from seal_sdk.pocket.train.loop import Training, TrainingConfig

CPU = torch.device("cpu")
TIMEOUT = 900  # seconds: three processes import torch, which takes minutes where twenty others are busy


def test_a_resumed_training_equals_an_unbroken_one(tmp_path):
    data = torch.randn(8, 4)

    def loss(model, step):
        return (model(data + torch.randn_like(data)) - data).square().mean()

    def train(checkpoint, steps):
        torch.manual_seed(0)
        training = Training(
            torch.nn.Linear(4, 4),
            TrainingConfig(learning_rate=1e-2, batch=8, steps=steps, warmup=1, flat=0.99),
            checkpoint,
            CPU,
        )
        training.run(loss)
        return training

    whole = train(tmp_path / "whole.pt", 10)
    half = train(tmp_path / "half.pt", 5)
    assert half.step == 5
    resumed = train(tmp_path / "half.pt", 10)
    assert resumed.step == 10
    assert all(torch.equal(resumed.ema[name], tensor) for name, tensor in whole.ema.items())


TWO_PROCESSES = """
import atexit, sys, torch
from pathlib import Path
from torch import distributed
from seal_sdk.pocket.train.loop import Training, TrainingConfig

training = Training(
    torch.nn.Linear(4, 4), TrainingConfig(1e-2, batch=8, steps=5, warmup=1), Path(sys.argv[1]), torch.device("cpu")
)
training.run(lambda model, seed: (model(torch.randn(8, 4)) - 1).square().mean())
weights = [torch.zeros(4, 4) for _ in range(2)]
distributed.all_gather(weights, training.model.weight.detach())
distributed.barrier()  # neither leaves while the other still talks to it
rank = training.rank
distributed.destroy_process_group()
atexit.unregister(distributed.destroy_process_group)
threads = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").glob("*")]
left = [name for name in threads if "gloo" in name]  # such a thread aborts the process now and then, as it ends
Path(f"{sys.argv[1]}.{rank}.txt").write_text(f"{torch.equal(*weights)} {training.step} {left}")
"""


def test_two_processes_train_one_model(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command += ["--local-addr", "127.0.0.1"]  # so that nothing waits for a name server
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, script, tmp_path / "x.pt"], capture_output=True, text=True, env=environment, timeout=TIMEOUT
    )
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / f"x.pt.{rank}.txt").read_text() for rank in (0, 1)] == ["True 5 []"] * 2
    assert (tmp_path / "x.pt").is_file()
