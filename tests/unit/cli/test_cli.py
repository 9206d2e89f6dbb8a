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

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.commands import pin
from seal_sdk.cli.main import seal
from seal_sdk.images import attach_settings
from store import ArraySpec, IdentityStore, StoreCorruption, StoreLocked

SPEC = ArraySpec("mid", (2, 3, 2, 4, 8), "float32", "float32", ("a", "b", "c"))
HEAVY = ("torch", "diffusers", "transformers", "segment_anything", "zarr")


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


@pytest.fixture
def drawn(tmp_path):
    """A PNG that carries settings."""
    path = tmp_path / "drawn.png"
    attach_settings(Image.new("RGB", (8, 8)), {"seed": 7, "prompt": "a cät", "appearance": {"delta": 3.0}}).save(path)
    return path


def run(*arguments, root=None):
    """(exit code, stdout, stderr) of a command; nobody sits at its stdin."""
    environment = {"SEAL_STORE": str(root) if root else None, "SEAL_DEBUG": None}
    result = CliRunner().invoke(seal, list(map(str, arguments)), env=environment)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def installed(*arguments, root, **options):
    """The finished process of the installed command; the last line of its stderr lists the heavy libraries it imported."""
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr))\n"
        "from seal_sdk.cli.main import main; main()"
    )
    environment = {**os.environ, "SEAL_STORE": str(root)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, **options)


@pytest.mark.parametrize(
    "command",
    [
        "--help", "--version", "ls", "info tiger", "du", "path", "show DRAWN", "doctor", "verify", "gc",
        "rm tiger -y", "pin tiger", "unpin tiger", "rename tiger lion", "info nobody", "register --help",
    ],
)  # fmt: skip
def test_commands_that_run_no_model_import_no_torch(root, drawn, command):
    done = installed(*command.replace("DRAWN", str(drawn)).split(), root=root, stdin=subprocess.DEVNULL)
    assert done.stderr.splitlines()[-1] == "[]"
    assert "Traceback" not in done.stderr and done.returncode in (0, 1)


def test_ls_lists_names_sizes_and_prompts(root):
    code, out, _ = run("ls", root=root)
    assert code == 0 and "tiger" in out and "a photo of a horse" in out
    assert run("ls", "-q", root=root)[1].split() == ["horse", "tiger"]
    listed = json.loads(run("ls", "--json", "--sort", "name", "--limit", "1", root=root)[1])
    assert [each["name"] for each in listed] == ["horse"] and listed[0]["nbytes"] == 2 * 3 * 2 * 4 * 8 * 4


def test_an_empty_store_says_what_to_do_on_stderr(tmp_path):
    IdentityStore(tmp_path / "empty")
    code, out, err = run("ls", "--store", tmp_path / "empty")
    assert (code, out) == (0, "") and "seal register" in err
    assert run("ls", "--json", "--store", tmp_path / "empty")[1].strip() == "[]"


def test_columns_are_aligned(root):
    header, first, second = run("ls", root=root)[1].splitlines()
    end = header.index("TIMESTEPS") + len("TIMESTEPS")
    assert first[end - 1] == second[end - 1] == "2" and first.index("a photo") == header.index("PROMPT")


def test_info_du_and_path(root):
    facts = json.loads(run("info", "tiger", "--json", root=root)[1])
    assert facts["prompt"] == "a photo of a tiger" and facts["timesteps"] == [900, 100]
    assert facts["arrays"]["mid"]["shape"] == list(SPEC.shape)
    assert "a photo of a tiger" in run("info", facts["digest"][:8], root=root)[1]
    assert json.loads(run("du", "--json", root=root)[1])["unique"] > 0
    assert "reclaimable 0 B" in run("du", root=root)[1]
    assert run("path", "--store", root)[1].strip() == str(root)
    assert json.loads(run("path", "--json", root=root)[1]) == {"path": str(root), "exists": True}


def test_the_option_wins_over_the_variable(root, tmp_path):
    assert run("ls", "--store", tmp_path / "other", root=root)[0] == 10


def test_unknown_names_suggest_the_nearest(root):
    code, out, err = run("info", "tigre", root=root)
    assert code == 1 and out == "" and "'tiger'" in err and err.startswith("Error: ") and err.count("\n") == 1


