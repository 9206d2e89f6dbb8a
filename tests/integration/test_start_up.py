"""What the first import of a session loads beyond torch and diffusers' SDXL pipeline, which nobody can do without."""

from __future__ import annotations

import json
import subprocess
import sys

OURS = {"seal_sdk", "store", "PIL", "cachetools", "platformdirs", "xxhash"}
CONTROL = ("diffusers.models.adapter", "diffusers.models.controlnets")  # the kinds of nets that controlnet= takes
SD15 = ("diffusers.pipelines.stable_diffusion",)


LOADED = """
import json, sys
import torch
from diffusers import StableDiffusionXLPipeline
needed = set(sys.modules)
from seal_sdk import IdentitySession
print(json.dumps(sorted(set(sys.modules) - needed)))
"""


def test_a_session_loads_little_beyond_torch_and_diffusers_sdxl_pipeline():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    beyond = json.loads(done.stdout)
    assert "seal_sdk.session" in beyond
    others = [name for name in beyond if name.partition(".")[0] not in OURS | set(sys.stdlib_module_names)]
    assert [name for name in others if not name.startswith(CONTROL + SD15)] == []
    assert not any(name.startswith(("seal_sdk.evaluation", "seal_sdk.cli", "seal_sdk.modular")) for name in beyond)
