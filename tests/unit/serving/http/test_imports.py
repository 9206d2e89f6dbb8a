"""The web libraries are the service's alone, and it listens before torch is there."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            "seal_sdk, seal_sdk.cli.main, seal_sdk.cli.commands.serve, seal_sdk.serving, seal_sdk.serving.http.settings",
            "fastapi",
        ),
        ("seal_sdk.serving.http.server", "torch"),
    ],
)
def test_imports_leave_heavy_libraries_out(modules, absent):
    code = f"import sys, {modules}; print([name for name in ({absent!r}, 'uvicorn', 'torch') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert absent not in done.stdout and "torch" not in done.stdout
