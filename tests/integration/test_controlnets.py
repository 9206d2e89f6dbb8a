"""ControlNets, ControlNet-Union and T2I-Adapters: they steer as in diffusers, bit for bit, and beside an identity."""

from __future__ import annotations

import json
from functools import cache, partial

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from diffusers import (
    HeunDiscreteScheduler,
    MultiAdapter,
    MultiControlNetModel,
    StableDiffusionXLAdapterPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLControlNetUnionPipeline,
)
from diffusers.models.controlnets.multicontrolnet_union import MultiControlNetUnionModel
from fixtures import tiny, tiny_control, tiny_sd15
from fixtures.pipeline_states import with_unet
from PIL import Image, ImageOps

from seal_sdk import Alignment, Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.backbone.control import ControlArguments
from seal_sdk.cli.commands.explain import redraw
from seal_sdk.cli.main import seal
from seal_sdk.errors import ConfigError, ImageError, InputError, SealError, WeightsNotFound

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0), alignment=Alignment(enabled=False))
CONTROL = Structure(control="controlnet")
FAST = dict(num_inference_steps=3, guidance_scale=4.0, output_type="np", height=64, width=64)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BOX = (20.0, 20.0, 100.0, 110.0)


@pytest.fixture
def images(structure_image):
    """Two images of one frame, 64 px."""
    pose = structure_image.resize((64, 64))
    return pose, ImageOps.invert(pose)


@pytest.fixture(scope="module")
def nets(tiny_tokenizer):
    """nets(kind): new modules of this kind, for a session."""
    unet = tiny.pipeline(tiny_tokenizer).unet
    make = {
        "one": lambda: tiny_control.controlnet(unet, 1),
        "two": lambda: [tiny_control.controlnet(unet, 1), tiny_control.controlnet(unet, 2)],
        "union": lambda: tiny_control.union(unet, 1),
        "two unions": lambda: [tiny_control.union(unet, 1), tiny_control.union(unet, 2)],
        "t2i": lambda: tiny_control.t2i_adapter(1),
        "two t2i": lambda: [tiny_control.t2i_adapter(1), tiny_control.t2i_adapter(2)],
    }
    return lambda kind: make[kind]()


@pytest.fixture(scope="module")
def open_session(tiny_tokenizer, tmp_path_factory, nets):
    """open_session(kind, ...): a new session with the nets of this kind."""

    def opened(kind, precision="fp32", **arguments):
        given = dict(controlnet=nets(kind), structure=CONTROL, enable_progress_bar=False)
        pipe, store = tiny.pipeline(tiny_tokenizer), tmp_path_factory.mktemp("store")
        return IdentitySession(pipe, store=store, precision=precision, **{**given, **arguments})

    return opened


@pytest.fixture(scope="module")
def session_with(open_session):
    """session_with(kind, precision): a session that many tests share, without an identity."""
    return cache(open_session)


def plain(session, **arguments):
    """What diffusers' own pipeline draws with the session's parts. image: one or a list."""
    module, parts = session.backbone.controlnet, session.pipe.components
    if "Adapter" in type(module).__name__:
        pipe = StableDiffusionXLAdapterPipeline(**parts, adapter=module)
    else:
        union = "Union" in type(module).__name__
        kind = StableDiffusionXLControlNetUnionPipeline if union else StableDiffusionXLControlNetPipeline
        pipe = kind(**parts, controlnet=module, add_watermarker=False)
        if union:
            arguments["control_image"] = arguments.pop("image")
    pipe.set_progress_bar_config(disable=True)
    return pipe("a cat", generator=torch.Generator().manual_seed(1), **{**FAST, **arguments}).images[0]


def ours(session, structure, **arguments):
    return session.generate(structure, "a cat", **{**FAST, "seed": 1, **OFF, **arguments})


def numbers(image):
    return torch.as_tensor(image).float()


