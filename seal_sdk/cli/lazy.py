"""A click group that imports a command when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are modules of a package.

    The module is called as the command, with underscores for dashes; a Python keyword gets an underscore appended. The command is its
    attribute `command`.

    Args:
        package: Dotted name of the package.
        commands: Names of the commands.
        **settings: Arguments of ``click.Group``.
    """

    def __init__(self, *, package: str, commands: Sequence[str], **settings: Any) -> None:
        super().__init__(**settings)
        self._package, self._modules = package, tuple(commands)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, None if there is none."""
        if cmd_name not in self._modules:
            return None
        name = cmd_name.replace("-", "_")
        module = import_module(f"{self._package}.{name}{'_' if iskeyword(name) else ''}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is no click command")
        return command
