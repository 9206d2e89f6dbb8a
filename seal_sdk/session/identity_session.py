"""IdentitySession: register a subject once, then draw it in any pose, on any scene."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from seal_sdk.backbone.loading import load_backbone
from seal_sdk.backbone.prompt_embeds import PromptEmbeds
from seal_sdk.backbone.prompt_options import SizeIds
from seal_sdk.callbacks import Callback, ProgressBar, StepCallback, Tell, reporting
from seal_sdk.config import ALWAYS, Alignment, Appearance, DeltaBridge, Interval, Structure, sampling_defaults
from seal_sdk.generation import (
    ImageArguments,
    ImageGenerator,
    NoiseArguments,
    Request,
    Settings,
    make_requests,
)
from seal_sdk.generation.arguments import DiffusersArguments, check_names, named, pick
from seal_sdk.generation.call import Call
from seal_sdk.generation.packing import EXACT, ImagesPerForward, check_images_per_forward
from seal_sdk.generation.picture import PictureArguments
from seal_sdk.generation.regions import SubjectBinder
from seal_sdk.generation.request import check_reference_prompt, check_requests
from seal_sdk.generation.settings import check_attention, check_output_type, make_sampling, make_settings
from seal_sdk.identity import Identity, Library
from seal_sdk.kv_cache import DEFAULT_BUDGET, KeyValueCache
from seal_sdk.locations import open_identities
from seal_sdk.presets import DEFAULT, Preset, find_preset
from seal_sdk.registration import Listener, Registrar, Repairer, choose_timesteps, default_name, read_reference
from seal_sdk.registration.recipe import CaptureSettings
from seal_sdk.result import Generation
from seal_sdk.seeding import restore_random
from seal_sdk.segmentation import SubjectSegmenter
from seal_sdk.session.resources import SessionResources
from seal_sdk.session.state import SessionState
from store import IdentityStore


class IdentitySession(SessionResources):
    """Keeps subjects' identities across images: ``register`` a reference once, ``generate`` as often as you like.

    Any number of threads may share a session, and any number of sessions a model: calls queue for the model, first come, first served,
    and each draws what it would draw alone. Arguments are checked before a call queues.

    model: "pocket" (the embedded model), a diffusers folder, a hub id, a ``.safetensors`` file, or a pipeline of diffusers
    (Stable Diffusion XL, 1.5 or 2.1).
    store: a folder for the identities, a URL such as "s3://bucket/prefix", or an IdentityStore; None: ``SEAL_STORE`` or the user's data
    folder. store_budget: bytes that all identities may take there while registering; over_budget: "evict" those not used for longest,
    or "refuse" the new one.
    accelerator: "auto", "cpu", "gpu", "cuda", "cuda:N", "mps". precision: "auto", "fp32", "fp16", "bf16". variant: of the weights.
    config: folder or hub id whose configuration a single file is read with (diffusers' ``config=``).
    callbacks: see :mod:`seal_sdk.callbacks`.
    preset: all of the method's settings by one name, "seal" or "paper" (:mod:`seal_sdk.presets`).
    alignment, appearance, delta_bridge, structure: settings in the place of the preset's (:mod:`seal_sdk.config`).
    subject: who finds the subject: "sam", a file of SAM weights, "vit_b", "vit_l" or "vit_h", or any SubjectSegmenter.
    controlnet: for ``Structure(control="controlnet")``: a ControlNetModel, ControlNetUnionModel or T2IAdapter, its folder or hub id, or a
    list of several of one kind; None: the pipeline's own, if it has one.
    memory_budget, accelerator_budget: bytes of identities' K/V kept between calls in the host's and in the accelerator's memory
    (default 1 GiB each, 0 for none; on a CPU they are the same memory, and the first counts).
    images_per_forward: how many images of a batch the model computes at once: see `seal_sdk.generation.packing`.
    low_memory: models are on the accelerator only while they run, the segmenter in memory only while it looks, and by default no K/V
    are kept between calls. It draws the same pictures, later.
    seed: of the seeds drawn where ``generate`` is given none.
    guidance_interval: (start, end) of sampling's progress, from 0 to 1, between which guidance acts (Kynkaanniemi et al. 2024).
    Raises ConfigError, WeightsNotFound, UnsupportedModel, or a StoreError.
    """

    def __init__(  # noqa: PLR0913  # the public API: every argument has a default
        self,
        model: Any = "pocket",
        *,
        store: str | os.PathLike[str] | IdentityStore | None = None,
        accelerator: str = "auto",
        precision: str = "auto",
        variant: str | None = None,
        config: str | os.PathLike[str] | None = None,
        callbacks: Sequence[Callback] = (),
        preset: str = DEFAULT,
        alignment: Alignment | None = None,
        appearance: Appearance | None = None,
        delta_bridge: DeltaBridge | None = None,
        structure: Structure | None = None,
        subject: str | SubjectSegmenter = "sam",
        controlnet: Any = None,
        memory_budget: int | None = None,
        accelerator_budget: int | None = None,
        low_memory: bool = False,
        store_budget: int | None = None,
        over_budget: str = "evict",
        images_per_forward: ImagesPerForward = EXACT,
        enable_progress_bar: bool = True,
        seed: int | None = None,
        guidance_interval: Interval = ALWAYS,
    ) -> None:
        self.images_per_forward = check_images_per_forward(images_per_forward)
        self.sampling_defaults = sampling_defaults(model, guidance_interval)
        self._use_settings(
            find_preset(preset).with_given(
                alignment=alignment, appearance=appearance, delta_bridge=delta_bridge, structure=structure
            )
        )
        super().__init__(
            open_identities(store, budget=store_budget, over_budget=over_budget),
            load_backbone(model, accelerator, precision, variant, controlnet, config, low_memory),
            "pocket" if subject == "sam" and isinstance(model, str) and model == "pocket" else subject,
            KeyValueCache(memory_budget, accelerator_budget, 0 if low_memory else DEFAULT_BUDGET),
            low_memory,
        )
        self.callbacks: list[Callback] = [*callbacks, *([ProgressBar()] if enable_progress_bar else [])]
        self._random = random.Random(seed)

    def register(  # noqa: PLR0913  # the public API
        self,
        image: Any,
        *,
        prompt: str,
        name: str | None = None,
        box: Sequence[float] | None = None,
        mask: Any = None,
        timesteps: str | int | Sequence[int] | None = None,
        num_inference_steps: int | None = None,
        preset: str | None = None,
        appearance: Appearance | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Identity:
        """Register a reference image and use it from now on. The second time, in any process, it is a store hit.

        image: path, http(s) URL, PIL image, array (H, W, 3), tensor (3, H, W), bytes or file object. prompt: what it shows.
        name: to find it again (a new image takes a used name over).
        box (x0, y0, x1, y1) or mask (H, W), in pixels of the image: the subject, instead of asking SAM. A mask is an array, or an image
        as ``image`` takes it, white on black or a cut-out. Without either, the opaque part of a cut-out (an image with transparent
        parts) is the subject.
        timesteps: "exact" (those of a sampling with ``num_inference_steps``), a number of anchors, or a list; None: the preset's.
        preset: for this call, in the place of the session's settings; ``timesteps`` and ``appearance`` win over it.
        Raises ConfigError, ImageError, PromptError, SubjectNotFound, UnsupportedModel, NumericalError, or a StoreError.
        """
        with reporting(self, [*self.callbacks, *callbacks]) as tell:
            self.backbone.check_ready()
            chosen = self._choose_settings(preset, timesteps=timesteps, appearance=appearance)
            check_reference_prompt(prompt)
            self.backbone.words.check()
            reference = read_reference(self.backbone.geometry, image, prompt, box, mask)
            name = name or default_name(image, reference)
            steps = num_inference_steps or self.sampling_defaults.num_inference_steps
            captured = choose_timesteps(self.backbone, chosen.timesteps, steps)
            with self._exclusive_backbone() as backbone:
                stored, hit = Registrar(backbone, self.store).register(
                    reference,
                    name,
                    lambda: self.segmenter,
                    CaptureSettings(
                        captured, backbone.self_attention_layers(chosen.appearance.layers), chosen.appearance
                    ),
                    Listener(partial(tell, "on_register_start", name), partial(tell, "on_register_step")),
                )
                identity = self._in_use = Identity(stored, name)
                tell("on_register_end", identity, hit)
        return identity

    def use(self, identity: str | Identity) -> Identity:
        """Make an identity the one that ``generate`` draws. Raises UnknownIdentity, which names the nearest ones."""
        self._in_use = used = Library(self.store).find(identity)
        return used

    def generate(  # noqa: PLR0913  # the public API: the names of diffusers' pipelines
        self,
        structure: Any = None,
        prompt: str | list[str] | None = None,
        *,
        identity: Any = None,
        structure_prompt: Any = None,
        structure_box: Any = None,
        structure_mask: Any = None,
        negative_prompt: Any = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        guidance_interval: Interval | None = None,
        height: int | None = None,
        width: int | None = None,
        num_images_per_prompt: int = 1,
        seed: int | list[int] | None = None,
        generator: Any = None,
        output_type: str = "pil",
        preset: str | None = None,
        alignment: Alignment | None = None,
        appearance: Appearance | None = None,
        delta_bridge: DeltaBridge | None = None,
        structure_control: Structure | None = None,
        match_maps: bool = False,
        overlay: bool = True,
        images_per_forward: ImagesPerForward | None = None,
        callbacks: Sequence[Callback] = (),
        **diffusers: Unpack[DiffusersArguments],
    ) -> Generation:
        """Draw the identity in the pose of ``structure``, as ``prompt`` says. Lists make a batch, which draws what single calls draw.

        A seed or generator per image is needed for that: a single ``generator`` makes the noise of all images in one draw, as in diffusers.

        structure: an image (photo, depth, mesh, pose, canny, ...) or None; for several ControlNets a tuple of one picture's images, such as
        ``(pose, depth)``, which show one frame: box, mask and prompt are those of the first.
        identity: a name or Identity instead of the one in use, or several of them with the region of each, in pixels of the image to draw:
        ``{"cat": box, "dog": mask}``; the structure image is then used as it is, without alignment. ``Region(box, prompt=...)`` gives one a
        wording of its own, such as another colour. A tuple, ``("cat", "cat from behind")``, is one subject seen in several references.
        False draws none, whichever is in use.
        structure_prompt: what the structure image shows, such as "a mesh of a horse" (default: the prompt).
        structure_box, structure_mask: its subject, in its own pixels (default: of a cut-out what is opaque, else what the segmenter finds).
        preset: for this call, in the place of all the session's settings; the settings given here win over it. An identity is drawn as it
        was registered: "paper" needs one registered with "paper". alignment, appearance, delta_bridge, structure_control: for this call.
        match_maps: keep what ``Generation.maps()`` shows. overlay: whether a picture stays bit for bit as it is outside of its mask.
        guidance_interval, images_per_forward: for this call. Where images share a forward, a batch differs by rounding from what single
        calls draw.
        height, width: in pixels. diffusers: further arguments of diffusers' pipelines (`DiffusersArguments`), which mean what they mean
        there. Prompt edits (``DeltaBridge.override``) compare ``prompt`` only: not ``prompt_2``, nor ``prompt_embeds``.
        Raises ConfigError, InputError, SizeError, SubjectNotFound, UnknownIdentity, WrongModel, NumericalError, or a StoreError.
        """
        with reporting(self, [*self.callbacks, *callbacks]) as tell:
            self.backbone.check_ready()
            check_names(diffusers)
            given = {"appearance": appearance, "delta_bridge": delta_bridge, "structure": structure_control}
            chosen = self._choose_settings(preset, alignment=alignment, **given)
            step_callback = StepCallback.from_arguments(diffusers, self.backbone.callback_embeds)
            pictures = pick(PictureArguments, diffusers).read(self.backbone.geometry.channels)
            check_output_type(output_type, pictures)
            shared = check_images_per_forward(images_per_forward, self.images_per_forward)
            steps = num_inference_steps, guidance_scale, guidance_interval
            output = (output_type, match_maps, overlay, shared)
            sampling = make_sampling(self.backbone, self.sampling_defaults, (height, width), steps, diffusers, pictures)
            settings = make_settings(self.backbone, chosen, sampling, output, diffusers)
            requests = make_requests(
                ImageArguments(
                    structure,
                    prompt,
                    identity,
                    structure_prompt,
                    structure_box,
                    structure_mask,
                    negative_prompt,
                    picture=pictures,
                    size_ids=pick(SizeIds, diffusers),
                    embeds=pick(PromptEmbeds, diffusers).split(),
                    **named(ImageArguments, diffusers),
                ),
                NoiseArguments(seed, generator, num_images_per_prompt, lambda: self._random.randrange(2**32)),
                SubjectBinder(settings, self._in_use, Library(self.store)),
            )
            check_requests(self.backbone, settings, requests)
            check_attention(self.backbone, settings, any(each.subjects for each in requests))
            with self._exclusive_backbone():
                return self._draw(requests, settings, tell, step_callback)

    def state_dict(self) -> dict[str, Any]:
        """What a later session needs to go on: the identity in use, the method's settings, and where the drawn seeds are."""
        interval = self.sampling_defaults.guidance_interval
        return SessionState.of(self._in_use, self._choose_settings(None), interval, self._random).to_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state_dict``. Raises UnknownIdentity when the store lacks its identity."""
        loaded = SessionState.from_dict(state, Library(self.store))
        restore_random(self._random, loaded.seeds)
        self._in_use = loaded.identity
        self._use_settings(loaded.settings)
        self.sampling_defaults = replace(self.sampling_defaults, guidance_interval=loaded.guidance_interval)

    def _use_settings(self, chosen: Preset) -> None:
        """Make these the session's own settings."""
        self.preset, self.timesteps = chosen.name, chosen.timesteps
        self.alignment, self.appearance = chosen.alignment, chosen.appearance
        self.delta_bridge, self.structure = chosen.delta_bridge, chosen.structure

    def _choose_settings(self, preset: str | None, **given: Any) -> Preset:
        """The settings of one call: those of its preset, else the session's own, and on top what the call gives."""
        own = Preset(self.preset, self.alignment, self.appearance, self.delta_bridge, self.structure, self.timesteps)
        return (own if preset is None else find_preset(preset)).with_given(**given)

    def _draw(
        self, requests: Sequence[Request], settings: Settings, tell: Tell, step_callback: StepCallback
    ) -> Generation:
        repairer = Repairer(Registrar(self.backbone, self.store), lambda: self.segmenter)
        call = Call(self.backbone, settings, lambda: self.segmenter, repairer, self._input_cache)
        for identity in {each for request in requests for each in request.identities}:
            identity.check_model(call.model)
        tell("on_generate_start", len(requests), settings.sampling.num_timesteps)
        on_step_end = partial(step_callback, self.pipe, tell)
        drawn = ImageGenerator(call, self._cache).generate(requests, on_step_end)
        generation = replace(drawn, restored=repairer.names)
        tell("on_generate_end", generation)
        return generation
