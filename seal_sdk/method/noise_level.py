"""Noise levels: how much signal and noise is in noisy latents, and what the model's prediction says about them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seal_sdk.errors import UnsupportedModel


@dataclass(frozen=True)
class NoiseLevel:
    """Noisy latents are ``signal * clean + noise * epsilon``.

    signal, noise: in [0, 1]. They are sqrt(alpha_bar) and sqrt(1 - alpha_bar) if the training schedule has alphas, and
    1 - sigma and sigma in flow matching.
    prediction_type: what the model predicts. "epsilon", "v_prediction" and "sample" as in diffusers; "flow" is the
    velocity ``epsilon - clean``.
    """

    signal: float
    noise: float
    prediction_type: str

    @classmethod
    def from_alpha_bar(cls, alpha_bar: float, prediction_type: str) -> NoiseLevel:
        """The level at a cumulative alpha in [0, 1] of a training schedule."""
        return cls(alpha_bar**0.5, max(1 - alpha_bar, 0.0) ** 0.5, prediction_type)

    def add_noise(self, clean: Tensor, epsilon: Tensor | None) -> Tensor:
        """Noisy latents (B, C, h, w) at this level; ``epsilon=None`` only scales (noise-free)."""
        scaled = clean * self.signal
        return scaled if epsilon is None else scaled + epsilon * self.noise

    def clean(self, prediction: Tensor, noisy: Tensor) -> Tensor:
        """The clean latents that a prediction implies. noisy: the model's input. All are (B, C, h, w).

        Raises UnsupportedModel for an unknown prediction type. Needs ``signal`` > 0 for "epsilon".
        """
        if self.prediction_type == "sample":
            return prediction
        if self.prediction_type == "flow":
            return noisy - self.noise * prediction
        if self.prediction_type == "epsilon":
            return (noisy - self.noise * prediction) / self.signal
        if self.prediction_type == "v_prediction":
            return self.signal * noisy - self.noise * prediction
        raise self._unknown()

    def target(self, clean: Tensor, epsilon: Tensor) -> Tensor:
        """What the model is trained to predict of clean latents noised with ``epsilon``. All are (B, C, h, w).

        Raises UnsupportedModel for an unknown prediction type.
        """
        targets = {
            "sample": lambda: clean,
            "flow": lambda: epsilon - clean,
            "epsilon": lambda: epsilon,
            "v_prediction": lambda: self.signal * epsilon - self.noise * clean,
        }
        if self.prediction_type not in targets:
            raise self._unknown()
        return targets[self.prediction_type]()

    def steer(self, prediction: Tensor, change: Tensor) -> Tensor:
        """The prediction that implies clean latents changed by ``change``. All are (B, C, h, w).

        Raises UnsupportedModel for an unknown prediction type. Needs ``noise`` > 0 for all but "sample".
        """
        if self.prediction_type == "sample":
            return prediction + change
        weights = {"epsilon": self.signal, "v_prediction": 1.0, "flow": 1.0}
        if self.prediction_type not in weights:
            raise self._unknown()
        return prediction - change * (weights[self.prediction_type] / self.noise)

    def _unknown(self) -> UnsupportedModel:
        return UnsupportedModel(
            f"The model predicts {self.prediction_type!r}; known are 'epsilon', 'v_prediction', 'sample' and 'flow'. "
            "Set prediction_type in the scheduler's configuration."
        )
