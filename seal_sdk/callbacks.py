"""Callbacks: override the ``on_*`` methods you need, all others do nothing.

They are called while the call has the model to itself, in the thread of the call; `Callback.on_exception` may be called beside another
thread's call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any, Protocol

from tqdm import tqdm

from seal_sdk.errors import InputError
from seal_sdk.identity import Identity
from seal_sdk.result import Generation

Session = Any
"""An `IdentitySession`. Overriding methods may annotate it so; the two modules need not import each other."""


class Callback:
    """Base class with every hook that the session calls."""

    def on_register_start(self, session: Session, name: str, total: int) -> None:
        """The reference is not in the store: ``total`` timesteps are about to be captured."""

    def on_register_step(self, session: Session, index: int, timestep: int) -> None:
        """One timestep has been captured."""

    def on_register_end(self, session: Session, identity: Identity, hit: bool) -> None:
        """The identity is ready; ``hit`` says that nothing had to be computed."""

    def on_generate_start(self, session: Session, images: int, steps: int) -> None:
        """``images`` images are about to be drawn in ``steps`` steps."""

    def on_prediction(self, session: Session, index: int, clean: Callable[[], Any]) -> None:
        """Told before `on_step_end`, for previews: ``clean()`` computes the clean latents (B, C, h, w) that the model predicts now.

        It raises UnsupportedModel where the scheduler is not of the model's own kind.
        """

    def on_step_end(self, session: Session, index: int, timestep: float, latents: Any) -> None:
        """One denoising step is done; latents (B, C, h, w)."""

    def on_generate_end(self, session: Session, generation: Generation) -> None:
        """The images are ready."""

    def on_exception(self, session: Session, error: BaseException) -> None:
        """``register`` or ``generate`` is about to raise ``error``."""


Tell = Callable[..., None]
"""Tell(hook, *arguments) calls that method of every callback."""


@contextmanager
def reporting(session: Session, callbacks: Sequence[Callback]) -> Iterator[Tell]:
    """Yields a Tell; an exception is told before it leaves."""

    def tell(hook: str, *args: Any) -> None:
        for callback in callbacks:
            getattr(callback, hook)(session, *args)

    try:
        yield tell
    except BaseException as error:
        tell("on_exception", error)
        raise


class StepTensors(Protocol):
    """What a `StepCallback` reads and changes."""

    @property
    def latents(self) -> Any:
        """(B, C, h, w)."""

    @property
    def clean(self) -> Callable[[], Any]:
        """Computes the clean latents (B, C, h, w) that the model predicts."""

    def read(self, names: Sequence[str]) -> Mapping[str, Any]:
        """Those of these names."""

    def change(self, given: Mapping[str, Any]) -> None:
        """Go on with these. Raises InputError for tensors that do not fit."""


class SamplingStep(Protocol):
    """The step that is done: its index, its timestep as a tensor, and as a number."""

    @property
    def index(self) -> int:
        """From 0 on."""

    @property
    def timestep(self) -> Any:
        """A scalar tensor on the model's device."""

    @property
    def time(self) -> float:
        """The timestep, known without waiting for the device."""


class StepCallback:
    """diffusers' ``callback_on_step_end`` with its ``callback_on_step_end_tensor_inputs``.

    callback: None for none. An object of diffusers' that names its ``tensor_inputs`` gets those. embeds: the model's embeddings that can
    be read and changed beside ``latents``, by name. Raises InputError for other tensors.
    """

    def __init__(
        self, callback: Callable[..., Any] | None, tensor_inputs: Sequence[str], embeds: Sequence[str] = ()
    ) -> None:
        self.callback, self.names = callback, tuple(getattr(callback, "tensor_inputs", tensor_inputs))
        self.known = ("latents", *embeds)
        self._check("callback_on_step_end_tensor_inputs", self.names)

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], embeds: Sequence[str] = ()) -> StepCallback:
        """Of diffusers' arguments by their names."""
        names = arguments.get("callback_on_step_end_tensor_inputs", ("latents",))
        return cls(arguments.get("callback_on_step_end"), names, embeds)

    def __call__(self, pipe: Any, tell: Tell, step: SamplingStep, tensors: StepTensors) -> None:
        """Lets the callback change the tensors; the callbacks of ``tell`` hear of the latents.

        Raises InputError where the callback returns another tensor that diffusers would take, or one that does not fit.
        """
        if self.callback is not None:
            read = tensors.read(self.names)
            given = self.callback(pipe, step.index, step.timestep, dict(read))
            if not isinstance(given, Mapping):
                raise InputError(
                    f"callback_on_step_end returned {given!r}: expected a dict of tensors, empty for none."
                )
            theirs = getattr(pipe, "_callback_tensor_inputs", ())
            self._check("callback_on_step_end returned", [name for name in given if name in theirs])
            changed = {name: value for name, value in given.items() if name in self.known}
            tensors.change({**read, **changed})  # what was read may have been changed in place
        tell("on_prediction", step.index, tensors.clean)
        tell("on_step_end", step.index, step.time, tensors.latents)

    def _check(self, what: str, names: Sequence[str]) -> None:
        others = [name for name in names if name not in self.known]
        if others:
            raise InputError(
                f"{what}: {', '.join(others)} cannot be read or changed here; {', '.join(self.known)} can."
            )


class ProgressBar(Callback):
    """A bar per register and generate on stderr; quiet when that is not a terminal."""

    def __init__(self) -> None:
        self._bars: dict[int, tqdm[Any]] = {}  # by thread: a call that fails in one leaves another's bar alone

    def _open(self, total: int, what: str) -> None:
        self._close()
        self._bars[get_ident()] = tqdm(total=total, desc=what, leave=False, disable=not sys.stderr.isatty())

    def _close(self) -> None:
        bar = self._bars.pop(get_ident(), None)
        if bar is not None:
            bar.close()

    def _advance(self) -> None:
        if get_ident() in self._bars:
            self._bars[get_ident()].update()

    def on_register_start(self, session: Session, name: str, total: int) -> None:
        """Open a bar of timesteps."""
        self._open(total, f"register {name}")

    def on_register_step(self, session: Session, index: int, timestep: int) -> None:
        """Advance it."""
        self._advance()

    def on_register_end(self, session: Session, identity: Identity, hit: bool) -> None:
        """Close it."""
        self._close()

    def on_generate_start(self, session: Session, images: int, steps: int) -> None:
        """Open a bar of denoising steps."""
        self._open(steps, "generate")

    def on_step_end(self, session: Session, index: int, timestep: float, latents: Any) -> None:
        """Advance it."""
        self._advance()

    def on_generate_end(self, session: Session, generation: Generation) -> None:
        """Close it."""
        self._close()

    def on_exception(self, session: Session, error: BaseException) -> None:
        """Close this thread's bar."""
        self._close()


class HitNote(Callback):
    """Notes whether what was registered was in the store already."""

    hit = False

    def on_register_end(self, session: Session, identity: Identity, hit: bool) -> None:
        """Note it."""
        self.hit = hit


class ImageWriter(Callback):
    """Writes every PIL image of every generation to ``folder`` as 000000.png, 000001.png, ..."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._next = 0

    def on_generate_end(self, session: Session, generation: Generation) -> None:
        """Write the images under the next free numbers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for image in generation.images:
            while (path := self.folder / f"{self._next:06d}.png").exists():
                self._next += 1
            image.save(path)
            self._next += 1