CASES = {
    "one": ("one", 1, dict(controlnet_conditioning_scale=0.8)),
    "one in a range": ("one", 1, dict(control_guidance_start=0.3, control_guidance_end=0.7)),
    "one guessing": ("one", 1, dict(guess_mode=True, controlnet_conditioning_scale=0.7)),
    "one guessing alone": ("one", 1, dict(guess_mode=True, guidance_scale=1.0)),
    "two": ("two", 2, dict(controlnet_conditioning_scale=[0.8, 0.3])),
    "two in ranges": ("two", 2, dict(control_guidance_start=[0.0, 0.3], control_guidance_end=[0.5, 1.0])),
    "two guessing": ("two", 2, dict(guess_mode=True, control_guidance_start=[0.3, 0.4])),
    "union": ("union", 1, dict(control_mode=2, controlnet_conditioning_scale=0.8)),
    "union in a range": ("union", 1, dict(control_mode=[1], control_guidance_end=[0.7])),
    "union guessing alone": ("union", 1, dict(control_mode=1, guess_mode=True, guidance_scale=1.0)),
    "union of two": ("union", 2, dict(control_mode=[0, 3], controlnet_conditioning_scale=[0.8, 0.4])),
    "union of two in ranges": ("union", 2, dict(control_mode=[0, 3], control_guidance_end=[0.4, 0.7])),
    "two unions": ("two unions", 2, dict(control_mode=[0, 3], controlnet_conditioning_scale=[0.8, 0.4])),
    "two unions in ranges": ("two unions", 2, dict(control_mode=[1, 2], control_guidance_end=[0.4, 0.7])),
    "t2i": ("t2i", 1, dict(adapter_conditioning_scale=0.8)),
    "t2i in a range": ("t2i", 1, dict(adapter_conditioning_factor=0.7)),
    "two t2i": ("two t2i", 2, dict(adapter_conditioning_scale=[0.8, 0.3], adapter_conditioning_factor=0.5)),
}
HALF = ("one guessing", "two", "union", "two t2i")


@pytest.mark.parametrize(
    "case, precision",
    [*((case, "fp32") for case in CASES), *((case, precision) for case in HALF for precision in ("bf16", "fp16"))],
)
def test_it_steers_as_in_diffusers(session_with, images, case, precision):
    kind, count, arguments = CASES[case]
    session = session_with(kind, precision)
    structure = images[0] if count == 1 else images
    arguments = arguments if precision == "fp32" else {**arguments, "output_type": "latent", "num_inference_steps": 2}
    drawn = ours(session, structure, **arguments)
    expected = plain(session, image=images[0] if kind in ("one", "t2i") else list(images[:count]), **arguments)
    assert torch.equal(numbers(drawn.image), numbers(expected))
    settings = {name: arguments[name] for name in arguments if name in ControlArguments().__dict__}
    assert json.loads(json.dumps(drawn.settings[0])).items() >= settings.items()
    without = {name: value for name, value in arguments.items() if name not in settings}
    assert not torch.allclose(numbers(drawn.image), numbers(ours(session, None, **without).image), atol=1e-3)


@pytest.mark.parametrize("kind", ["one", "two", "union", "t2i"])
def test_tensors_are_seen_as_they_are(session_with, kind):
    """Also numbers that are no colours, such as the -1 that marks what a ControlNet for inpainting is to paint."""
    session, numbers_given = (
        session_with(kind),
        torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(5)),
    )
    arguments = dict(control_mode=1) if kind == "union" else {}
    structure = tuple(numbers_given) if kind == "two" else numbers_given[0]
    drawn = ours(session, structure, **arguments)
    expected = plain(session, image=list(numbers_given) if kind == "two" else numbers_given[0], **arguments)
    assert torch.equal(numbers(drawn.image), numbers(expected))
    with pytest.raises(ImageError, match=r"expected \[0, 1\]"):
        ours(session, structure[0] if kind == "two" else structure, structure_control=Structure(control="inject"))


