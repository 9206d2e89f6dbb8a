"""What importing the store costs, and which names it gives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.full_identity import put

import store

pytestmark = pytest.mark.usefixtures("quick_disk")


def test_importing_and_listing_load_no_zarr_and_no_torch(place):
    put(place, name="tiger")
    script = (
        "import store, sys; print([info.name for info in store.IdentityStore(sys.argv[1]).identities()],"
        " sorted({'zarr', 'torch', 'diffusers', 'seal_sdk'} & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(store.__file__).parents[1])}
    command = [sys.executable, "-c", script, str(place.root)]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=300).stdout
    assert output == "['tiger'] []\n"


def test_the_public_names_are_sorted_and_there():
    assert sorted(store.__all__) == store.__all__
    assert all(hasattr(store, name) for name in store.__all__)
