"""Generates images with any method, of the session or a baseline. What consecutive images share is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from seal_sdk.errors import SubjectNotFound
from seal_sdk.evaluation.baselines import BASELINES, Drawer, Question
from seal_sdk.evaluation.methods import Method
from seal_sdk.identity import Identity
from seal_sdk.session import IdentitySession


@dataclass(frozen=True, eq=False)
class Drawing:
    """One image to generate.

    Attributes:
        name: Name of the identity.
        reference: Image source of the reference.
        reference_prompt: Prompt of the reference.
        structure: Image source of the structure image.
        structure_prompt: Prompt of the structure image, if it differs from the prompt.
        prompt: Prompt of the image.
        seed: Seed of the noise.
        negative_prompt: What the image must not show, if anything.
        size: (height, width) in pixels; None for the model's default.
        reference_mask: (H, W) bool, the subject's mask in the reference, if known.
        structure_mask: (H, W) bool, the subject's mask in the structure image, if known.
        masks_given: Whether the session gets the masks right away; otherwise only if it finds no subject.
    """

    name: str
    reference: Any
    reference_prompt: str
    structure: Any
    structure_prompt: str | None
    prompt: str
    seed: int
    negative_prompt: str | None = None
    size: tuple[int, int] | None = None
    reference_mask: np.ndarray | None = None
    structure_mask: np.ndarray | None = None
    masks_given: bool = False

    @property
    def shared(self) -> tuple[Any, ...]:
        """Two drawings that agree in this have the same identity, and the same images without a structure image."""
        prompts = self.reference_prompt, self.prompt, self.negative_prompt
        return self.name, id(self.reference), prompts, self.seed, self.size, self.masks_given


Result = TypeVar("Result")


class Painter:
    """Generates images one after the other.

    Args:
        session: Generates the images of all methods but the baselines.
        sampling: Arguments of ``session.generate`` for methods that do not set them themselves.
        drawers: Opened baselines, by name, instead of those of `BASELINES` or besides them. Those that are opened are added, so that
            painters may share what their baselines have learned.
    """

    def __init__(
        self, session: IdentitySession, sampling: Mapping[str, Any], drawers: MutableMapping[str, Drawer] | None = None
    ) -> None:
        self._session, self._sampling = session, sampling
        self._drawers: MutableMapping[str, Drawer] = {} if drawers is None else drawers
        self._facts: dict[str, Mapping[str, Any]] = {}
        self._shared: tuple[Any, ...] | None = None
        self._images: dict[str, tuple[np.ndarray, bool]] = {}
        self._identities: dict[Hashable, tuple[Identity, bool]] = {}

    def open(self, methods: Sequence[Method]) -> None:
        """Open the methods' baselines, so that what one lacks is told before the first picture.

        Raises:
            ConfigError: If a package is missing, or the model does not suit a baseline.
            WeightsNotFound: If weights are missing.
        """
        for method in methods:
            if method.baseline:
                self._drawer(method.baseline)

    def draw(self, drawing: Drawing, method: Method) -> tuple[np.ndarray, bool]:
        """The image, uint8 (H, W, 3), and whether the session found no subject and had to be given a mask.

        Raises:
            SubjectNotFound: If it found none and no mask is known.
        """
        self._begin(drawing)
        if method.uses_structure:
            return self._draw(drawing, method)
        if method.name not in self._images:
            self._images[method.name] = self._draw(drawing, method)
        return self._images[method.name]

    def register(self, drawing: Drawing, method: Method) -> Identity:
        """Register the subject, unless that is done. Every method needs it: it says where the subject is.

        Raises:
            SubjectNotFound: As of `draw`.
        """
        self._begin(drawing)
        identity, _ = self._register(drawing, method)
        return identity

    def prepare(self, drawing: Drawing, method: Method) -> int:
        """Do what the subject needs once: `register`, and what a baseline does of its own.

        Returns:
            The bytes that are kept of the subject: what a baseline keeps, or all of the identity in the store; 0 for a method that does
            not see the reference.
        """
        identity = self.register(drawing, method)
        if method.baseline:
            return self._drawer(method.baseline).prepare(identity)
        return _stored_bytes(identity) if method.sees_reference else 0

    def facts(self, method: Method) -> Mapping[str, Any]:
        """What a method's pictures depend on besides its settings and the session's weights: what is a baseline's own."""
        if not method.baseline:
            return {}
        if method.baseline not in self._facts:  # weights are hashed
            self._facts[method.baseline] = self._drawer(method.baseline).facts()
        return self._facts[method.baseline]

    def _begin(self, drawing: Drawing) -> None:
        """Forget what another drawing does not share."""
        if drawing.shared != self._shared:
            self._shared, self._images, self._identities = drawing.shared, {}, {}

    def _draw(self, drawing: Drawing, method: Method) -> tuple[np.ndarray, bool]:
        identity, reference_told = self._register(drawing, method)
        generate = self._baseline if method.baseline else self._generate
        mask = drawing.structure_mask if method.uses_structure else None
        image, structure_told = _with_mask(
            lambda mask: generate(drawing, method, identity, mask), mask, drawing.masks_given
        )
        return image, reference_told or structure_told

    def _generate(self, drawing: Drawing, method: Method, identity: Identity, mask: np.ndarray | None) -> np.ndarray:
        height, width = drawing.size or (None, None)
        generation = self._session.generate(
            drawing.structure if method.uses_structure else None,
            drawing.prompt,
            identity=identity,
            structure_prompt=drawing.structure_prompt if method.uses_structure else None,
            structure_mask=mask,
            negative_prompt=drawing.negative_prompt,
            seed=drawing.seed,
            height=height,
            width=width,
            alignment=method.alignment,
            appearance=method.appearance,
            delta_bridge=method.delta_bridge,
            structure_control=method.structure,
            **{**self._sampling, **method.sampling},
        )
        return np.asarray(generation.image.convert("RGB"))

    def _baseline(self, drawing: Drawing, method: Method, identity: Identity, mask: np.ndarray | None) -> np.ndarray:
        assert method.baseline is not None
        defaults, sampling = self._session.sampling_defaults, {**self._sampling, **method.sampling}
        guidance = sampling.get("guidance_scale")
        question = Question(
            structure=drawing.structure,
            prompt=drawing.prompt,
            identity=identity,
            structure_prompt=drawing.structure_prompt or drawing.prompt,
            structure_mask=mask,
            seed=drawing.seed,
            size=drawing.size or self._session.backbone.geometry.check_size(None, None),
            steps=sampling.get("num_inference_steps") or defaults.num_inference_steps,
            guidance_scale=defaults.guidance_scale if guidance is None else float(guidance),
            alignment=method.alignment,
            control=method.structure,
            negative_prompt=drawing.negative_prompt,
        )
        return self._drawer(method.baseline).draw(question)

    def _drawer(self, baseline: str) -> Drawer:
        if baseline not in self._drawers:
            self._drawers[baseline] = BASELINES[baseline](self._session)
        return self._drawers[baseline]

    def _register(self, drawing: Drawing, method: Method) -> tuple[Identity, bool]:
        steps = {**self._sampling, **method.sampling}.get("num_inference_steps")

        def register(mask: np.ndarray | None) -> Identity:
            return self._session.register(
                drawing.reference,
                prompt=drawing.reference_prompt,
                name=drawing.name,
                mask=mask,
                timesteps=method.timesteps,
                num_inference_steps=steps,
                appearance=method.appearance,
            )

        appearance = method.appearance
        stored = (appearance.layers, appearance.latents, appearance.stored_tokens, appearance.quantization)
        key = (stored, str(method.timesteps), steps)
        if key not in self._identities:
            self._identities[key] = _with_mask(register, drawing.reference_mask, drawing.masks_given)
        return self._identities[key]


def _stored_bytes(identity: Identity) -> int:
    """Keys and values, latents, reference and mask."""
    stored = identity.stored
    return identity.nbytes + sum(len(stored.attachment(name)) for name in stored.attachments)


def _with_mask(
    call: Callable[[np.ndarray | None], Result], mask: np.ndarray | None, masks_given: bool
) -> tuple[Result, bool]:
    """The result of the call with the subject's mask, given at once or after it finds none, and whether it found none."""
    if masks_given:
        return call(mask), False
    try:
        return call(None), False
    except SubjectNotFound:
        if mask is None:
            raise
        return call(mask), True