@pytest.mark.parametrize("kind, images_wanted", [("one", 1), ("two", 2), ("t2i", 1)])
def test_with_no_arguments_the_settings_count(open_session, images, kind, images_wanted):
    session = open_session(kind, structure=Structure(control="controlnet", scale=0.6))
    structure = images[0] if images_wanted == 1 else images
    scale = {"t2i": "adapter_conditioning_scale"}.get(kind, "controlnet_conditioning_scale")
    expected = plain(session, image=list(images) if kind == "two" else images[0], **{scale: 0.6})
    assert np.array_equal(ours(session, structure).image, expected)
    never = ours(session, structure, structure_control=Structure(control="controlnet", end=0.0))
    assert np.array_equal(never.image, ours(session, None).image)


def test_an_adapter_counts_steps_as_diffusers_does(open_session, images):
    """A scheduler of second order makes nearly two timesteps of each step."""
    session = open_session("t2i")
    session.pipe.scheduler = HeunDiscreteScheduler.from_config(session.pipe.scheduler.config)
    for arguments in (dict(), dict(adapter_conditioning_factor=0.7)):
        assert np.array_equal(ours(session, images[0], **arguments).image, plain(session, image=images[0], **arguments))


def test_an_adapter_of_one_channel_sees_grey(open_session, images):
    session = open_session("t2i", controlnet=tiny_control.t2i_adapter(1, in_channels=1))
    grey = images[0].convert("L")
    assert np.array_equal(ours(session, grey).image, plain(session, image=grey))


def test_guess_mode_of_a_union_spares_the_unconditional_row(open_session, images):
    """diffusers cannot do this with guidance; at a guidance of 0 only that row counts."""
    session = open_session("union")
    how = dict(control_mode=1, guess_mode=True)
    seen = []
    session.pipe.unet.register_forward_pre_hook(
        lambda _, args, given: seen.append(given.get("mid_block_additional_residual")), with_kwargs=True
    )
    ours(session, images[0], num_inference_steps=1, **how)
    guided = seen.pop()
    assert not guided[0].any() and guided[1].any()
    ours(session, images[0], num_inference_steps=1, guidance_scale=1.0, **how)
    assert torch.equal(seen.pop()[0], guided[1])


GUIDED = {
    "one": dict(),
    "two": dict(controlnet_conditioning_scale=[0.8, 0.3]),
    "union": dict(control_mode=[0, 3]),
    "t2i": dict(),
    "guessing": dict(guess_mode=True),
}


@pytest.mark.parametrize("case", GUIDED)
def test_an_identity_is_drawn_beside_it_and_a_batch_draws_what_single_calls_draw(
    open_session, reference_image, structure_image, case
):
    kind, arguments = "one" if case == "guessing" else case, GUIDED[case]
    session = open_session(kind)
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    structure = (structure_image, ImageOps.invert(structure_image)) if kind in ("two", "union") else structure_image
    given = dict(FAST, num_inference_steps=2, structure_box=BOX)
    infused = dict(appearance=Appearance(tau=-1.0), delta_bridge=DeltaBridge(override=0))
    draw = partial(session.generate, **given, **arguments, **infused)
    drawn = draw([structure, structure], ["a red cat", "a dog"], seed=[3, 4])
    assert drawn.coverage == [1.0, 1.0]
    for number, prompt in enumerate(["a red cat", "a dog"]):
        assert np.array_equal(drawn.images[number], draw(structure, prompt, seed=3 + number).image)
    without = session.generate(structure, "a red cat", seed=3, **given, **arguments, **OFF)
    assert not np.allclose(drawn.image, without.image, atol=1e-3)
    assert not np.allclose(
        drawn.image, session.generate(None, "a red cat", seed=3, **infused, **{**given, "structure_box": None}).image
    )


