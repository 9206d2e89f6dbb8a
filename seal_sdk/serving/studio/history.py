"""Going back: the settings in a picture that was drawn before, and what a page lost when the server went away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from seal_sdk.errors import UnknownIdentity
from seal_sdk.images import read_settings
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.drawing import Wish, digests_in, wish_of
from store import IdentityStore


def wish_in(path: str, store: IdentityStore) -> tuple[Wish, bool]:
    """What a picture was asked for, and whether it followed a structure image, which its file does not hold.

    Raises ImageError for a picture without settings, UnknownIdentity where the library lacks somebody in it, or InputError.
    """
    settings = read_settings(path)
    names = {info.digest: info.name for info in store.identities() if info.name and info.digest}
    for digest, name in digests_in(settings).items():
        if digest not in names:
            raise UnknownIdentity(
                f"The picture shows {name!r}, which is not in the library: register or import it first."
            )
    return wish_of(settings, {digest: name for digest, name in names.items() if digest}), settings[
        "structure"
    ] is not None


def lost(remembered: str, engine: Engine) -> tuple[str, Mapping[str, Any]] | None:
    """What became of the job that a browser tab remembers, in words, and what it was; None where it remembers none.

    remembered: JSON from the browser, of which nothing is trusted.
    """
    try:
        what = json.loads(remembered)
        job_id, prompt = str(what["id"]), str(what["prompt"])
        facts = {"prompt": prompt, "identities": [str(name) for name in what["identities"]], "seed": int(what["seed"])}
    except (ValueError, TypeError, KeyError):
        return None
    if engine.job(job_id) is None:
        return (
            f"The server was restarted, and {prompt!r} was not finished. It stands in the form: draw it again.",
            facts,
        )
    return f"The page was left before {prompt!r} was finished. It stands in the form: draw it again.", facts
