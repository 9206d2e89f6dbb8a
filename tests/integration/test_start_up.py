"""What the first import of a session loads beyond torch and diffusers' SDXL pipeline, which nobody can do without."""

from __future__ import annotations

import json
import subprocess
import sys

OURS = {"seal_sdk", "store", "PIL", "cachetools", "platformdirs", "xxhash"}
CONTROL = ("diffusers.models.adapter", "diffusers.models.controlnets")  # the kinds of nets that controlnet= takes
SD15 = ("diffusers.pipelines.stable_diffusion",)


def loaded(statement):
    """The modules that a new process has after a statement."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


def test_a_session_loads_little_beyond_torch_and_diffusers_sdxl_pipeline():
    needed = loaded("import torch; from diffusers import StableDiffusionXLPipeline")
    beyond = loaded("from seal_sdk import IdentitySession") - needed - set(sys.stdlib_module_names)
    others = {name for name in beyond if name.partition(".")[0] not in OURS | set(sys.stdlib_module_names)}
    assert {name for name in others if not name.startswith(CONTROL + SD15)} == set()
    assert not any(name.startswith(("seal_sdk.evaluation", "seal_sdk.cli", "seal_sdk.modular")) for name in beyond)
