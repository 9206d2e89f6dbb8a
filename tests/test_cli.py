"""The command line as a person and a script meet it; commands that look after a store run without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from seal_sdk.cli import main as cli
from seal_sdk.cli.options import human_size
from seal_sdk.metadata import attach_settings
from store import ArraySpec, IdentityStore

SPEC = ArraySpec("mid", (2, 3, 2, 4, 8), "float32", "float32", ("a", "b", "c"))


@pytest.fixture
def root(tmp_path):
    """A store with the identities ``tiger`` and ``horse``."""
    store = IdentityStore(tmp_path / "store")
    for number, name in enumerate(("tiger", "horse")):
        rng = np.random.default_rng(number)
        steps = [{"mid": rng.normal(size=SPEC.shape[1:]).astype("f4")} for _ in range(2)]
        store.put(
            {"pixels": name},
            arrays=[SPEC],
            steps=lambda steps=steps: iter(steps),
            timesteps=[900, 100],
            attributes={"prompt": f"a photo of a {name}", "box": [1.0, 2.0, 3.0, 4.0]},
            attachments={},
            name=name,
        )
    return store.root


def run(*arguments, root=None):
    """(exit code, stdout, stderr) of the command as main() runs it."""
    environment = {**os.environ, **({"SEAL_STORE": str(root)} if root else {})}
    code = (
        "import sys; from seal_sdk.cli.main import main\n"
        "try: main()\n"
        "finally: assert not {'torch', 'diffusers'} & set(sys.modules), 'torch was imported'"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr


def test_ls_lists_names_sizes_and_prompts(root):
    code, out, _ = run("ls", root=root)
    assert code == 0 and "tiger" in out and "a photo of a horse" in out
    assert run("ls", "-q", root=root)[1].split() == ["horse", "tiger"]
    listed = json.loads(run("ls", "--json", "--sort", "name", "--limit", "1", root=root)[1])
    assert [each["name"] for each in listed] == ["horse"] and listed[0]["nbytes"] == 2 * 3 * 2 * 4 * 8 * 4


def test_info_du_and_path(root):
    facts = json.loads(run("info", "tiger", "--json", root=root)[1])
    assert facts["prompt"] == "a photo of a tiger" and facts["timesteps"] == [900, 100]
    assert "a photo of a tiger" in run("info", "tiger", root=root)[1]
    assert json.loads(run("du", "--json", root=root)[1])["unique"] > 0
    assert run("path", "--store", root)[1].strip() == str(root)


def test_unknown_names_suggest_the_nearest(root):
    code, out, err = run("info", "tigre", root=root)
    assert code == 1 and out == "" and "tiger" in err and "Traceback" not in err


def test_no_store_is_exit_code_10(tmp_path):
    code, _, err = run("ls", "--store", tmp_path / "nowhere")
    assert code == 10 and "nowhere" in err


def test_rm_needs_names_and_a_yes(root):
    assert run("rm", root=root)[0] == 2
    code, _, err = run("rm", "tiger", root=root)
    assert code == 2 and "-y" in err
    assert "Would remove tiger" in run("rm", "tiger", "--dry-run", root=root)[1]
    assert run("rm", "tiger", "nobody", "-y", root=root)[0] == 1  # nothing goes when one name is wrong
    assert len(IdentityStore(root).identities()) == 2
    code, out, _ = run("rm", "tiger", "-y", "--json", root=root)
    assert code == 0 and json.loads(out)[0]["reclaimable_bytes"] > 0
    assert [info.name for info in IdentityStore(root).identities()] == ["horse"]


def test_gc_frees_what_rm_left(root):
    run("rm", "tiger", "-y", root=root)
    assert json.loads(run("gc", "--json", "--grace-hours", "0", "--dry-run", root=root)[1])["dry_run"] is True
    assert run("gc", "--grace-hours", "0", root=root)[0] == 2  # nobody is there to be asked
    for _ in range(2):
        assert run("gc", "--grace-hours", "0", "-y", root=root)[0] == 0
    assert json.loads(run("du", "--json", root=root)[1])["reclaimable"] == 0


def test_pins_protect_and_names_change(root):
    assert run("pin", "tiger", root=root)[0] == 0
    assert run("rm", "tiger", "-y", root=root)[0] == 1
    assert run("unpin", "tiger", root=root)[0] == 0
    assert run("rename", "tiger", "lion", root=root)[0] == 0
    assert run("ls", "-q", root=root)[1].split() == ["horse", "lion"]


def test_verify_finds_a_flipped_bit(root):
    assert run("verify", root=root)[0] == 0
    assert run("verify", "--sample", "50%", root=root)[0] == 0
    assert run("verify", "--sample", "none", root=root)[0] == 2
    blob = next(path for path in (root / "blobs").rglob("*") if path.is_file())
    data = bytearray(blob.read_bytes())
    data[7] ^= 1
    os.chmod(blob, 0o644)
    blob.write_bytes(data)
    code, out, _ = run("verify", "--json", root=root)
    report = json.loads(out)
    assert code == 1 and not report["ok"] and blob.name in report["problems"][0]["path"]


def test_doctor_speaks_of_the_store(root):
    code, out, _ = run("doctor", "--json", root=root)
    findings = {each["what"]: each for each in json.loads(out)}
    assert findings["identities"]["found"].startswith("2") and findings["permissions"]["found"] == "writable"
    assert code == (1 if any(each["advice"] for each in findings.values()) else 0)


def test_show_prints_a_pngs_settings(tmp_path):
    path = tmp_path / "drawn.png"
    attach_settings(Image.new("RGB", (8, 8)), {"seed": 7, "prompt": "a cät"}).save(path)
    assert json.loads(run("show", path, "--json")[1]) == {"seed": 7, "prompt": "a cät"}
    assert "a cät" in run("show", path)[1]
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    assert run("show", tmp_path / "other.png")[0] == 2
    assert run("show", tmp_path / "missing.png")[0] == 2


def test_bad_calls_end_before_any_model_is_loaded(tmp_path, root):
    assert run("register", tmp_path / "no.png", "--name", "x", "--prompt", "a cat", "--box", "1,2,3")[0] == 2
    taken = tmp_path / "taken.png"
    taken.touch()
    code, _, err = run("generate", "tiger", "--prompt", "a tiger", "-o", taken, root=root)
    assert code == 2 and "-y" in err
    assert run("generate", "tiger", "--prompt", "a tiger", "-o", tmp_path / "no" / "x.png", root=root)[0] == 2


def test_help_and_version():
    result = CliRunner().invoke(cli.seal, ["--help"])
    assert result.exit_code == 0 and "seal register tiger.jpg" in result.output
    assert "seal" in CliRunner().invoke(cli.seal, ["--version"]).output


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1234567, "1.2 MB"), (13.6e9, "13.6 GB")])
def test_sizes_for_people(count, text):
    assert human_size(count) == text