def test_no_store_is_exit_code_10(tmp_path):
    code, _, err = run("ls", "--store", tmp_path / "nowhere")
    assert code == 10 and "nowhere" in err
    (tmp_path / "file").touch()
    assert run("ls", "--store", tmp_path / "file")[0] == 2


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (StoreLocked("another process is at work"), 11, "Error: another process is at work"),
        (StoreCorruption("bytes are wrong"), 1, "Error: bytes are wrong"),
        (PermissionError(13, "Permission denied", "out.png"), 1, "Error: out.png: Permission denied"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_errors_are_one_line_and_an_exit_code(monkeypatch, root, error, expected, words):
    def fail(_root):
        raise error

    monkeypatch.setattr(pin, "open_store", fail)
    code, out, err = run("pin", "tiger", root=root)
    assert (code, out, err.strip()) == (expected, "", words)


def test_debug_shows_where_an_error_came_from(root):
    assert "Traceback" not in run("info", "nobody", root=root)[2]
    code, _, err = run("--debug", "info", "nobody", root=root)
    assert code == 1 and "Traceback" in err and err.splitlines()[-1].startswith("Error: ")


def test_rm_needs_names_and_a_yes(root):
    assert run("rm", root=root)[0] == 2
    code, _, err = run("rm", "tiger", root=root)
    assert code == 2 and "-y" in err
    assert "Would remove tiger" in run("rm", "tiger", "--dry-run", root=root)[1]
    assert run("rm", "tiger", "nobody", "-y", root=root)[0] == 1  # nothing goes when one name is wrong
    assert len(IdentityStore(root).identities()) == 2
    code, out, _ = run("rm", "tiger", "tiger", "-y", "--json", root=root)
    assert code == 0 and [each["reclaimable_bytes"] > 0 for each in json.loads(out)] == [True]
    assert [info.name for info in IdentityStore(root).identities()] == ["horse"]


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, ["horse"]), ("n\n", 1, ["horse", "tiger"])])
def test_rm_asks_on_a_terminal(root, answer, code, left):
    keyboard, terminal = os.openpty()
    os.write(keyboard, answer.encode())
    done = installed("rm", "tiger", root=root, stdin=terminal)
    os.close(keyboard), os.close(terminal)
    assert done.returncode == code and "Remove tiger" in done.stderr
    assert [info.name for info in IdentityStore(root).identities()] == left


def test_gc_frees_what_rm_left(root):
    run("rm", "tiger", "-y", root=root)
    assert json.loads(run("gc", "--json", "--grace-hours", "0", "--dry-run", root=root)[1])["dry_run"] is True
    assert run("gc", "--grace-hours", "0", root=root)[0] == 2  # nobody is there to be asked
    for _ in range(2):
        code, out, _ = run("gc", "--grace-hours", "0", "-y", root=root)
        assert code == 0 and out.startswith("Freed ")
    assert json.loads(run("du", "--json", root=root)[1])["reclaimable"] == 0


def test_pins_protect_and_names_change(root):
    assert json.loads(run("pin", "tiger", "--json", root=root)[1]) == [{"name": "tiger", "pinned": True}]
    assert "(pinned)" in run("ls", root=root)[1]
    assert run("rm", "tiger", "-y", root=root)[0] == 1
    assert run("unpin", "tiger", root=root)[0] == 0
    assert run("rename", "tiger", "lion", root=root)[0] == 0
    assert run("rename", "lion", "horse", root=root)[0] == 1  # taken
    assert run("rename", "lion", "a/b", root=root)[0] == 2
    assert run("ls", "-q", root=root)[1].split() == ["horse", "lion"]


def test_verify_finds_a_flipped_bit(root):
    code, out, _ = run("verify", root=root)
    assert code == 0 and "no problem" in out
    assert run("verify", "--sample", "50%", root=root)[0] == 0
    assert run("verify", "--sample", "none", root=root)[0] == 2
    assert run("verify", "--sample", "5%", "--quick", root=root)[0] == 2
    blob = next(path for path in (root / "blobs").rglob("*") if path.is_file())
    data = bytearray(blob.read_bytes())
    data[7] ^= 1
    os.chmod(blob, 0o644)
    blob.write_bytes(data)
    assert run("verify", "--quick", root=root)[0] == 0  # sizes alone do not tell
    code, out, _ = run("verify", "--json", root=root)
    report = json.loads(out)
    assert code == 1 and not report["ok"] and blob.name in report["problems"][0]["path"]
    assert "Register" in run("verify", root=root)[2]


def test_doctor_speaks_of_the_store(root, tmp_path):
    code, out, _ = run("doctor", "--json", root=root)
    findings = {each["what"]: each for each in json.loads(out)}
    assert findings["identities"]["found"].startswith("2") and findings["permissions"]["found"] == "writable"
    assert findings["torch"]["found"][0].isdigit() and "B" in findings["free space"]["found"]
    assert code == (1 if any(each["advice"] for each in findings.values()) else 0)
    assert "not made yet" in run("doctor", "--store", tmp_path / "later" / "store")[1]


