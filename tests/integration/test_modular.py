"""Identities in diffusers' modular pipelines: the session's pictures, diffusers' blocks."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from diffusers import (
    ClassifierFreeGuidance,
    HeunDiscreteScheduler,
    PerturbedAttentionGuidance,
    StableDiffusionXLAutoBlocks,
)
from diffusers.guiders import AdaptiveProjectedGuidance
from diffusers.modular_pipelines import SequentialPipelineBlocks
from fixtures import tiny_control, tiny_modular
from fixtures.pipeline_states import with_unet

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import ConfigError, InputError, PromptError, UnsupportedModel, WrongModel
from seal_sdk.modular import (
    DeltaBridgeGuidance,
    IdentityBlocks,
    IdentityDecodeStep,
    IdentityDenoiseStep,
    IdentityTextEncoderStep,
)

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
REGION = np.zeros((128, 128), bool)
REGION[10:100, 20:110] = True
ALL = Appearance(tau=-1.0)  # random weights match little
OFF = Appearance(delta=0)
SMALL = dict(height=64, width=64, num_inference_steps=2)  # fp16 is slow on a CPU


def seeded(*seeds):
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return generators[0] if len(generators) == 1 else generators


class Studio:
    """A tiny pipeline, its session with one identity, and modular pipelines of its parts."""

    def __init__(self, pipe, store, image):
        self.pipe = pipe
        self.session = IdentitySession(pipe, store=store, enable_progress_bar=False)
        how = dict(prompt="a cat", name="cat", box=(20, 20, 100, 110), timesteps=2, num_inference_steps=3)
        self.cat = self.session.register(image, **how)

    def modular(self, blocks=None, guider=None, **components):
        guider = guider or DeltaBridgeGuidance(guidance_scale=4.0)
        return tiny_modular.modular(blocks or IdentityBlocks(), self.pipe, guider=guider, **components)

    def draw(self, blocks=None, *, seeds=(3,), guider=None, components=(), **arguments):
        """Latents (B, C, h, w)."""
        given = dict(prompt="a red cat", num_inference_steps=3, output_type="latent", generator=seeded(*seeds))
        return self.modular(blocks, guider, **dict(components))(**given | arguments, output="latents")

    def draw_in_session(self, **arguments):
        given = dict(seed=3, num_inference_steps=3, guidance_scale=4.0, output_type="latent", structure=None)
        return torch.stack(self.session.generate(prompt="a red cat", **given | arguments).images)


@pytest.fixture
def studio(tiny_pipeline, tmp_path, reference_image):
    return Studio(tiny_pipeline(), tmp_path, reference_image)


@pytest.fixture
def in_precision(tiny_pipeline, tmp_path, reference_image, request):
    return Studio(tiny_pipeline().to(dtype=PRECISIONS[request.param]), tmp_path, reference_image)


@pytest.mark.parametrize("in_precision", PRECISIONS, indirect=True)
def test_the_blocks_draw_what_the_session_draws(in_precision):
    how = dict(identity={in_precision.cat: (5, 5, 50, 60)}, appearance=ALL, **SMALL)
    session = in_precision.draw_in_session(delta_bridge=DeltaBridge(override=0), **how)
    ours = in_precision.draw(guider=DeltaBridgeGuidance(4.0, override=0), **how)
    assert torch.equal(ours, session)
    assert not torch.allclose(ours, in_precision.draw(**SMALL), atol=1e-2)


@pytest.mark.parametrize("in_precision", PRECISIONS, indirect=True)
def test_with_the_method_off_they_are_diffusers_own_blocks(in_precision):
    plain = in_precision.draw(StableDiffusionXLAutoBlocks(), guider=ClassifierFreeGuidance(4.0), **SMALL)
    assert torch.equal(in_precision.draw(**SMALL), plain)
    off = DeltaBridgeGuidance(guidance_scale=4.0, strength=0)
    assert torch.equal(in_precision.draw(guider=off, identity=in_precision.cat, appearance=OFF, **SMALL), plain)


@pytest.mark.parametrize(
    ("settings", "guidance"),
    [
        (dict(base="app", end=1.0, low_pass=1), {}),
        (dict(strength=0), dict(guidance_rescale=0.7)),
        (dict(quality="masterpiece", override=0, region="image"), dict(guidance_scale=1.0)),
        (dict(strength=0.2), dict(guidance_interval=(0.4, 0.8))),  # the second of three steps
    ],
    ids=lambda given: "-".join(given),
)
def test_every_setting_of_delta_bridge_means_what_it_means_in_the_session(studio, settings, guidance):
    start, stop = guidance.get("guidance_interval", (0.0, 1.0))
    own = {name: value for name, value in guidance.items() if name != "guidance_interval"}
    guider = DeltaBridgeGuidance(**{"guidance_scale": 4.0, **own}, **settings, start=start, stop=stop)
    how = dict(identity=studio.cat, appearance=Appearance(tau=-1.0, rows="cond", gating="subject"))
    session = studio.draw_in_session(delta_bridge=DeltaBridge(**settings), **how, **guidance)
    assert torch.equal(studio.draw(guider=guider, **how), session)


def test_pictures_and_second_order_schedulers_are_the_sessions_too(studio):
    studio.pipe.scheduler = HeunDiscreteScheduler.from_config(studio.pipe.scheduler.config)
    arguments = dict(identity=studio.cat, appearance=ALL, num_inference_steps=2)
    session = studio.session.generate(None, "a red cat", seed=3, guidance_scale=4.0, output_type="np", **arguments)
    ours = studio.modular()(prompt="a red cat", generator=seeded(3), output_type="np", output="images", **arguments)
    assert np.array_equal(ours[0], session.image)


@pytest.mark.parametrize(
    "guider",
    [DeltaBridgeGuidance(4.0, override=0), AdaptiveProjectedGuidance(adaptive_projected_guidance_momentum=-0.5)],
)
def test_a_batch_draws_what_single_calls_draw(studio, guider):
    prompts, identities = ["a red cat", "a dog on snow"], [studio.cat, {studio.cat: REGION}]
    given = dict(guider=guider, appearance=ALL)
    batch = studio.draw(prompt=prompts, identity=identities, seeds=(3, 4), **given)
    for number, seed in enumerate((3, 4)):
        alone = studio.draw(prompt=prompts[number], identity=identities[number], seeds=(seed,), **given)
        assert torch.equal(batch[number : number + 1], alone)
    twice = studio.draw(prompt=prompts[0], identity=identities[0], seeds=(5, 3), num_images_per_prompt=2, **given)
    assert torch.equal(twice[1:], batch[:1])


def test_a_batch_is_decoded_image_by_image(studio):
    given = dict(identity=studio.cat, num_inference_steps=1, output_type="pt", output="images")
    both = studio.modular()(prompt=["a cat", "a dog"], generator=seeded(3, 4), **given)
    alone = studio.modular()(prompt="a dog", generator=seeded(4), **given)
    assert both.shape == (2, 3, 128, 128) and torch.equal(both[1:], alone)


def test_infusion_works_with_diffusers_own_guidance(studio):
    guider = ClassifierFreeGuidance(guidance_scale=4.0)
    session = studio.draw_in_session(identity=studio.cat, appearance=ALL, delta_bridge=DeltaBridge(strength=0))
    assert torch.equal(studio.draw(guider=guider, identity=studio.cat, appearance=ALL), session)


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


def test_a_controlnet_steers_as_in_the_session(studio, structure_image):
    net = tiny_control.controlnet(studio.pipe.unet)
    session = IdentitySession(studio.pipe, store=studio.session.store, controlnet=net, enable_progress_bar=False)
    drawn = session.generate(
        structure_image,
        "a red cat",
        identity={studio.cat: REGION},
        seed=3,
        num_inference_steps=3,
        guidance_scale=4.0,
        output_type="latent",
        appearance=ALL,
        structure_control=Structure(control="controlnet"),
    )
    given = dict(identity={studio.cat: REGION}, appearance=ALL, control_image=structure_image)
    ours = studio.draw(components=dict(controlnet=net), **given)
    assert torch.allclose(ours, drawn.images[0], atol=1e-4)  # its pixels are scaled to [-1, 1] and back in the session


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


def test_a_reader_remembers_prompt_edits(studio):
    rows, pipe = [], studio.modular()
    studio.pipe.unet.register_forward_pre_hook(lambda _, inputs, named: rows.append(len(inputs[0])), with_kwargs=True)
    given = dict(prompt="a red cat", identity=studio.cat, num_inference_steps=3, output_type="latent")
    first = pipe(**given, generator=seeded(3), output="latents")
    assert rows[:3] == [2, 2, 2]  # the sentence tells that "red" describes the cat
    again = rows[3:]
    rows.clear()
    assert torch.equal(pipe(**given, generator=seeded(3), output="latents"), first) and rows == again


def test_the_model_is_left_as_it_was(studio):
    def hooks():
        return sum(len(each._forward_hooks) + len(each._forward_pre_hooks) for each in studio.pipe.unet.modules())

    def fail(*_):
        raise RuntimeError("in the middle")

    pipe = studio.modular()
    given = dict(prompt="a red cat", identity=studio.cat, num_inference_steps=2, output_type="latent")
    components, guider = dict(pipe.components), repr(pipe.guider)
    first = pipe(generator=seeded(3), output="latents", **given)
    assert (
        hooks() == 0
        and pipe.components == components
        and repr(pipe.guider).split("State")[0] == guider.split("State")[0]
    )
    handle = studio.pipe.unet.up_blocks[-1].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        pipe(**given)
    handle.remove()
    assert hooks() == 0 and torch.equal(pipe(generator=seeded(3), output="latents", **given), first)


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


def test_a_diffusers_without_modular_sdxl_is_named():
    code = (
        "import sys; sys.modules['diffusers.modular_pipelines.stable_diffusion_xl'] = None\n"
        "import seal_sdk\n"
        "try:\n    import seal_sdk.modular\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs diffusers 0.40 or newer" in done.stdout
