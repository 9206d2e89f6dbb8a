"""The long fault loops, on demand: ``pytest -m long``; for other times and the table see ``tests/faults/run.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
def test_ten_minutes_of_faults_leave_nothing_wrong():
    script = Path(__file__).parent / "run.py"
    paths = [str(script.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    command = [sys.executable, str(script), "--minutes", "10"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
