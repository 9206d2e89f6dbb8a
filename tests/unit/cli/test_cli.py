"""The command line as a person and a script meet it: help, errors in one line, exit codes, and no torch."""

from __future__ import annotations

import subprocess

import pytest
from fixtures.command_line import installed, run

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.commands import pin
from store import StoreCorruption, StoreLocked


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


def test_help_and_version():
    code, out, _ = run("--help")
    assert code == 0 and "seal register tiger.jpg" in out and "_SEAL_COMPLETE" in out
    assert run("--version")[1].startswith("seal, version ")
    assert run("sl")[0] == 2


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1234567, "1.2 MB"), (13.6e9, "13.6 GB")])
def test_sizes_for_people(count, text):
    assert human_size(count) == text
