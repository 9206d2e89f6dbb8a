"""Carrying identities between machines from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from seal_sdk.cli.main import seal
from store import ArraySpec, IdentityStore

ARRAY = ArraySpec("mid", (1, 1, 2, 8, 16), "float32", "float32", ("a",))


@pytest.fixture
def root(tmp_path):
    place = IdentityStore(tmp_path / "store")
    values = np.random.default_rng(0).normal(size=ARRAY.shape[1:]).astype("f4")
    what = dict(arrays=[ARRAY], steps=lambda: iter([{"mid": values}]), timesteps=[500], attachments={})
    place.put({"pixels": "tiger"}, attributes={"prompt": "a tiger"}, name="tiger", **what)
    return place.root


def run(*arguments, code=0):
    result = CliRunner().invoke(seal, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_export_and_import(root, tmp_path):
    file, other = tmp_path / "tiger.seal", tmp_path / "other"
    run("export", "tiger", file, "--store", root)
    assert "-y" in run("export", "tiger", file, "--store", root, code=2)
    report = json.loads(run("import", file, "--store", other, "--json"))
    assert report["name"] == "imported/tiger" and not report["trusted"]
    assert json.loads(run("import", file, "--store", other, "--name", "tom", "--trust", "--json"))["name"] == "tom"
    file.write_bytes(file.read_bytes()[:-1])
    assert "bundle" in run("import", file, "--store", other, code=1)
    assert run("ls", "-q", "--store", other).split() == ["imported/tiger", "tom"]


def test_push_and_pull(root, tmp_path):
    (tmp_path / "cloud").mkdir()
    url = (tmp_path / "cloud").as_uri()
    (sent,) = json.loads(run("push", "tiger", "--to", url, "--store", root, "--json"))
    (again,) = json.loads(run("push", "tiger", "--to", url, "--store", root, "--json"))
    assert sent["moved_bytes"] == sent["total_bytes"] > 0 == again["moved_bytes"]
    run("pull", "tiger", "--from", url, "--store", tmp_path / "other")
    assert run("ls", "-q", "--store", tmp_path / "other").split() == ["tiger"]
    assert "tiger" in run("pull", "tigre", "--from", url, "--store", tmp_path / "other", code=1)


def test_a_store_may_be_a_url(root, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cloud").mkdir()
    url = (tmp_path / "cloud").as_uri()
    run("push", "tiger", "--to", url, "--store", root)
    assert run("path", "--store", url).strip() == url
    assert run("ls", "-q", "--store", url).split() == ["tiger"]
    assert json.loads(run("info", "tiger", "--store", url, "--json"))["prompt"] == "a tiger"
    run("verify", "--store", url)
    run("rm", "tiger", "-y", "--store", url)
    assert run("ls", "-q", "--store", url).split() == []
