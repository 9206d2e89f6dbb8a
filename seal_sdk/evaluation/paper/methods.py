"""Methods for real images: those of the exact benchmark that need no ground truth, and IP-Adapter."""

from __future__ import annotations

from dataclasses import replace

from seal_sdk.config import Structure
from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.ip_adapter import NAME
from seal_sdk.evaluation.methods import METHODS, Method, parse_methods

IP_ADAPTER = replace(METHODS["structure"], name=NAME, baseline=NAME, structure=Structure(control="controlnet"))
PAPER_METHODS = {name: method for name, method in METHODS.items() if not method.exact} | {NAME: IP_ADAPTER}


def parse_paper_methods(text: str) -> list[Method]:
    """As `parse_methods`. Raises ConfigError also for settings that the IP-Adapter baseline does not support."""
    methods = parse_methods(text, PAPER_METHODS)
    for method in methods:
        control = method.structure
        if method.baseline == NAME and (control.control != "controlnet" or control.end == 0):
            raise ConfigError(
                f"{method.name!r}: {NAME} has a ControlNet; leave structure.control, and structure.end above 0."
            )
        if method.baseline != NAME and control.control == "controlnet":
            raise ConfigError(f"{method.name!r}: only {NAME} draws with a ControlNet here.")
    return methods
