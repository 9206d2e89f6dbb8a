"""Methods for real images: those of the exact benchmark that need no ground truth, and ControlNet with IP-Adapter."""

from __future__ import annotations

from seal_sdk.errors import ConfigError
from seal_sdk.evaluation.baselines.controlnet_ip_adapter import NAME
from seal_sdk.evaluation.methods import METHODS, Method, parse_methods

_EMBEDDED = ("controlnet", "ip-adapter")  # baselines with the embedded model's own weights, which fit no other
PAPER_METHODS = {name: method for name, method in METHODS.items() if not method.exact and name not in _EMBEDDED}


def parse_paper_methods(text: str) -> list[Method]:
    """As `parse_methods`. Raises ConfigError also for a ControlNet of another method."""
    methods = parse_methods(text, PAPER_METHODS)
    for method in methods:
        if method.baseline != NAME and method.structure.control == "controlnet":
            raise ConfigError(f"{method.name!r}: only {NAME} draws with a ControlNet here.")
    return methods
