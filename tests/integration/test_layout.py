"""The arrows between packages, what importing costs, and what no tracked text may name."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import seal_sdk

ROOT = Path(__file__).parents[2]
MODULES = sorted([*(ROOT / "seal_sdk").rglob("*.py"), *(ROOT / "store").rglob("*.py")])
HEAVY = ("torch", "diffusers", "transformers", "segment_anything", "zarr")


def test_imports_keep_to_the_layers():
    """The contracts stand in pyproject.toml."""
    done = subprocess.run([shutil.which("lint-imports")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_few_modules_stand_at_the_top():
    assert len(list((ROOT / "seal_sdk").glob("*.py"))) <= 11
    assert len(list((ROOT / "store").glob("*.py"))) <= 6


def test_every_package_says_what_lives_there():
    for package in [*(ROOT / "seal_sdk").rglob("__init__.py"), *(ROOT / "store").rglob("__init__.py")]:
        assert ast.get_docstring(ast.parse(package.read_text())), package


def test_nobody_above_the_backbone_names_the_pipeline():
    """But for the session's public ``pipe``, and the baseline that is a pipeline of diffusers."""
    parts = ("registration", "generation", "kv_cache", "segmentation", "images", "method")
    modules = [path for part in parts for path in (ROOT / "seal_sdk" / part).rglob("*.py")]
    assert modules and [str(path) for path in modules if re.search(r"\bpipe\b", path.read_text())] == []


@pytest.mark.parametrize("statement", ["import store", "import seal_sdk", "import seal_sdk.cli.main"])
def test_imports_leave_heavy_libraries_out(statement):
    code = f"import sys; {statement}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_public_names_are_sorted_and_resolve():
    assert list(seal_sdk.__all__) == sorted(seal_sdk.__all__)
    assert all(getattr(seal_sdk, name) is not None for name in seal_sdk.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        seal_sdk.nonsense  # noqa: B018


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 340


def test_tests_stay_short():
    tests = list((ROOT / "tests").rglob("*.py"))
    assert len(tests) > 100 and [str(each) for each in tests if len(each.read_text().splitlines()) > 340] == []


def test_no_tracked_text_names_a_registry_or_a_machine():
    hosts = re.compile("py" + r"pi\.org|python" + r"hosted|registry\.n" + "pmjs|(?<![\\w.])/(wo" + "rk|ro" + "ot)/")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        paths = [*MODULES, ROOT / "README.md", ROOT / "pyproject.toml"]  # an unpacked archive has no git
    else:
        paths = [ROOT / name for name in listed.stdout.splitlines()]
    text = [path for path in paths if path.suffix in {".py", ".md", ".toml", ".json", ".txt", ""} and path.is_file()]
    assert [str(path) for path in text if hosts.search(path.read_text(errors="ignore"))] == []
