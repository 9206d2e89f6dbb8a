"""IdentitySession: register a subject once, then draw it in any pose, on any scene."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from typing import Any

from torch import Tensor, nn

from seal_sdk.backbone.conditioning import warn_if_truncated
from seal_sdk.backbone.fingerprint import Fingerprints
from seal_sdk.backbone.loading import load_controlnet, load_pipeline
from seal_sdk.backbone.lock import exclusive
from seal_sdk.backbone.plan import Method
from seal_sdk.callbacks import Callback, ProgressBar
from seal_sdk.casting import Cast, cast_of
from seal_sdk.config import Alignment, Appearance, DeltaBridge, Structure
from seal_sdk.defaults import open_identities, sampling_defaults
from seal_sdk.drawing import Drawing
from seal_sdk.errors import ConfigError, UnknownIdentity, WrongModel
from seal_sdk.generation import Generation
from seal_sdk.identity import Identity
from seal_sdk.library import Library
from seal_sdk.metadata import attach_settings
from seal_sdk.recipe import model_recipe
from seal_sdk.registration import Registrar, choose_timesteps, default_name, read_reference
from seal_sdk.requests import Request, check_call, check_prompt, check_regions, make_requests
from seal_sdk.restoring import Restorer
from seal_sdk.sampling import Sampling
from seal_sdk.settings import record
from seal_sdk.sizes import check_size
from seal_sdk.subject import SubjectFinder, load_sam
from seal_sdk.tiers import Tiers
from store import IdentityStore


def _store(store: Any, budget: int | None, over_budget: str) -> IdentityStore:
    if not isinstance(store, IdentityStore):
        return open_identities(store, budget=budget, over_budget=over_budget)
    if budget is not None:
        raise ConfigError("store_budget= is for a store that the session opens: give budget= to your IdentityStore.")
    return store


class IdentitySession:
    """Keeps subjects' identities across images: ``register`` a reference once, ``generate`` as often as you like.

    model: "pocket" (the embedded model), a diffusers folder, a hub id, a ``.safetensors`` file or a StableDiffusionXLPipeline.
    store: a folder for the identities, a URL such as "s3://bucket/prefix", or an IdentityStore; None: ``SEAL_STORE`` or the user's data
    folder. store_budget: bytes that all identities may take there while registering; over_budget: "evict" those not used for longest,
    or "refuse" the new one.
    accelerator: "auto", "cpu", "gpu", "cuda", "cuda:N", "mps". precision: "auto", "fp32", "fp16", "bf16". variant: of the weights.
    callbacks: see :mod:`seal_sdk.callbacks`.
    alignment, appearance, delta_bridge, structure: the method's settings (:mod:`seal_sdk.config`).
    subject: who finds the subject: "sam", a file of SAM weights, "vit_b", "vit_l" or "vit_h", or any object with SubjectFinder's methods.
    controlnet: a ControlNetModel, folder or hub id, for ``Structure(control="controlnet")``.
    memory_budget, accelerator_budget: bytes of identities' K/V kept between calls in the host's and in the accelerator's memory
    (default 1 GiB each, 0 for none; on a CPU they are the same memory, and the first counts).
    seed: of the seeds drawn where ``generate`` is given none.
    """

    def __init__(
        self,
        model: Any = "pocket",
        *,
        store: str | os.PathLike[str] | IdentityStore | None = None,
        accelerator: str = "auto",
        precision: str = "auto",
        variant: str | None = None,
        callbacks: Sequence[Callback] = (),
        alignment: Alignment = Alignment(),
        appearance: Appearance = Appearance(),
        delta_bridge: DeltaBridge = DeltaBridge(),
        structure: Structure = Structure(),
        subject: str | SubjectFinder = "sam",
        controlnet: Any = None,
        memory_budget: int | None = None,
        accelerator_budget: int | None = None,
        store_budget: int | None = None,
        over_budget: str = "evict",
        enable_progress_bar: bool = True,
        seed: int | None = None,
    ) -> None:
        self.alignment, self.appearance, self.delta_bridge, self.structure = (
            alignment,
            appearance,
            delta_bridge,
            structure,
        )
        self.store = _store(store, store_budget, over_budget)
        self.pipe = load_pipeline(model, accelerator, precision, variant)
        self.controlnet = load_controlnet(controlnet, self.pipe)
        self.callbacks: list[Callback] = [*callbacks, *([ProgressBar()] if enable_progress_bar else [])]
        self.sampling_defaults = sampling_defaults(model)
        self._subject = "pocket" if subject == "sam" and model == "pocket" else subject
        self._fingerprints = Fingerprints()
        self._tiers = Tiers(memory_budget, accelerator_budget)
        self._random = random.Random(seed)
        self._in_use: Identity | None = None

    @cached_property
    def finder(self) -> SubjectFinder:
        """Who finds the subject; loaded when first asked."""
        if not isinstance(self._subject, str):
            return self._subject
        return load_sam(None if self._subject == "sam" else self._subject, device=self.pipe._execution_device)

    @property
    def identities(self) -> Mapping[str, Identity]:
        """name -> Identity, of everything in the store; opened when looked at."""
        return Library(self.store)

    def register(
        self,
        image: Any,
        *,
        prompt: str,
        name: str | None = None,
        box: Sequence[float] | None = None,
        mask: Any = None,
        timesteps: str | int | Sequence[int] | None = None,
        num_inference_steps: int | None = None,
        appearance: Appearance | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Identity:
        """Register a reference image and use it from now on. The second time, in any process, it is a store hit.

        image: path, PIL image, array (H, W, 3) or bytes. prompt: what it shows.
        name: to find it again (a new image takes a used name over).
        box (x0, y0, x1, y1) or mask (H, W), in pixels of the image: the subject, instead of asking SAM.
        timesteps: "exact" (those of a sampling with ``num_inference_steps``), a number of anchors (default 4), or a list.
        Raises ImageError, PromptError, SubjectNotFound, NumericalError, or a StoreError.
        """
        with self._reporting(callbacks) as tell:
            check_prompt(prompt)
            reference = read_reference(self.pipe, image, prompt, box, mask)
            name = name or default_name(image, reference)
            chosen = choose_timesteps(
                self.pipe, timesteps, num_inference_steps or self.sampling_defaults.num_inference_steps
            )
            with self._model():
                registrar = Registrar(self.pipe, self.store, self._fingerprints)
                stored, hit = registrar.register(
                    reference,
                    name,
                    lambda: self.finder,
                    chosen,
                    appearance or self.appearance,
                    on_start=lambda total: tell("on_register_start", name, total),
                    on_step=lambda index, timestep: tell("on_register_step", index, timestep),
                )
                self._in_use = Identity(stored, name)
                tell("on_register_end", self._in_use, hit)
                return self._in_use

    def use(self, identity: str | Identity) -> Identity:
        """Make an identity the one that ``generate`` draws. Raises UnknownIdentity, which names the nearest ones."""
        self._in_use = identity if isinstance(identity, Identity) else self.identities[identity]
        return self._in_use

    def generate(
        self,
        structure: Any,
        prompt: str | list[str],
        *,
        identity: Any = None,
        structure_prompt: Any = None,
        structure_box: Any = None,
        structure_mask: Any = None,
        negative_prompt: Any = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        guidance_rescale: float = 0.0,
        height: int | None = None,
        width: int | None = None,
        num_images_per_prompt: int = 1,
        seed: int | list[int] | None = None,
        generator: Any = None,
        latents: Tensor | None = None,
        clip_skip: int | None = None,
        output_type: str = "pil",
        callback_on_step_end: Callable[..., dict[str, Any]] | None = None,
        alignment: Alignment | None = None,
        appearance: Appearance | None = None,
        delta_bridge: DeltaBridge | None = None,
        structure_control: Structure | None = None,
        match_maps: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Generation:
        """Draw the identity in the pose of ``structure``, as ``prompt`` says. Lists make a batch, which draws what single calls draw.

        structure: an image (photo, depth, mesh, pose, canny, ...) or None. identity: a name or Identity instead of the one in use,
        or several of them with the region of each: ``{"cat": box, "dog": mask}``, in pixels of the image to draw; the structure image is
        then used as it is, without alignment. A tuple, ``("cat", "cat from behind")``, is one subject seen in several references.
        structure_prompt: what the structure image shows, such as "a mesh of a horse" (default: the prompt).
        structure_box, structure_mask: its subject, in its own pixels. match_maps: keep what ``Generation.maps()`` shows.
        height, width: in pixels. The names of ``StableDiffusionXLPipeline.__call__`` mean what they mean there;
        ``callback_on_step_end`` receives and may return "latents".
        Raises InputError, SizeError, SubjectNotFound, UnknownIdentity, WrongModel, NumericalError, or a StoreError.
        """
        with self._reporting(callbacks) as tell:
            method = Method(
                appearance or self.appearance,
                delta_bridge or self.delta_bridge,
                structure_control or self.structure,
                guidance_rescale,
            )
            check_call(self.pipe, self.controlnet, method, output_type, num_inference_steps, guidance_scale)
            sampling = Sampling(
                check_size(self.pipe, height, width),
                num_inference_steps or self.sampling_defaults.num_inference_steps,
                self.sampling_defaults.guidance_scale if guidance_scale is None else float(guidance_scale),
                clip_skip,
                latents,
            )
            requests = make_requests(
                structure=structure,
                prompt=prompt,
                identity=identity,
                structure_prompt=structure_prompt,
                structure_box=structure_box,
                structure_mask=structure_mask,
                negative_prompt=negative_prompt,
                seed=seed,
                generator=generator,
                images_per_prompt=num_images_per_prompt,
                draw_seed=lambda: self._random.randrange(2**32),
            )
            in_use = self._in_use  # of this moment: another thread may register while this one waits for the model
            with self._model():
                casts = [self._cast_for(request, method, in_use) for request in requests]
                for text in {request.prompt for request in requests}:
                    warn_if_truncated(self.pipe, text)
                restorer = Restorer(Registrar(self.pipe, self.store, self._fingerprints), lambda: self.finder)
                tell("on_generate_start", len(requests), sampling.num_inference_steps)
                drawing = Drawing(
                    self.pipe,
                    method,
                    alignment or self.alignment,
                    sampling,
                    lambda: self.finder,
                    self._tiers,
                    restorer,
                    self.controlnet,
                    match_maps,
                )

                def on_step_end(index: int, timestep: Tensor, current: Tensor) -> Tensor:
                    if callback_on_step_end is not None:
                        current = callback_on_step_end(self.pipe, index, timestep, {"latents": current}).get(
                            "latents", current
                        )
                    tell("on_step_end", index, float(timestep), current)
                    return current

                images, run, placed, distances = drawing.draw(requests, casts, output_type, on_step_end)
                model = model_recipe(self.pipe, self._fingerprints)
                settings = [
                    record(request, used, where, method, alignment or self.alignment, sampling, self.pipe, model)
                    for request, used, where in zip(requests, casts, placed, strict=True)
                ]
                if output_type == "pil":
                    images = [attach_settings(image, each) for image, each in zip(images, settings, strict=True)]
                generation = Generation(
                    images=images,
                    seeds=[request.seed for request in requests],
                    settings=settings,
                    timings=drawing.clock.seconds,
                    coverage=run.coverage,
                    timestep_distance=distances,
                    unet_rows=run.unet_rows,
                    aligned=[where and where.image for where in placed],
                    reads=dict(drawing.reads),
                    restored=restorer.names,
                    matches=run.matches,
                )
                tell("on_generate_end", generation)
                return generation

    def state_dict(self) -> dict[str, Any]:
        """What a later session needs to go on: the identity in use, the method's settings, and where the drawn seeds are."""
        version, internal, gauss = self._random.getstate()
        return {
            "identity": self._in_use and {"name": self._in_use.name, "digest": self._in_use.digest},
            "settings": {
                key: asdict(getattr(self, key)) for key in ("alignment", "appearance", "delta_bridge", "structure")
            },
            "random": [version, list(internal), gauss],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``. Raises UnknownIdentity when the store lacks its identity."""
        types = {"alignment": Alignment, "appearance": Appearance, "delta_bridge": DeltaBridge, "structure": Structure}
        settings = {key: kind(**state["settings"][key]) for key, kind in types.items()}
        used = state["identity"]
        in_use = used and Identity(Library(self.store).stored(used["digest"]), used["name"])
        version, internal, gauss = state["random"]
        self._random.setstate((version, tuple(internal), gauss))
        self._in_use = in_use
        for key, value in settings.items():
            setattr(self, key, value)

    def close(self) -> None:
        """Let go of the model, once calls of other threads are done. The store keeps the identities."""
        with exclusive(self._modules()):
            self._let_go()

    def _let_go(self) -> None:
        self._in_use = None
        self._tiers.clear()
        self.__dict__.pop("finder", None)
        self.controlnet = None
        self.pipe = None  # type: ignore[assignment]

    def __enter__(self) -> IdentitySession:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _reporting(self, callbacks: Sequence[Callback]) -> Iterator[Callable[..., None]]:
        """Yields tell(hook, *args), which calls every callback; an exception is told before it leaves."""
        self._check_open()
        listeners = [*self.callbacks, *callbacks]

        def tell(hook: str, *args: Any) -> None:
            for listener in listeners:
                getattr(listener, hook)(self, *args)

        try:
            yield tell
        except BaseException as error:
            tell("on_exception", error)
            raise

    def _check_open(self) -> None:
        if self.pipe is None:
            raise ConfigError("This session is closed; open a new IdentitySession.")

    @contextmanager
    def _model(self) -> Iterator[None]:
        """Inside, no other thread uses the model."""
        with exclusive(self._modules()):
            self._check_open()  # it may have been closed while this thread waited
            yield

    def _modules(self) -> list[nn.Module]:
        """What a call changes while it runs."""
        pipe = self.pipe
        parts = () if pipe is None else (*pipe.components.values(), self.controlnet)
        return [each for each in parts if isinstance(each, nn.Module)]

    def _cast_for(self, request: Request, method: Method, in_use: Identity | None) -> Cast:
        """The request's identities, or the one in use, checked against the model; none when the settings need none."""
        chosen = request.identity if request.identity is not None else in_use
        if chosen is None:
            if method.appearance.delta == 0 and method.delta_bridge.strength == 0:
                return ()
            known = ", ".join(list(self.identities)[:5]) or "none yet"
            raise UnknownIdentity(
                f"No identity is in use: call session.register(...) or session.use(name) first, or pass identity= (in the store: {known}). "
                "To draw without one: appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0)."
            )
        if isinstance(chosen, Mapping):
            check_regions(chosen, method)
        return cast_of(chosen, self._checked)

    def _checked(self, chosen: str | Identity) -> Identity:
        identity = chosen if isinstance(chosen, Identity) else self.identities[chosen]
        here = model_recipe(self.pipe, self._fingerprints)
        differing = [part for part in here if identity.model.get(part) != here[part]]
        if differing:
            raise WrongModel(
                f"Identity {identity.name!r} was registered with another model (differs in: {', '.join(differing)}). "
                "Register its reference with this session's model, or open the session with the model it was registered with."
            )
        return identity
