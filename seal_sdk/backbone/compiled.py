"""torch.compile beside the method's hooks: what holds a hook runs uncompiled as long as the hook is there, all else compiled.

Compiled code ignores hooks that are put on its modules later (torch's "nn.Module hooks support"). So the compiled code of every module
around a hook is put aside, and the modules inside it that hold no hook are compiled instead, with the options that the module was
compiled with. Dynamo keeps what it compiled, so this compiles once. Without hooks the model's own compiled code runs.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

RECOMPILE_LIMIT = 64
"""How many variants of one forward Dynamo may keep: the ResNets of one UNet are of more kinds than its usual 8."""

_MISSING = object()


class CompiledModel:
    """A model of which parts may be compiled. undo: puts everything back when it is left."""

    def __init__(self, model: nn.Module, undo: ExitStack) -> None:
        self._undo = undo
        self._opened: set[nn.Module] = set()
        self._parents: dict[nn.Module, list[nn.Module]] = defaultdict(list)
        if any(True for module in model.modules() for _ in _compiled(module)):
            undo.enter_context(torch._dynamo.config.patch(recompile_limit=_recompile_limit()))
            for parent in model.modules():
                for child in parent.children():
                    self._parents[child].append(parent)

    def open(self, module: nn.Module) -> None:
        """Have all that holds the module run uncompiled, and compile what lies beside it."""
        if module in self._opened:
            return
        self._opened.add(module)
        for parent in self._parents.get(module, ()):
            self.open(parent)
        for attribute, compiled, uncompiled in list(_compiled(module)):
            self._set(module, attribute, uncompiled)
            context = _context(compiled)
            if context is not None and not _records_cuda_graphs(context):
                self._compile_parts(module, context)

    def _compile_parts(self, module: nn.Module, context: Any) -> None:
        call = context(nn.Module._call_impl)
        for part in _parts(module):
            if not list(_compiled(part)):
                self._set(part, "_compiled_call_impl", partial(_call_part, call, context._dynamic is not False, part))

    def _set(self, module: nn.Module, attribute: str, value: Any) -> None:
        """Set an attribute of the module alone, and note how to put it back."""
        attributes = vars(module)
        before = attributes.get(attribute, _MISSING)
        attributes[attribute] = value
        if before is _MISSING:
            self._undo.callback(attributes.pop, attribute, None)
        else:
            self._undo.callback(attributes.__setitem__, attribute, before)


def _recompile_limit() -> int:
    return max(int(torch._dynamo.config.recompile_limit), RECOMPILE_LIMIT)


def _compiled(module: nn.Module) -> Iterator[tuple[str, Any, Any]]:
    """The attributes of a module that lead into compiled code: name, value, and what runs it uncompiled.

    ``torch.compile(module)`` wraps a module, ``module.compile()`` keeps a compiled call in it, and people compile its ``forward``, which
    accelerate's hooks rename.
    """
    own = vars(module)
    original: nn.Module | None = module._modules.get("_orig_mod")
    if original is not None:
        yield "forward", module, original.__call__
    if own.get("_compiled_call_impl") is not None:
        yield "_compiled_call_impl", own["_compiled_call_impl"], None
    for name in ("forward", "_old_forward"):
        forward = own.get(name)
        if isinstance(forward, FunctionType) and not getattr(forward, "_torchdynamo_disable", False):
            uncompiled = getattr(forward, "_torchdynamo_orig_callable", None)
            if uncompiled is not None:
                yield name, forward, uncompiled


def _context(compiled: Any) -> Any:
    """Dynamo's context of something compiled: backend, options and caches. It makes more of the same kind; None if not found."""
    if isinstance(compiled, partial):  # a part, which holds a hook itself
        compiled = compiled.args[0]
    if isinstance(compiled, nn.Module):
        return getattr(compiled, "dynamo_ctx", None)
    if isinstance(compiled, FunctionType):
        return inspect.getclosurevars(compiled).nonlocals.get("self")
    return None


def _records_cuda_graphs(context: Any) -> bool:
    """Whether its code writes its output into memory that its next run takes over (modes "reduce-overhead", "max-autotune").

    That suits a whole model, but not parts whose outputs others still need.
    """
    config = getattr(context, "compiler_config", None)
    return bool(isinstance(config, dict) and config.get("triton.cudagraphs"))


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """The modules that a module calls; a list of modules is never called. Single layers are left out: they gain nothing."""
    for child in module.children():
        if isinstance(child, (nn.ModuleList, nn.ModuleDict)):
            yield from _parts(child)
        elif any(True for _ in child.children()):
            yield child


def _call_part(call: Callable[..., Any], dynamic: bool, part: nn.Module, *args: Any, **kwargs: Any) -> Any:
    """Run a part compiled. Steps differ in their number of rows, and one compilation shall do for all."""
    if dynamic:
        for value in (*args, *kwargs.values()):
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, Tensor) and each.dim():
                    torch._dynamo.maybe_mark_dynamic(each, 0)
    return call(part, *args, **kwargs)
