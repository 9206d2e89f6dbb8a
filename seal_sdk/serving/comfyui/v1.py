"""The nodes in ComfyUI's V1 schema: classes with attributes of fixed names, which every ComfyUI reads."""

from __future__ import annotations

from typing import Any

import torch

from seal_sdk.serving.comfyui.description import Input, Node
from seal_sdk.serving.comfyui.models import Models
from seal_sdk.serving.comfyui.nodes import CATEGORY, make_nodes


def _input(each: Input) -> tuple[Any, dict[str, Any]]:
    kind = each.kind if each.choices is None else list(each.choices())
    return kind, {**each.options, **({"forceInput": True} if each.linked else {})}


def _inputs(node: Node) -> dict[str, Any]:
    sections = {
        "required": {each.name: _input(each) for each in node.inputs if not each.optional},
        "optional": {each.name: _input(each) for each in node.inputs if each.optional},
    }
    hidden = {"hidden": {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}} if node.saves else {}
    return sections | hidden


def node_class(node: Node) -> type:
    """A node as a V1 class."""
    members: dict[str, Any] = {
        "__doc__": node.does,
        "DESCRIPTION": node.does,
        "CATEGORY": CATEGORY,
        "INPUT_TYPES": classmethod(lambda cls: _inputs(node)),
        "RETURN_TYPES": tuple(each.kind for each in node.outputs),
        "RETURN_NAMES": tuple(each.name for each in node.outputs),
        "OUTPUT_TOOLTIPS": tuple(each.tooltip for each in node.outputs),
        "OUTPUT_NODE": node.saves,
        "FUNCTION": "run",
        # ComfyUI runs nodes in inference mode, whose tensors nothing else may use afterwards; a session outlives it.
        "run": staticmethod(torch.inference_mode(False)(node.run)),
    }
    if node.check is not None:
        members["VALIDATE_INPUTS"] = staticmethod(node.check)
    if node.changed is not None:
        members["IS_CHANGED"] = staticmethod(node.changed)
    return type(node.name, (), members)


_NODES = make_nodes(Models())
NODE_CLASS_MAPPINGS = {node.name: node_class(node) for node in _NODES}
NODE_DISPLAY_NAME_MAPPINGS = {node.name: node.title for node in _NODES}
