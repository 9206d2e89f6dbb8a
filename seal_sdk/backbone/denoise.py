"""The denoising loop: SDXL's, with the method's rows, infusion and Delta-Bridge.

Every image has a UNet forward of its own, with its rows as the batch. So a batch draws bit for bit what its images draw alone, and with
nothing switched on the operations are those of ``StableDiffusionXLPipeline.__call__``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import rescale_noise_cfg
from torch import Tensor

from seal_sdk.backbone.conditioning import Conditioning, stack
from seal_sdk.backbone.detail import transfer_detail
from seal_sdk.backbone.hooks import Hooks
from seal_sdk.backbone.infuse import install_infusion
from seal_sdk.backbone.layers import SelfAttentionLayer, token_grid
from seal_sdk.backbone.noise import alpha_bar, at_level
from seal_sdk.backbone.plan import ImagePlan, Method, layer_infusion
from seal_sdk.backbone.step import APPEARANCE, GENERATION, STRUCTURE, UNCOND, Forward, Stage
from seal_sdk.backbone.structure import install_injection
from seal_sdk.match_maps import LayerMatches
from seal_sdk.method.delta_bridge import bridge
from seal_sdk.method.schedules import active, delta_at, detail_at, lambda_at, tau_at

StepEnd = Callable[[int, Tensor, Tensor], Tensor]


@dataclass
class Run:
    """What the loop counted: UNet rows, and the infused share of tokens per image (mean over steps and layers).

    matches: per image, where asked for, the matches of every step and layer.
    """

    unet_rows: int
    coverage: list[float]
    matches: list[list[LayerMatches]]


@torch.no_grad()
def denoise(
    pipe: StableDiffusionXLPipeline,
    scheduler: Any,
    timesteps: Tensor,
    latents: Tensor,
    plans: Sequence[ImagePlan],
    method: Method,
    layers: Sequence[SelfAttentionLayer],
    *,
    step_kwargs: dict[str, Any],
    controlnet: Any = None,
    on_step_end: StepEnd | None = None,
    keep_matches: bool = False,
) -> tuple[Tensor, Run]:
    """Latents (B, C, h, w) after all timesteps, one plan per image.

    scheduler: set up with these timesteps. step_kwargs: further arguments of its ``step``. on_step_end(index, timestep, latents) returns
    the latents to go on with. keep_matches: for match maps. The guidance scale is read from
    ``pipe.guidance_scale`` at every step, as diffusers' callbacks expect.
    """
    loop = _Loop(pipe, scheduler, plans, method, controlnet, keep_matches)
    with Hooks() as hooks:
        loop.install(hooks, layers)
        for index, timestep in enumerate(timesteps):
            if pipe.interrupt:
                break
            gamma = index / max(len(timesteps) - 1, 1)
            scaled = scheduler.scale_model_input(latents, timestep)
            predictions = [
                loop.predict(number, index, scaled[number : number + 1], timestep, gamma)
                for number in range(len(plans))
            ]
            latents = _step(scheduler, torch.cat(predictions), timestep, latents, step_kwargs)
            if on_step_end is not None:
                latents = on_step_end(index, timestep, latents)
    return latents, Run(loop.unet_rows, [_mean(shares) for shares in loop.coverage], loop.matches)


def _mean(shares: Sequence[Tensor]) -> float:
    return float(torch.stack(list(shares)).mean()) if shares else 0.0


def _step(scheduler: Any, prediction: Tensor, timestep: Tensor, latents: Tensor, step_kwargs: dict[str, Any]) -> Tensor:
    stepped = scheduler.step(prediction, timestep, latents, **step_kwargs, return_dict=False)[0]
    return stepped.to(latents.dtype)


class _Loop:
    """One call's loop: builds each forward's rows, runs the UNet, and combines the rows into one prediction."""

    def __init__(
        self,
        pipe: StableDiffusionXLPipeline,
        scheduler: Any,
        plans: Sequence[ImagePlan],
        method: Method,
        controlnet: Any,
        keep_matches: bool,
    ) -> None:
        self.pipe, self.scheduler, self.plans, self.method, self.controlnet = pipe, scheduler, plans, method, controlnet
        self.layers: Sequence[SelfAttentionLayer] = ()
        self.stage = Stage()
        self.unet_rows = 0
        self.coverage: list[list[Tensor]] = [[] for _ in plans]
        self.keep_matches = keep_matches
        self.matches: list[list[LayerMatches]] = [[] for _ in plans]

    def install(self, hooks: Hooks, layers: Sequence[SelfAttentionLayer]) -> None:
        if any(plan.structure for plan in self.plans):
            install_injection(hooks, self.pipe.unet, self.stage, self.method.structure)
        if any(plan.infusions for plan in self.plans):
            self.layers = layers
            install_infusion(hooks, layers, self.stage, self.method.appearance)

    def predict(self, number: int, index: int, scaled: Tensor, timestep: Tensor, gamma: float) -> Tensor:
        """Guided prediction (1, C, h, w) of one image; ``scaled`` is the scheduler's model input."""
        plan = self.plans[number]
        rows = self._rows(plan, gamma)
        forward = self._forward(plan, rows, timestep, gamma)
        self.stage.forward = forward
        try:
            output = self._unet(plan, rows, scaled, timestep, gamma)
        finally:
            self.stage.forward = None
        self.coverage[number] += forward.coverage
        if self.keep_matches:
            self.matches[number] += self._matches(plan, index, forward, (scaled.shape[-2], scaled.shape[-1]))
        outputs = dict(zip(rows, output.chunk(len(rows)), strict=True))
        guided = self._guide(plan, outputs, gamma)
        if not forward.detail:
            return guided
        level, kind = alpha_bar(self.scheduler, timestep), self.scheduler.config.prediction_type
        moved = transfer_detail(forward, guided, scaled, plan.infusions, level, kind)
        return moved if plan.subject is None else torch.lerp(guided, moved, plan.subject)

    def _rows(self, plan: ImagePlan, gamma: float) -> dict[str, Conditioning]:
        """The rows this step needs, in batch order: none is computed that nothing uses."""
        strength, base = self._lambda(plan, gamma), self._base(plan)
        rows = {}
        if self.pipe.guidance_scale > 1 and plan.uncond is not None:
            rows[UNCOND] = plan.uncond
        if base == "gen" or strength:
            rows[GENERATION] = plan.generation
        if plan.appearance is not None and (base == "app" or strength):
            rows[APPEARANCE] = plan.appearance
        if plan.structure is not None and active(gamma, self.method.structure.end):
            rows[STRUCTURE] = plan.structure.conditioning
        return rows

    def _lambda(self, plan: ImagePlan, gamma: float) -> float:
        settings = self.method.delta_bridge
        return 0.0 if plan.appearance is None else lambda_at(gamma, settings.strength, settings.end)

    def _base(self, plan: ImagePlan) -> str:
        return "gen" if plan.appearance is None else self.method.delta_bridge.base

    def _forward(self, plan: ImagePlan, rows: dict[str, Conditioning], timestep: Tensor, gamma: float) -> Forward:
        forward = Forward(tuple(rows), inject=self.method.structure.scale if STRUCTURE in rows else 0.0)
        appearance = self.method.appearance
        if plan.infusions:
            forward.tau = tau_at(gamma, appearance.tau, appearance.schedule)
            forward.delta = delta_at(gamma, appearance.delta, appearance.schedule)
            forward.detail = detail_at(gamma, appearance.detail)
            forward.matches = [] if self.keep_matches else None
            read = [given.key_values(float(timestep)) for given in plan.infusions]
            forward.infusion = {
                layer.name: tuple(
                    layer_infusion(given, layer.name, each[layer.name])
                    for given, each in zip(plan.infusions, read, strict=True)
                )
                for layer in self.layers
            }
        return forward

    def _matches(
        self, plan: ImagePlan, index: int, forward: Forward, latent_size: tuple[int, int]
    ) -> list[LayerMatches]:
        return [
            LayerMatches(
                index,
                each.layer,
                token_grid(each.tokens, latent_size),
                token_grid(each.source_tokens, plan.infusions[each.role].latent_size),
                each.targets.cpu().numpy(),
                each.sources.cpu().numpy(),
                each.similarity.cpu().numpy(),
                forward.tau,
                plan.infusions[each.role].name,
            )
            for each in forward.matches or ()
        ]

    def _unet(
        self, plan: ImagePlan, rows: dict[str, Conditioning], scaled: Tensor, timestep: Tensor, gamma: float
    ) -> Tensor:
        inputs = [self._structure_input(plan, timestep) if name == STRUCTURE else scaled for name in rows]
        given = stack(list(rows.values()))
        sample = torch.cat(inputs).to(scaled.dtype)
        added = {"text_embeds": given.pooled, "time_ids": given.time_ids}
        self.unet_rows += len(rows)
        return self.pipe.unet(
            sample,
            timestep,
            encoder_hidden_states=given.embeds,
            timestep_cond=self._guidance_embedding(sample),
            added_cond_kwargs=added,
            return_dict=False,
            **self._control(plan, sample, timestep, given, gamma),
        )[0]

    def _structure_input(self, plan: ImagePlan, timestep: Tensor) -> Tensor:
        assert plan.structure is not None
        return at_level(plan.structure.latents, plan.structure.noise, alpha_bar(self.scheduler, timestep))

    def _guidance_embedding(self, sample: Tensor) -> Tensor | None:
        """LCM-distilled UNets are told the guidance scale instead of being guided."""
        width = self.pipe.unet.config.time_cond_proj_dim
        if width is None:
            return None
        scale = torch.full((len(sample),), self.pipe.guidance_scale - 1)
        return self.pipe.get_guidance_scale_embedding(scale, embedding_dim=width).to(sample)

    def _control(
        self, plan: ImagePlan, sample: Tensor, timestep: Tensor, given: Conditioning, gamma: float
    ) -> dict[str, Any]:
        if plan.control_image is None or not active(gamma, self.method.structure.end):
            return {}
        down, mid = self.controlnet(
            sample,
            timestep,
            encoder_hidden_states=given.embeds,
            controlnet_cond=plan.control_image.expand(len(sample), -1, -1, -1),
            conditioning_scale=self.method.structure.scale,
            added_cond_kwargs={"text_embeds": given.pooled, "time_ids": given.time_ids},
            return_dict=False,
        )
        return {"down_block_additional_residuals": down, "mid_block_additional_residual": mid}

    def _guide(self, plan: ImagePlan, rows: dict[str, Tensor], gamma: float) -> Tensor:
        uncond, generation, appearance = rows.get(UNCOND), rows.get(GENERATION), rows.get(APPEARANCE)
        settings = self.method.delta_bridge
        strength = lambda_at(gamma, settings.strength, settings.end) if appearance is not None else 0.0
        guided = bridge(
            uncond,
            generation,
            appearance,
            guidance_scale=self.pipe.guidance_scale,
            strength=strength,
            base=settings.base if appearance is not None else "gen",
            low_pass_iterations=settings.low_pass,
            region=plan.subject if settings.region == "subject" else None,
        )
        if uncond is not None and self.method.guidance_rescale > 0:
            conditional = generation if generation is not None else appearance
            guided = rescale_noise_cfg(guided, conditional, guidance_rescale=self.method.guidance_rescale)
        return guided
