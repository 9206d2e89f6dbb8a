"""Draws what is asked with any method, of the session or a baseline; what questions have in common is made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seal_sdk.errors import SubjectNotFound
from seal_sdk.evaluation.baselines import BASELINES, Question, draw
from seal_sdk.evaluation.methods import Method
from seal_sdk.identity import Identity
from seal_sdk.session import IdentitySession
from seal_sdk.sizes import check_size


@dataclass(frozen=True, eq=False)
class Ask:
    """One picture to draw. name: of the identity. reference, structure: image sources. size: (height, width) in pixels.

    reference_mask, structure_mask: (H, W) bool, where the subjects are, where that is known. told: whether the session
    is told so from the start, or only where it finds no subject and asks for it.
    """

    name: str
    reference: Any
    reference_prompt: str
    structure: Any
    structure_prompt: str | None
    prompt: str
    seed: int
    size: tuple[int, int] | None = None
    reference_mask: np.ndarray | None = None
    structure_mask: np.ndarray | None = None
    told: bool = False

    @property
    def shared(self) -> tuple[Any, ...]:
        """What questions have to have in common for their identity, and pictures without a structure, to be the same."""
        return self.name, id(self.reference), self.reference_prompt, self.prompt, self.seed, self.size, self.told


Draw = Callable[[Question], np.ndarray]


class Painter:
    """Draws questions one after the other.

    sampling: arguments of ``session.generate`` for methods without their own. more: name -> how to draw baselines
    beside `BASELINES`; the picture is uint8 (H, W, 3).
    """

    def __init__(
        self, session: IdentitySession, sampling: Mapping[str, Any], more: Mapping[str, Draw] | None = None
    ) -> None:
        self._session, self._sampling, self._more = session, sampling, more or {}
        self._shared: tuple[Any, ...] | None = None
        self._kept: dict[Any, Any] = {}

    def draw(self, ask: Ask, method: Method) -> tuple[np.ndarray, bool]:
        """The picture, uint8 (H, W, 3), and whether the session asked to be told where a subject is.

        Raises SubjectNotFound where it asked and nobody knows.
        """
        if ask.shared != self._shared:
            self._shared, self._kept = ask.shared, {}
        if method.uses_structure:
            return self._draw(ask, method)
        return self._once(method.name, lambda: self._draw(ask, method))

    def _draw(self, ask: Ask, method: Method) -> tuple[np.ndarray, bool]:
        identity, told = self._register(ask, method)
        paint = self._baseline if method.baseline else self._generate
        mask = ask.structure_mask if method.uses_structure else None
        image, asked = _telling(lambda mask: paint(ask, method, identity, mask), mask, ask.told)
        return image, told or asked

    def _generate(self, ask: Ask, method: Method, identity: Identity, mask: np.ndarray | None) -> np.ndarray:
        height, width = ask.size or (None, None)
        generation = self._session.generate(
            ask.structure if method.uses_structure else None,
            ask.prompt,
            identity=identity,
            structure_prompt=ask.structure_prompt if method.uses_structure else None,
            structure_mask=mask,
            seed=ask.seed,
            height=height,
            width=width,
            alignment=method.alignment,
            appearance=method.appearance,
            delta_bridge=method.delta_bridge,
            structure_control=method.structure,
            **{**self._sampling, **method.sampling},
        )
        return np.asarray(generation.image.convert("RGB"))

    def _baseline(self, ask: Ask, method: Method, identity: Identity, mask: np.ndarray | None) -> np.ndarray:
        assert method.baseline is not None
        defaults, sampling = self._session.sampling_defaults, {**self._sampling, **method.sampling}
        guidance = sampling.get("guidance_scale")
        question = Question(
            structure=ask.structure,
            prompt=ask.prompt,
            identity=identity,
            structure_prompt=ask.structure_prompt or ask.prompt,
            structure_mask=mask,
            seed=ask.seed,
            size=ask.size or check_size(self._session.pipe, None, None),
            steps=sampling.get("num_inference_steps") or defaults.num_inference_steps,
            guidance_scale=defaults.guidance_scale if guidance is None else float(guidance),
            alignment=method.alignment,
            control=method.structure,
        )
        if method.baseline in self._more:
            return self._more[method.baseline](question)
        return draw(self._session.pipe, BASELINES[method.baseline], question, lambda: self._session.finder)

    def _register(self, ask: Ask, method: Method) -> tuple[Identity, bool]:
        def register(mask: np.ndarray | None) -> Identity:
            return self._session.register(
                ask.reference,
                prompt=ask.reference_prompt,
                name=ask.name,
                mask=mask,
                timesteps=method.timesteps,
                appearance=method.appearance,
            )

        appearance = method.appearance
        stored = (appearance.layers, appearance.latents, appearance.stored_tokens, appearance.quantization)
        return self._once((stored, str(method.timesteps)), lambda: _telling(register, ask.reference_mask, ask.told))

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _telling(call: Callable[[np.ndarray | None], Any], mask: np.ndarray | None, told: bool) -> tuple[Any, bool]:
    """What the call returns when told the subject's mask, from the start or once it asks for it, and whether it asked."""
    if told:
        return call(mask), False
    try:
        return call(None), False
    except SubjectNotFound:
        if mask is None:
            raise
        return call(mask), True
