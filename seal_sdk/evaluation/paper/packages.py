"""Packages of the extra ``metrics``: imported when a metric needs them, and asked for by name where they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from seal_sdk.errors import ConfigError


def package(module: str, metric: str) -> ModuleType:
    """A module that a metric needs. Raises ConfigError, which says what to install."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f'The metric {metric!r} needs the package {module!r} ({error}): pip install "seal-sdk[metrics]".'
        ) from error
