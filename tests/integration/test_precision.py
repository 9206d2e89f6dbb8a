"""Every setting in fp32, bf16 and fp16: half precision draws the picture that fp32 draws, to within its own rounding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from fixtures import tiny, tiny_adapter

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure

BOX = (20.0, 20.0, 100.0, 110.0)
LEFT, RIGHT = (0, 8, 32, 60), (32, 8, 64, 60)
ALL = dict(tokens="all", quantization="none")
SMALL = dict(height=64, width=64)  # half precision is slow on many CPUs
ROUNDING = {"bf16": 0.03, "fp16": 0.008}  # of the latents' standard deviation; plain diffusers is at 0.011 and 0.0014
LOOSER = {"no-structure": 20}  # subject and background compete for each token, and where they tie rounding decides
EVERY = Appearance(tau=-1.0)  # every token is infused: none is just below or above a threshold

SETTINGS = {
    "same-prompt": dict(prompt="a photo of a cat"),
    "conflict": dict(prompt="a photo of a red cat on snow"),
    "regions": dict(prompt="a cat and a dog", identity={"cat": LEFT, "dog": RIGHT}),
    "references": dict(prompt="a red cat", identity=("cat", "dog")),
    "match-maps": dict(prompt="a red cat", match_maps=True),
    "no-structure": dict(prompt="a red cat", structure=None),
    "controlnet": dict(prompt="a red cat", structure_control=Structure(control="controlnet")),
    "plain-kv": dict(prompt="a red cat", stored=dict(quantization="none")),
    "all-tokens": dict(prompt="a red cat", stored=dict(tokens="all")),
    "all-plain": dict(prompt="a red cat", stored=ALL),
    "top-k-1": dict(prompt="a red cat", appearance=replace(EVERY, top_k=1)),
    "top-k-4": dict(prompt="a red cat", appearance=replace(EVERY, top_k=4)),
    "per-head": dict(prompt="a red cat", appearance=replace(EVERY, per_head=True)),
    "no-gating": dict(prompt="a red cat", stored=ALL, appearance=replace(EVERY, gating="none", **ALL)),
    "conditional-rows": dict(prompt="a red cat", appearance=replace(EVERY, rows="cond")),
    "no-detail": dict(prompt="a red cat", appearance=replace(EVERY, detail=0)),
    "bridge-app": dict(prompt="a red cat", delta_bridge=DeltaBridge(strength=1, base="app", region="image")),
    "no-guidance": dict(prompt="a red cat", guidance_scale=1.0),
    "rescaled": dict(prompt="a red cat", guidance_rescale=0.7),
}


@pytest.fixture(scope="module")
def sessions(tiny_tokenizer, tmp_path_factory):
    """One session per precision, of the same weights."""
    folder = tmp_path_factory.mktemp("precision")
    net = tiny_adapter.controlnet(folder / "controlnet", tiny.pipeline(tiny_tokenizer).unet)
    opened = {
        precision: IdentitySession(
            tiny.pipeline(tiny_tokenizer),
            store=folder / precision,
            precision=precision,
            controlnet=net,
            enable_progress_bar=False,
        )
        for precision in ("fp32", *ROUNDING)
    }
    yield opened
    for session in opened.values():
        session.close()


@pytest.fixture
def draw(sessions, reference_image, structure_image):
    """draw(precision, ...): the picture's latents and the call's result, in that precision."""

    def drawn(precision, *, prompt, structure=structure_image, stored=None, **arguments):
        session = sessions[precision]
        for name, image in (("dog", structure_image), ("cat", reference_image)):
            kept = Appearance(**stored or {})
            session.register(image, prompt=f"a photo of a {name}", name=name, box=BOX, timesteps=1, appearance=kept)
        given = {"guidance_scale": 4.0, "num_inference_steps": 3, "seed": 2, "appearance": EVERY, **SMALL, **arguments}
        box = None if structure is None else BOX
        result = session.generate(structure, prompt, structure_box=box, output_type="latent", **given)
        return result.image.float(), result

    return drawn


@pytest.mark.parametrize("setting", SETTINGS)
def test_half_precision_draws_what_fp32_draws(draw, setting):
    exact, result = draw("fp32", **SETTINGS[setting])
    assert result.coverage[0] > 0.9
    for precision, rounding in ROUNDING.items():
        latents, _ = draw(precision, **SETTINGS[setting])
        error = (latents - exact).square().mean().sqrt() / exact.std()
        assert error < rounding * LOOSER.get(setting, 1), f"{precision}: {error:.4f}"


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_pictures_are_whole_in_half_precision(tiny_pipeline, tmp_path, reference_image, precision):
    with IdentitySession(tiny_pipeline(), store=tmp_path, precision=precision, enable_progress_bar=False) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
        drawn = session.generate(None, "a red cat", num_inference_steps=2, seed=1, output_type="pt")
    assert drawn.image.shape == (3, 128, 128) and torch.isfinite(drawn.image).all()
