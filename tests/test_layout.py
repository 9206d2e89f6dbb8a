"""The arrows between packages, what importing costs, and what no tracked text may name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seal_sdk

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "seal_sdk").rglob("*.py"), *(ROOT / "store").rglob("*.py")])
HOMES = seal_sdk._HOMES  # `from seal_sdk import IdentitySession` is an import of seal_sdk.session
ARROWS = {  # what each part may import of ours; those that are not named here stand above all of these
    "errors.py": set(),
    "config.py": {"errors"},
    "images.py": {"errors"},
    "match_maps.py": set(),
    "metadata.py": {"errors"},
    "method": {"config", "errors"},
    "pocket": {"errors"},
    "subject": {"errors", "pocket"},
    "backbone": {"config", "errors", "match_maps", "method", "pocket"},
}
HEAVY = ("torch", "diffusers", "transformers", "segment_anything", "zarr")


def imported(path: Path) -> set[str]:
    """Dotted names that a module imports, wherever in it, but for those that only a type checker sees."""
    names = set()
    tree = ast.parse(path.read_text())
    for guard in [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
    ]:
        guard.body = [ast.Pass()]
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def of_ours(path: Path) -> set[str]:
    """The second parts of what a module imports from the package, its own left out: ``{"config", "errors"}``."""
    own = path.relative_to(ROOT / "seal_sdk").parts[0].removesuffix(".py")
    found = {name.split(".")[1] for name in imported(path) if name.startswith("seal_sdk.")}
    return {HOMES.get(name, name) for name in found} - {own}


def modules_under(folder: str) -> list[Path]:
    return [path for path in MODULES if path.is_relative_to(ROOT / folder)]


def importers(name: str) -> set[str]:
    """First two parts of the paths of the modules that import ``name`` or something in it."""
    found = [path for path in MODULES if any(each == name or each.startswith(name + ".") for each in imported(path))]
    return {"/".join(path.relative_to(ROOT).parts[:2]) for path in found}


@pytest.mark.parametrize("path", modules_under("store"), ids=str)
def test_the_store_knows_no_model(path):
    assert not {name.split(".")[0] for name in imported(path)} & {"seal_sdk", "torch", "diffusers", "transformers"}


@pytest.mark.parametrize("path", modules_under("seal_sdk/method"), ids=str)
def test_the_method_imports_torch_alone(path):
    others = {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names)
    assert others <= {"torch", "numpy", "PIL", "seal_sdk"}


@pytest.mark.parametrize("part", ARROWS)
def test_lower_parts_know_no_higher_ones(part):
    place = ROOT / "seal_sdk" / part
    modules = [place] if part.endswith(".py") else modules_under(f"seal_sdk/{part}")
    assert modules and set().union(*map(of_ours, modules)) <= ARROWS[part]


def test_the_session_is_imported_only_by_what_uses_it():
    users = {path for path in modules_under("seal_sdk") if "session" in of_ours(path)}
    folders = {path.relative_to(ROOT / "seal_sdk").parts[0] for path in users}
    assert folders - {"__init__.py"} == {"cli", "demo", "evaluation"}


def test_one_module_turns_key_values_into_arrays():
    turning = {str(path.relative_to(ROOT / "seal_sdk")) for path in MODULES if ".numpy()" in path.read_text()}
    others = {"backbone/fingerprint.py", "backbone/denoise.py", "tiers.py"}  # hashes weights; match maps; pinned memory
    assert {path for path in turning if not path.startswith(("pocket/", "evaluation/"))} == {"recipe.py"} | others


def test_only_the_backbone_and_its_neighbours_know_diffusers():
    known = {"seal_sdk/backbone", "seal_sdk/pocket", "seal_sdk/evaluation"}
    typing = {
        "seal_sdk/drawing.py",
        "seal_sdk/planning.py",
        "seal_sdk/sampling.py",
        "seal_sdk/registration.py",
        "seal_sdk/recipe.py",
        "seal_sdk/settings.py",
        "seal_sdk/sizes.py",
    }
    assert importers("diffusers") <= known | typing
    measuring = [path.name for path in modules_under("seal_sdk/evaluation") if "diffusers" in imported(path)]
    assert measuring == ["ip_adapter.py"]  # a baseline that is diffusers' own pipeline


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
    assert len(path.read_text().splitlines()) <= 360


def test_no_tracked_text_names_a_registry_or_a_machine():
    hosts = re.compile("py" + r"pi\.org|python" + r"hosted|registry\.n" + "pmjs|(?<![\\w.])/(wo" + "rk|ro" + "ot)/")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        paths = [*MODULES, ROOT / "README.md", ROOT / "pyproject.toml"]  # an unpacked archive has no git
    else:
        paths = [ROOT / name for name in listed.stdout.splitlines()]
    text = [path for path in paths if path.suffix in {".py", ".md", ".toml", ".json", ".txt", ""} and path.is_file()]
    assert [str(path) for path in text if hosts.search(path.read_text(errors="ignore"))] == []
