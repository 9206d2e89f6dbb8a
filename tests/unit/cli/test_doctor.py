"""``seal doctor`` says what is wrong with a store, and what to do about it."""

from __future__ import annotations

import json
import os

from fixtures.command_line import run


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
