"""The nodes, each described once. A new one is a function here that makes its `Node`, and a line in `make_nodes`."""

from __future__ import annotations

from seal_sdk.serving.comfyui.description import Node
from seal_sdk.serving.comfyui.models import Models
from seal_sdk.serving.comfyui.nodes.draw import draw_node
from seal_sdk.serving.comfyui.nodes.draw_into import draw_into_node
from seal_sdk.serving.comfyui.nodes.identity import identity_node
from seal_sdk.serving.comfyui.nodes.match_map import match_map_node
from seal_sdk.serving.comfyui.nodes.model import model_node
from seal_sdk.serving.comfyui.nodes.places import references_node, region_node
from seal_sdk.serving.comfyui.nodes.register import register_node
from seal_sdk.serving.comfyui.nodes.save import save_node
from seal_sdk.serving.comfyui.nodes.settings import settings_node

CATEGORY = "SeAl"


def make_nodes(models: Models) -> tuple[Node, ...]:
    """All nodes. models: where their sessions stay open."""
    return (
        model_node(models),
        identity_node(models),
        register_node(),
        references_node(),
        region_node(),
        settings_node(),
        draw_node(),
        draw_into_node(),
        match_map_node(),
        save_node(),
    )
