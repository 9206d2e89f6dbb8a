"""The node that takes an identity from the library."""

from __future__ import annotations

from typing import Any

from seal_sdk.serving.comfyui.description import IDENTITY, SESSION, Node, Output, choice, link
from seal_sdk.serving.comfyui.models import Models, OpenModel
from seal_sdk.serving.comfyui.subjects import Subject


def identity_node(models: Models) -> Node:
    """Finds a registered identity by its name."""

    def changed(name: str | None, **_: Any) -> list[str]:  # the name may stand for another reference by now
        return [] if name is None else models.digests(name)

    return Node(
        "SealIdentity",
        "SeAl: Identity",
        "An identity that was registered before, here or by `seal register`. The list holds the names in your library and in the "
        "stores of open models; pressing R reads it anew.",
        (
            link("session", SESSION, "Of SeAl: Model."),
            choice("name", "What it was registered as.", models.names),
        ),
        (Output("identity", IDENTITY),),
        _run,
        _check,
        changed,
    )


def _run(session: OpenModel, name: str) -> tuple[tuple[Subject]]:
    return ((Subject((session.session.identities[name],)),),)


def _check(name: str | None) -> bool | str:
    """Any name will do here: the session's store, which only it knows, may have more than the list."""
    return True if name != "" else "Choose an identity, or register one first with SeAl: Register."
