"""The nodes get into a ComfyUI."""

import runpy
import subprocess
import sys

import pytest
from click.testing import CliRunner
from fixtures.comfyui import install_v3

from seal_sdk.cli.main import seal


def install(folder):
    return CliRunner().invoke(seal, ["comfyui", "install", str(folder)])


def test_comfyui_finds_the_nodes_in_its_folder(tmp_path, monkeypatch):
    (tmp_path / "custom_nodes").mkdir()
    done = install(tmp_path)
    assert done.exit_code == 0 and "Start ComfyUI anew" in done.output
    entry = tmp_path / "custom_nodes" / "seal" / "__init__.py"
    old = runpy.run_path(str(entry))
    assert "SealDraw" in old["NODE_CLASS_MAPPINGS"] and "comfy_entrypoint" not in old
    install_v3(monkeypatch)
    new = runpy.run_path(str(entry))
    assert callable(new["comfy_entrypoint"]) and "NODE_CLASS_MAPPINGS" not in new
    assert install(tmp_path).exit_code == 0  # after an update, say


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_another_folder_is_refused(tmp_path, folder):
    done = install(tmp_path / folder)
    assert done.exit_code == 2 and ("custom_nodes" in done.output or "does not exist" in done.output)


def test_nothing_of_others_is_overwritten(tmp_path):
    entry = tmp_path / "custom_nodes" / "seal" / "__init__.py"
    entry.parent.mkdir(parents=True)
    entry.write_text("NODE_CLASS_MAPPINGS = {}")
    done = install(tmp_path)
    assert done.exit_code == 2 and "something else" in done.output
    assert entry.read_text() == "NODE_CLASS_MAPPINGS = {}"


def test_the_command_loads_no_model_library(tmp_path):
    (tmp_path / "custom_nodes").mkdir()
    code = (
        "import sys; from click.testing import CliRunner; from seal_sdk.cli.main import seal; "
        f"done = CliRunner().invoke(seal, ['comfyui', 'install', {str(tmp_path)!r}]); "
        "print(done.exit_code, [name for name in ('torch', 'diffusers', 'comfy_api') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0 []"
