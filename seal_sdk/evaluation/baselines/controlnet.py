"""ControlNet alone (Zhang et al., ICCV 2023): the trained way to condition on the structure image. It never sees the reference."""

from __future__ import annotations

from seal_sdk.evaluation.baselines.controlnet_ip_adapter import Adapter, ControlNetPipeline
from seal_sdk.pocket import CONTROLNET_FOLDER
from seal_sdk.session import IdentitySession


def BASELINE(session: IdentitySession) -> ControlNetPipeline:  # each baseline's module has this name
    """With the ControlNet that the embedded model comes with."""
    return ControlNetPipeline(session, Adapter(str(CONTROLNET_FOLDER), weights=None))
