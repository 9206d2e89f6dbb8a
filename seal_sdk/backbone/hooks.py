"""Forward hooks that always come off again.

Everything the method does inside the UNet is done by hooks on its projections, never by swapping attention processors: any attention
backend, LoRA, IP-Adapter or user processor stays in place and keeps working, and there is nothing to restore but the hooks themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from torch import Tensor, nn

from seal_sdk.backbone.compiled import CompiledModel


class Hooks(ExitStack):
    """A context that removes, on leaving it in any way, every hook registered through it.

    model: the hooked modules' model, parts of which may be compiled: see `seal_sdk.backbone.compiled`.
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        super().__init__()
        self._compiled = None if model is None else CompiledModel(model, self)

    def after(self, module: nn.Module, change: Callable[[Tensor], Tensor | None]) -> None:
        """Call ``change`` on the module's output; what it returns, unless None, replaces the output."""

        def hook(_module: nn.Module, _args: Any, output: Tensor) -> Tensor | None:
            return change(output)

        self._open(module)
        self.callback(module.register_forward_hook(hook).remove)

    def before(self, module: nn.Module, change: Callable[[Tensor], Tensor | None]) -> None:
        """Call ``change`` on the module's first positional input; what it returns, unless None, replaces that input."""

        def hook(_module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
            changed = change(args[0])
            return None if changed is None else (changed, *args[1:])

        self._open(module)
        self.callback(module.register_forward_pre_hook(hook).remove)

    def _open(self, module: nn.Module) -> None:
        if self._compiled is not None:
            self._compiled.open(module)
