"""``seal comfyui``: put the nodes into a ComfyUI."""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = "seal"
ENTRY = '''"""SeAl's nodes, of the package seal-sdk; written by `seal comfyui install`."""

try:
    from seal_sdk.serving.comfyui import comfy_entrypoint
except ImportError:  # a ComfyUI without its V3 schema
    from seal_sdk.serving.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
'''


@click.group("comfyui")
def command() -> None:
    """ComfyUI nodes: register and draw identities in workflows."""


@command.command("install")
@click.argument("comfyui", type=click.Path(path_type=Path, exists=True, file_okay=False))
def install(comfyui: Path) -> None:
    """Write custom_nodes/seal into the folder of a COMFYUI, which then finds the nodes of this package.

    ComfyUI's own Python has to have this package: run its pip, and then this command, with that Python.
    """
    nodes = comfyui / "custom_nodes"
    if not nodes.is_dir():
        raise click.UsageError(f"{comfyui} has no folder custom_nodes: give the folder that ComfyUI's main.py is in.")
    entry = nodes / FOLDER / "__init__.py"
    if entry.exists() and "seal_sdk.serving.comfyui" not in entry.read_text(encoding="utf-8", errors="replace"):
        raise click.UsageError(f"{entry} is something else: move it away first.")
    entry.parent.mkdir(exist_ok=True)
    entry.write_text(ENTRY, encoding="utf-8")
    click.echo(f"{entry}: written. Start ComfyUI anew; the nodes are under 'SeAl'.")
