"""What ``seal ls``, ``info``, ``du``, ``path`` and ``show`` print."""

from __future__ import annotations

import json

from fixtures.command_line import SPEC, run
from PIL import Image

from store import IdentityStore


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


def test_show_prints_a_pngs_settings(tmp_path, drawn):
    assert json.loads(run("show", drawn, "--json")[1])["prompt"] == "a cät"
    out = run("show", drawn)[1]
    assert "a cät" in out and "delta" in out
    Image.new("RGB", (8, 8)).save(tmp_path / "other.png")
    assert run("show", tmp_path / "other.png")[0] == 2
    assert run("show", tmp_path / "missing.png")[0] == 2


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