@pytest.mark.parametrize("kind", ["one", "t2i"])
def test_every_row_is_steered(open_session, reference_image, structure_image, kind):
    session, seen = open_session(kind), []
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    name = "down_intrablock_additional_residuals" if kind == "t2i" else "down_block_additional_residuals"
    session.pipe.unet.register_forward_pre_hook(
        lambda _, args, given: seen.append((len(args[0]), given[name][0])), with_kwargs=True
    )
    bridge = DeltaBridge(strength=1.0, override=0)
    session.generate(
        structure_image, "a dog", structure_box=BOX, delta_bridge=bridge, num_inference_steps=1, guidance_scale=4.0
    )
    ((rows, added),) = seen
    assert rows == 3 and len(added) == 3 and all(row.any() for row in added)


def test_the_features_of_an_adapter_are_computed_once(open_session, images):
    session, calls = open_session("t2i"), []
    session.backbone.controlnet.register_forward_pre_hook(lambda *_: calls.append(1))
    ours(session, images[0], num_images_per_prompt=2)
    assert calls == [1]


def test_images_of_one_frame_are_aligned_together(open_session, reference_image, structure_image):
    session, seen = open_session("two"), []
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    for net in session.backbone.controlnet.nets:
        net.register_forward_pre_hook(lambda _, args, given: seen.append(given["controlnet_cond"]), with_kwargs=True)
    half = structure_image.resize((64, 64), Image.Resampling.BOX).resize((128, 128), Image.Resampling.NEAREST)
    how = dict(structure_box=(40, 30, 100, 90), num_inference_steps=1, delta_bridge=DeltaBridge(override=0))
    drawn = session.generate((half, half.resize((64, 64), Image.Resampling.NEAREST)), "a cat", **how)
    first, second = seen
    assert torch.equal(first[:1], torch.from_numpy(np.asarray(drawn.aligned[0]) / np.float32(255)).movedim(2, 0)[None])
    assert (first - second).abs().mean() < 0.03 < (first[:1] - _pixels(half)).abs().mean()


def _pixels(image):
    return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).movedim(2, 0)[None]