def test_doctor_says_what_to_do_about_a_damaged_store(root):
    (root / "FORMAT").write_text("seal-store 99\n")
    code, out, _ = run("doctor", root=root)
    assert code == 1 and "version 99" in out and "-> choose another --store" in out


def test_show_prints_a_pngs_settings(tmp_path, drawn):
    assert json.loads(run("show", drawn, "--json")[1])["prompt"] == "a cät"
    out = run("show", drawn)[1]
    assert "a cät" in out and "delta" in out
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    assert run("show", tmp_path / "other.png")[0] == 2
    assert run("show", tmp_path / "missing.png")[0] == 2


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--box": "1,2,3"}, "four numbers"),
        ({"--box": "0,0,900,900"}, "image's size"),
        ({"--timesteps": "often"}, "'exact'"),
        ({"--name": "a/b"}, "cannot name"),
        ({"--mask": "DRAWN"}, "marks no pixel"),
        ({"IMAGE": "missing.png"}, "missing.png"),
        ({"--precision": "int4"}, "int4"),
    ],
)
def test_bad_registrations_end_before_a_model_is_loaded(tmp_path, drawn, changed, words):
    asked = {"IMAGE": drawn, "--name": "x", "--prompt": "a cat", "--model": tmp_path / "no-model", **changed}
    arguments = [part for key, value in asked.items() for part in ((value,) if key == "IMAGE" else (key, value))]
    arguments = [drawn if part == "DRAWN" else part for part in arguments]
    code, out, err = run("register", *arguments, root=tmp_path / "store")
    assert (code, out) == (2, "") and words in err


def test_bad_generations_end_before_a_model_is_loaded(tmp_path, root):
    def generate(name, output, *more):
        return run("generate", name, "--prompt", "a tiger", "-o", output, "--model", "no-model", *more, root=root)

    taken = tmp_path / "taken.png"
    taken.touch()
    code, _, err = generate("tiger", taken)
    assert code == 2 and "-y" in err
    assert generate("tiger", tmp_path / "no" / "x.png")[0] == 2
    assert "PNG" in generate("tiger", tmp_path / "x.jpg")[2]
    assert "did you mean" in generate("tigre", tmp_path / "x.png")[2]
    assert generate("tiger", tmp_path / "x.png", "--structure", taken)[0] == 2  # an empty file
    assert "start < end" in generate("tiger", tmp_path / "x.png", "--guidance-interval", 0.8, 0.2)[2]
    assert taken.read_bytes() == b"" and not (tmp_path / "x.png").exists()


def test_help_and_version():
    code, out, _ = run("--help")
    assert code == 0 and "seal register tiger.jpg" in out and "_SEAL_COMPLETE" in out
    assert run("--version")[1].startswith("seal, version ")
    assert run("sl")[0] == 2


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1234567, "1.2 MB"), (13.6e9, "13.6 GB")])
def test_sizes_for_people(count, text):
    assert human_size(count) == text


def test_ls_filters(root):
    def names(*filters):
        return run("ls", "-q", *(part for each in filters for part in ("--filter", each)), root=root)[1].split()

    run("pin", "tiger", root=root)
    assert names("pinned") == ["tiger"] and names("not pinned") == ["horse"] and names("damaged") == []
    assert (
        names("size>1kB") == ["horse", "tiger"] and names("size > 1GB") == [] and names("age<1h") == ["horse", "tiger"]
    )
    assert names("name=t*") == ["tiger"] == names("prompt=*tiger", "size<=1MB")
    for wrong in ("size", "size>big", "name>a", "colour=red"):
        assert run("ls", "--filter", wrong, root=root)[0] == 2


def test_doctor_tells_what_dead_writers_left_and_whether_locks_lock(root, monkeypatch):
    def findings():
        return {each["what"]: each for each in json.loads(run("doctor", "--json", root=root)[1])}

    sound = findings()
    assert sound["locks"]["found"] == "work" and sound["layout"]["found"] == "seal-store 1"
    assert not any(sound[what]["advice"] for what in ("locks", "durability", "left behind", "identities"))
    leftover = root / "tmp" / "dead"
    leftover.write_bytes(b"x")
    (root / "pins" / "dead").write_text(json.dumps({"host": os.uname().nodename, "pid": 2**22 + 1, "started": 0.0}))
    os.utime(leftover, (0, 0))
    assert (
        "1 pins, 1 temporary" in findings()["left behind"]["found"] and "seal gc" in findings()["left behind"]["advice"]
    )

    class NoLock:
        def __init__(self, *args, **kwargs): ...
        def acquire(self): ...
        def release(self): ...

    monkeypatch.setattr("filelock.FileLock", NoLock)
    assert "local disk" in findings()["locks"]["advice"]
