"""The long fault loops, on demand: ``pytest -m long``; for other times and the table see ``tests/faults/run.py``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
def test_ten_minutes_of_faults_leave_nothing_wrong():
    script = Path(__file__).parent / "faults" / "run.py"
    done = subprocess.run([sys.executable, script, "--minutes", "10"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