OWN = {
    "one": (StableDiffusionXLControlNetPipeline, "controlnet", dict()),
    "two": (StableDiffusionXLControlNetPipeline, "controlnet", dict()),
    "union": (StableDiffusionXLControlNetUnionPipeline, "controlnet", dict(control_mode=[1])),
    "t2i": (StableDiffusionXLAdapterPipeline, "adapter", dict()),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_pipeline_brings_its_own(tiny_pipeline, tmp_path, nets, images, reference_image, kind):
    make, name, arguments = OWN[kind]
    pipe = make(**tiny_pipeline().components, **{name: nets(kind)})
    if hasattr(pipe, "watermark"):
        pipe.watermark = None
    with IdentitySession(pipe, store=tmp_path, structure=CONTROL, enable_progress_bar=False) as session:
        assert session.backbone.controlnet is getattr(pipe, name)
        drawn = ours(session, images if kind == "two" else images[0], **arguments)
        image = list(images) if kind == "two" else images[0]
        assert np.array_equal(drawn.image, plain_of(pipe, image, **arguments))
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    other = tiny_control.controlnet(pipe.unet, 7)
    with IdentitySession(pipe, store=tmp_path, controlnet=other, enable_progress_bar=False) as session:
        assert session.backbone.controlnet is other


def plain_of(pipe, image, **arguments):
    pipe.set_progress_bar_config(disable=True)
    name = "control_image" if "Union" in type(pipe).__name__ else "image"
    return pipe("a cat", generator=torch.Generator().manual_seed(1), **{name: image}, **FAST, **arguments).images[0]


@pytest.mark.parametrize(
    "kind, wrap",
    [("two", MultiControlNetModel), ("two unions", MultiControlNetUnionModel), ("two t2i", MultiAdapter)],
)
def test_diffusers_classes_of_several_are_taken(open_session, nets, images, kind, wrap):
    several = wrap(nets(kind))
    session = open_session(kind, controlnet=several)
    assert session.backbone.controlnet is several
    how = dict(control_mode=[0, 1]) if kind == "two unions" else {}
    listed = open_session(kind)
    assert isinstance(listed.backbone.controlnet, wrap)
    assert np.array_equal(ours(session, images, **how).image, ours(listed, images, **how).image)


@pytest.mark.parametrize("kind", ["two", "two unions", "two t2i"])
def test_folders_are_read_by_what_they_hold(open_session, nets, images, tmp_path, kind):
    folders = [tmp_path / "first", tmp_path / "second"]
    for net, folder in zip(nets(kind), folders, strict=True):
        net.save_pretrained(folder)
    how = dict(control_mode=[0, 1]) if kind == "two unions" else {}
    assert np.array_equal(
        ours(open_session(kind, controlnet=folders), images, **how).image,
        ours(open_session(kind), images, **how).image,
    )
    loaded = open_session(kind, controlnet=str(folders[0])).backbone.controlnet
    assert type(loaded) is type(nets(kind)[0])


def test_early_configurations_of_unions_are_known(open_session, nets, tmp_path):
    nets("union").save_pretrained(tmp_path / "union")
    path = tmp_path / "union" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": "ControlNetModel_Union"}))
    assert (
        type(open_session("one", controlnet=tmp_path / "union").backbone.controlnet).__name__ == "ControlNetUnionModel"
    )
    path.write_text(json.dumps({"_class_name": "FluxControlNetModel"}))
    with pytest.raises(ConfigError, match="is a FluxControlNetModel: expected a ControlNetModel"):
        open_session("one", controlnet=tmp_path / "union")
    with pytest.raises(WeightsNotFound, match="nothing"):
        open_session("one", controlnet=[str(tmp_path / "nothing")])


def _images(count):
    image = Image.new("RGB", (64, 64), "gray")
    return image if count == 1 else (image,) * count


@pytest.mark.parametrize(
    "kind, count, arguments, told",
    [
        ("one", 2, dict(), "2 images for a picture and the session 1 ControlNet:"),
        ("two", 1, dict(), "1 image for a picture and the session 2 ControlNets:"),
        ("two unions", 3, dict(control_mode=[0, 1, 2]), "3 images .* 2 ControlNets"),
        ("two t2i", 1, dict(), "1 image .* 2 T2I-Adapters"),
        ("two", 2, dict(controlnet_conditioning_scale=[1.0]), r"controlnet_conditioning_scale=\[1.0\]: 2 images"),
        ("two", 2, dict(control_guidance_start=[0.0] * 3), "control_guidance_start=.*2 images"),
        ("two t2i", 2, dict(adapter_conditioning_scale=[1.0]), "adapter_conditioning_scale=.*2 images"),
        ("one", 1, dict(control_guidance_start=0.7, control_guidance_end=0.3), "0.7 is not before .*0.3"),
        ("one", 1, dict(control_guidance_end=0.0), "0.0 is not before"),
        ("one", 1, dict(control_guidance_end=1.5), "control_guidance_end=1.5: expected a number from 0 to 1"),
        ("one", 1, dict(controlnet_conditioning_scale=float("nan")), "controlnet_conditioning_scale=nan"),
        ("one", 1, dict(controlnet_conditioning_scale=[]), r"controlnet_conditioning_scale=\[\]"),
        ("one", 1, dict(guess_mode="yes"), "guess_mode='yes'"),
        ("one", 1, dict(control_mode=1), "control_mode=1: only a ControlNet-Union"),
        ("union", 1, dict(), "needs control_mode=.*from 0 to 3"),
        ("union", 2, dict(control_mode=[1]), r"control_mode=\[1\]: 2 images"),
        ("union", 1, dict(control_mode=4), "control_mode=4: .*0 to 3"),
        ("union", 1, dict(control_mode=-1), "control_mode=-1: expected an integer >= 0"),
        ("t2i", 1, dict(control_guidance_start=0.1), "control_guidance_start=0.1: only a ControlNet has"),
        ("t2i", 1, dict(guess_mode=True), "guess_mode=True: only a ControlNet has"),
        ("t2i", 1, dict(adapter_conditioning_factor=2), "adapter_conditioning_factor=2: expected a number from 0 to 1"),
        ("one", 1, dict(adapter_conditioning_scale=0.5), "adapter_conditioning_scale=0.5: only a T2I-Adapter"),
        ("one", 0, dict(controlnet_conditioning_scale=0.5), "there is none: give structure="),
        ("one", 1, dict(structure_control=Structure(), guess_mode=True), r"guess_mode=True: .*control='controlnet'"),
        ("one", 2, dict(structure_control=Structure()), "2 images for one picture, which several ControlNets take"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_before_any_work(session_with, kind, count, arguments, told):
    session, rows = session_with(kind), []
    counting = session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(InputError, match=told):
        ours(session, _images(count) if count else None, **arguments)
    counting.remove()
    assert not rows


@pytest.mark.parametrize("structure, told", [((), r"structure=\(\)"), ((None, _images(1)), "None among")])
def test_missing_images_are_refused(session_with, structure, told):
    with pytest.raises(InputError, match=told):
        ours(session_with("two"), structure)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda unet: [], "a list of nothing"),
        (lambda unet: [tiny_control.controlnet(unet), tiny_control.union(unet)], "ControlNetModel, ControlNetUnionM"),
        (lambda unet: [torch.nn.Identity()], "a list of Identity"),
        (lambda unet: torch.nn.Identity(), "is a Identity: expected a ControlNetModel"),
        (lambda unet: tiny_control.controlnet(unet).half(), "in float16 and the model in float32"),
        (lambda unet: tiny_control.controlnet(unet, conditioning_channels=4), "images of 4 channels"),
    ],
    ids=["nothing", "mixed", "list of others", "other", "half", "channels"],
)
def test_what_is_no_control_is_refused_when_the_session_opens(tiny_pipeline, tmp_path, make, told):
    pipe = tiny_pipeline()
    with pytest.raises(ConfigError, match=told):
        IdentitySession(pipe, store=tmp_path, controlnet=make(pipe.unet))


def test_nets_of_another_model_are_refused(tiny_pipeline, tiny_tokenizer, tmp_path, images):
    foreign = tiny_control.controlnet(tiny_sd15.pipeline(tiny_tokenizer).unet)
    with pytest.raises(ConfigError, match="made for another model"):
        IdentitySession(tiny_pipeline(), store=tmp_path, controlnet=foreign)
    shallow = with_unet(tiny_pipeline(), layers_per_block=2)
    with pytest.raises(ConfigError, match="made for another model"):
        IdentitySession(shallow, store=tmp_path, controlnet=tiny_control.controlnet(tiny_pipeline().unet))
    adapter, rows = tiny_control.t2i_adapter(channels=(32, 64, 32)), []
    with IdentitySession(tiny_pipeline(), store=tmp_path, controlnet=adapter, structure=CONTROL) as session:
        session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
        with pytest.raises(SealError, match="T2I-Adapter for another model"):
            ours(session, images[0])
        assert not rows


def test_the_settings_draw_it_again_and_explain_says_what_it_lacks(
    open_session, reference_image, structure_image, tmp_path
):
    session = open_session("two")
    session.register(reference_image, prompt="a photo of a cat", name="cat", box=BOX, timesteps=1)
    pair = (structure_image, ImageOps.invert(structure_image))
    how = dict(controlnet_conditioning_scale=[0.5, 0.9], control_guidance_end=0.8, guess_mode=True, structure_box=BOX)
    drawn = session.generate(pair, "a red cat", seed=2, num_inference_steps=2, guidance_scale=4.0, **how)
    settings = json.loads(json.dumps(drawn.settings[0]))
    assert len(settings["structure"]["further_aligned_pixels"]) == 1
    again = redraw(session, settings, (session.identities["cat"],), pair)
    assert again.image.tobytes() == drawn.image.tobytes()
    drawn.image.save(tmp_path / "drawn.png")
    done = CliRunner().invoke(seal, ["explain", str(tmp_path / "drawn.png"), "-o", str(tmp_path / "maps.png")])
    assert done.exit_code and "followed a ControlNet" in done.output + str(done.exception)
