"""What cannot be drawn is refused before any work."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from diffusers import PerturbedAttentionGuidance, StableDiffusionXLAutoBlocks
from fixtures import tiny_control
from fixtures.pipeline_states import with_unet

from seal_sdk import Appearance
from seal_sdk.errors import ConfigError, InputError, PromptError, UnsupportedModel, WrongModel
from seal_sdk.modular import IdentityBlocks


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (dict(guider=PerturbedAttentionGuidance(perturbed_guidance_layers=[0])), ConfigError, "changes the model"),
        (dict(identity="cat"), InputError, "have no store"),
        (dict(identity=()), InputError, "at least one reference"),
        (dict(identity=["cat", "cat"]), InputError, "2 for 1 prompts"),
        (dict(prompt=["a", "b"], num_images_per_prompt=2, seeds=(1, 2, 3, 4)), InputError, "Repeat the prompts"),
        (dict(prompt=" "), PromptError, "expected words"),
        (dict(appearance=Appearance(layers=("down",))), InputError, "not stored"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_what_cannot_be_drawn_is_refused_before_any_work(studio, change, error, words):
    rows = []
    studio.pipe.unet.register_forward_hook(lambda *_: rows.append(1))
    with pytest.raises(error, match=words):
        studio.draw(**dict(identity=studio.cat) | change)
    assert not rows


def test_guess_mode_is_refused(studio, structure_image):
    components = dict(controlnet=tiny_control.controlnet(studio.pipe.unet))
    with pytest.raises(InputError, match="guess_mode"):
        studio.draw(identity=studio.cat, control_image=structure_image, guess_mode=True, components=components)


def test_loras_are_not_scaled_for_one_call(studio, reference_image):
    peft = pytest.importorskip("peft")
    studio.pipe.unet.add_adapter(peft.LoraConfig(r=2, target_modules=["to_k"]), adapter_name="mine")
    own = studio.session.register(reference_image, prompt="a cat", name="own", box=(20, 20, 100, 110), timesteps=1)
    with pytest.raises(InputError, match="set_adapters"):
        studio.draw(identity=own, cross_attention_kwargs={"scale": 0.5})
    assert torch.isfinite(studio.draw(identity=own, num_inference_steps=1)).all()


def test_an_appearance_row_that_nobody_encoded_is_missed(studio):
    blocks = IdentityBlocks()
    blocks.sub_blocks["text_encoder"] = StableDiffusionXLAutoBlocks().sub_blocks["text_encoder"]
    with pytest.raises(InputError, match="IdentityTextEncoderStep"):
        studio.draw(blocks, identity=studio.cat)


def test_other_models_are_refused(studio, tiny_pipeline):
    with pytest.raises(WrongModel, match="unet"):
        studio.draw(identity=studio.cat, components=dict(unet=tiny_pipeline(seed=1).unet))
    inpainting = with_unet(tiny_pipeline(), in_channels=9).unet
    with pytest.raises(UnsupportedModel, match="channels"):
        studio.draw(identity=studio.cat, components=dict(unet=inpainting))
    with pytest.raises(ConfigError, match="vae"):
        studio.draw(identity=studio.cat, components=dict(vae=None), output_type="latent")


def test_a_diffusers_without_modular_sdxl_is_named():
    code = (
        "import sys; sys.modules['diffusers.modular_pipelines.stable_diffusion_xl'] = None\n"
        "import seal_sdk\n"
        "try:\n    import seal_sdk.modular\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs diffusers 0.40 or newer" in done.stdout
