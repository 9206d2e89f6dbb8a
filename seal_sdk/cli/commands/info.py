"""``seal info``: show one identity."""

from __future__ import annotations

from collections import Counter

import click

from seal_sdk.byte_sizes import human_size
from seal_sdk.cli.options import json_option, open_store, store_option
from seal_sdk.cli.output import print_json, print_settings


@click.command("info")
@click.argument("name")
@store_option
@json_option
def command(name: str, root: str | None, as_json: bool) -> None:
    """Show what is known of an identity.

    NAME may also be a digest or its first 8 digits.
    """
    stored = open_store(root).resolve(name)
    tiers = Counter(map(stored.source, range(len(stored.timesteps))))
    facts = {
        "name": stored.name,
        "digest": stored.digest,
        "prompt": stored.attributes.get("prompt"),
        "size": stored.recipe.get("size"),
        "box": stored.attributes.get("box"),
        "timesteps": list(stored.timesteps),
        "bytes": stored.nbytes,
        "tiers": dict(tiers),
        "model": stored.attributes.get("model"),
        "provenance": stored.attributes.get("provenance"),
    }
    arrays = {spec.name: {"shape": list(spec.shape), "dtype": spec.logical_dtype} for spec in stored.arrays}
    if as_json:
        print_json({**facts, "arrays": arrays, "recipe": stored.recipe})
        return
    held = ", ".join(f"{count} of {len(stored.timesteps)} timesteps on {tier}" for tier, count in tiers.items())
    print_settings({**facts, "bytes": human_size(stored.nbytes), "tiers": held.replace("on remote", "remote")})
    for name, array in arrays.items():
        click.echo(f"{'array ' + name:22} {tuple(array['shape'])} {array['dtype']}")
