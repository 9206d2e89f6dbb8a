"""The nodes in ComfyUI's V3 schema. Importing it needs a ComfyUI that has one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from comfy_api.latest import ComfyExtension, io

from seal_sdk.serving.comfyui.description import Input, Node, Output
from seal_sdk.serving.comfyui.models import Models
from seal_sdk.serving.comfyui.nodes import CATEGORY, make_nodes

_KINDS = {
    "BOOLEAN": io.Boolean,
    "COMBO": io.Combo,
    "FLOAT": io.Float,
    "IMAGE": io.Image,
    "INT": io.Int,
    "LATENT": io.Latent,
    "MASK": io.Mask,
    "STRING": io.String,
}


def _kind(name: str) -> Any:
    return _KINDS.get(name) or io.Custom(name)


def _input(each: Input) -> Any:
    choices = {} if each.choices is None else {"options": list(each.choices())}
    linked = {"force_input": True} if each.linked else {}
    return _kind(each.kind).Input(each.name, optional=each.optional, **choices, **linked, **each.options)


def _output(each: Output) -> Any:
    name = f"{each.name}_out"  # early V3 schemas refuse one name for an input and an output; people read the other
    return _kind(each.kind).Output(name, each.name, tooltip=each.tooltip)


def _schema(node: Node) -> Any:
    return io.Schema(
        node_id=node.name,
        display_name=node.title,
        category=CATEGORY,
        description=node.does,
        inputs=[_input(each) for each in node.inputs],
        outputs=[_output(each) for each in node.outputs],
        is_output_node=node.saves,
    )


def _as_method(function: Callable[..., Any]) -> Any:
    """A class method that takes what ``function`` takes: ComfyUI asks for the names of its arguments."""

    def method(cls: Any, /, **values: Any) -> Any:
        return function(**values)

    own = inspect.signature(function)
    first = inspect.Parameter("cls", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = own.replace(parameters=[first, *own.parameters.values()])  # type: ignore[attr-defined]  # set on a function
    return classmethod(method)


def node_class(node: Node) -> type:
    """A node as a V3 class."""

    @torch.inference_mode(False)  # as in `v1`
    def execute(cls: Any, /, **values: Any) -> Any:
        if not node.saves:
            return io.NodeOutput(*node.run(**values))
        shown = node.run(**values, prompt=cls.hidden.prompt, extra_pnginfo=cls.hidden.extra_pnginfo)
        return io.NodeOutput(ui=shown["ui"])

    members: dict[str, Any] = {
        "__doc__": node.does,
        "define_schema": classmethod(lambda cls: _schema(node)),
        "execute": classmethod(execute),
    }
    if node.check is not None:
        members["validate_inputs"] = _as_method(node.check)
    if node.changed is not None:
        members["fingerprint_inputs"] = _as_method(node.changed)
    return type(node.name, (io.ComfyNode,), members)


class SealExtension(ComfyExtension):  # type: ignore[misc]  # ComfyUI ships no types
    """What ComfyUI asks for the nodes."""

    async def get_node_list(self) -> list[type]:
        """All nodes."""
        return [node_class(node) for node in make_nodes(Models())]


async def comfy_entrypoint() -> SealExtension:
    """Where ComfyUI begins."""
    return SealExtension()
