"""Optional packages of the extra ``metrics``, imported when a metric needs them."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from seal_sdk.errors import ConfigError


def package(module: str, metric: str) -> ModuleType:
    """Import a module that a metric needs. Raises ConfigError, which says what to install, if it is missing."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f'The metric {metric!r} needs the package {module!r} ({error}): pip install "seal-sdk[metrics]".'
        ) from error
