"""The blocks compose with diffusers' own, and with the method off they draw what those draw."""

from __future__ import annotations

import pytest
import torch
from diffusers import ClassifierFreeGuidance, StableDiffusionXLAutoBlocks
from diffusers.modular_pipelines import SequentialPipelineBlocks
from fixtures import tiny_control
from fixtures.modular_studio import ALL, PRECISIONS, SMALL, seeded

from seal_sdk import Appearance
from seal_sdk.errors import InputError
from seal_sdk.modular import (
    DeltaBridgeGuidance,
    IdentityBlocks,
    IdentityDecodeStep,
    IdentityDenoiseStep,
    IdentityTextEncoderStep,
)

OFF = Appearance(delta=0)


@pytest.mark.parametrize("in_precision", PRECISIONS, indirect=True)
def test_with_the_method_off_they_are_diffusers_own_blocks(in_precision):
    plain = in_precision.draw(StableDiffusionXLAutoBlocks(), guider=ClassifierFreeGuidance(4.0), **SMALL)
    assert torch.equal(in_precision.draw(**SMALL), plain)
    off = DeltaBridgeGuidance(guidance_scale=4.0, strength=0)
    assert torch.equal(in_precision.draw(guider=off, identity=in_precision.cat, appearance=OFF, **SMALL), plain)


@pytest.mark.parametrize("workflow", ["img2img", "inpaint", "controlnet", "union", "inpaint-controlnet"])
def test_it_composes_with_diffusers_blocks(studio, workflow, reference_image, structure_image):
    pictures = dict(image=reference_image, strength=0.7) if workflow != "controlnet" and workflow != "union" else {}
    mask = dict(mask_image=structure_image.convert("L")) if "inpaint" in workflow else {}
    control = dict(control_image=structure_image) if "controlnet" in workflow or workflow == "union" else {}
    mode = dict(control_mode=1) if workflow == "union" else {}
    make = tiny_control.union if workflow == "union" else tiny_control.controlnet
    components = dict(controlnet=make(studio.pipe.unet)) if control else {}
    given = dict(num_inference_steps=3, components=components, **pictures, **mask, **control, **mode)

    drawn = studio.draw(identity=studio.cat, appearance=ALL, **given)
    without = studio.draw(**given)
    plain = studio.draw(StableDiffusionXLAutoBlocks(), guider=ClassifierFreeGuidance(4.0), **given)
    assert torch.equal(without, plain)
    assert torch.isfinite(drawn).all() and not torch.allclose(drawn, plain, atol=1e-2)
    pair = (
        {"image": [reference_image] * 2} if workflow == "img2img" else {}
    )  # one for each generator, as diffusers asks
    prompts = ["a red cat", "a dog"]
    two = studio.draw(prompt=prompts, identity=studio.cat, appearance=ALL, seeds=(3, 4), **given | pair)
    assert torch.equal(two[:1], drawn)


def test_steps_compose_one_by_one(studio):
    core = StableDiffusionXLAutoBlocks().get_workflow("text2image").sub_blocks
    steps = {"text_encoder": IdentityTextEncoderStep, **core, "decode": IdentityDecodeStep}
    steps |= {"text_encoder": IdentityTextEncoderStep, "denoise.denoise": IdentityDenoiseStep}
    own = SequentialPipelineBlocks.from_blocks_dict(steps)
    given = dict(identity=studio.cat, appearance=ALL)
    assert torch.equal(studio.draw(own, **given), studio.draw(**given))


def test_embeddings_of_an_earlier_call_take_the_place_of_words(studio):
    given = dict(identity=studio.cat, appearance=ALL, num_inference_steps=2)
    state = studio.modular()(prompt="a cat", output_type="latent", generator=seeded(3), **given)
    rest = IdentityBlocks()
    encoder = rest.sub_blocks.pop("text_encoder")
    embeds = {each.name: state.get(each.name) for each in encoder.intermediate_outputs}
    with pytest.warns(UserWarning, match="no words to compare"):
        assert torch.equal(studio.draw(rest, prompt=None, **embeds, **given), state.get("latents"))


def test_all_of_diffusers_workflows_stay():
    ours, theirs = IdentityBlocks(), StableDiffusionXLAutoBlocks()
    assert ours.available_workflows == theirs.available_workflows
    names = {each.name for each in ours.inputs} - {each.name for each in theirs.inputs}
    assert names == {"identity", "appearance"}
    guider = next(each for each in ours.expected_components if each.name == "guider")
    assert guider.type_hint is DeltaBridgeGuidance


def test_an_ip_adapter_sees_its_own_picture(studio, tmp_path, reference_image, structure_image):
    from fixtures import tiny_adapter
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    tiny_adapter.adapter(tmp_path / "adapter", studio.pipe.unet)
    encoder = CLIPVisionModelWithProjection.from_pretrained(tmp_path / "adapter" / "sdxl_models" / "image_encoder")
    size = dict(shortest_edge=32)
    reader = CLIPImageProcessor(size=size, crop_size=dict(height=32, width=32))
    parts = dict(image_encoder=encoder, feature_extractor=reader)
    pipe = studio.modular(**parts)
    pipe.load_ip_adapter(str(tmp_path / "adapter"), subfolder="sdxl_models", weight_name="ip-adapter_sdxl.safetensors")
    given = dict(num_inference_steps=2, components=parts, ip_adapter_image=reference_image)
    drawn = studio.draw(identity=studio.cat, appearance=ALL, **given)
    plain = studio.draw(StableDiffusionXLAutoBlocks(), guider=ClassifierFreeGuidance(4.0), **given)
    assert torch.isfinite(drawn).all() and not torch.allclose(drawn, plain, atol=1e-2)
    assert torch.equal(studio.draw(**given), plain)
    another = studio.draw(identity=studio.cat, appearance=ALL, **given | dict(ip_adapter_image=structure_image))
    assert not torch.allclose(drawn, another, atol=1e-2)
    with pytest.raises(InputError, match="give ip_adapter_image="):
        studio.draw(identity=studio.cat, components=parts)
