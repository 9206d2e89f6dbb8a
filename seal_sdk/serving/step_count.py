"""One count of steps for whatever a session does."""

from __future__ import annotations

from abc import ABC, abstractmethod

from seal_sdk.callbacks import Callback, Session


class StepCount(Callback, ABC):
    """Counts the timesteps that are captured, or the denoising steps, of a call."""

    @abstractmethod
    def begin(self, steps: int) -> None:
        """So many steps are to be done."""

    @abstractmethod
    def advance(self, done: int) -> None:
        """So many are."""

    def on_register_start(self, session: Session, name: str, total: int) -> None:
        """Begin to capture."""
        self.begin(total)

    def on_register_step(self, session: Session, index: int, timestep: int) -> None:
        """One more is captured."""
        self.advance(index + 1)

    def on_generate_start(self, session: Session, images: int, steps: int) -> None:
        """Begin to draw."""
        self.begin(steps)

    def on_step_end(self, session: Session, index: int, timestep: float, latents: object) -> None:
        """One more is drawn."""
        self.advance(index + 1)
