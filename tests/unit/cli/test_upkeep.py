"""``seal rm``, ``gc``, ``pin``, ``rename`` and ``verify`` look after a store."""

from __future__ import annotations

import json
import os

import pytest
from fixtures.command_line import installed, run

from store import IdentityStore


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
