"""``images_per_forward``: packed batches draw what exact ones draw, to within rounding, whatever the images ask for."""

from __future__ import annotations

from collections import defaultdict
from functools import partial

import numpy as np
import pytest
import torch
from diffusers import EulerAncestralDiscreteScheduler
from fixtures import ip_adapter, tiny, tiny_control
from fixtures.pipeline_states import with_unet
from PIL import Image, ImageOps

from seal_sdk import Alignment, Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.errors import ConfigError
from seal_sdk.generation import packing

SIZE = dict(height=64, width=64)
FAST = dict(num_inference_steps=3, guidance_scale=4.0, output_type="latent", seed=7, **SIZE)
BOX = (20.0, 20.0, 100.0, 110.0)
LEFT, RIGHT = (2, 8, 30, 60), (34, 8, 62, 60)
PROMPTS = ["a photo of a cat on a chair", "a photo of a dog on the beach", "a drawing"]
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
CONTROL = dict(structure_control=Structure(control="controlnet"), alignment=Alignment(enabled=False))
EVERY = Appearance(tau=-1.0)  # so that rounding changes nobody's mind about what matches
HALF = Image.fromarray(np.kron([[0, 255]], np.ones((64, 32))).astype(np.uint8))
PICTURES = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (64, 64, 3), dtype=np.uint8)) for n in range(3)]


@pytest.fixture(scope="module")
def pose(structure_image):
    return structure_image.resize((64, 64))


@pytest.fixture(scope="module")
def open_session(tiny_tokenizer, tmp_path_factory, reference_image):
    """open_session(change, ...): a session with two identities, whose pipeline was changed so."""
    known, stores = {}, defaultdict(partial(tmp_path_factory.mktemp, "store"))

    def opened(change=None, precision="fp32", controlnet=None):
        mark = change, precision, controlnet
        if mark not in known:
            pipe = tiny.pipeline(tiny_tokenizer)
            if change is not None:
                change(pipe)
            net = controlnet and controlnet(pipe.unet)
            methods = dict(appearance=EVERY, delta_bridge=DeltaBridge(end=0.6, override=0))
            store = stores[change, precision]  # a ControlNet changes no identity
            session = IdentitySession(
                pipe, store=store, precision=precision, controlnet=net, enable_progress_bar=False, **methods
            )
            for name, image in {"one": reference_image, "two": ImageOps.mirror(reference_image)}.items():
                session.register(image, prompt="a photo of a cat", name=name, box=BOX, timesteps=2)
            known[mark] = session
        return known[mark]

    return opened


class Forwards:
    """Counts the rows of a session's forwards while it draws."""

    def __init__(self, session):
        self.rows, self._unet = [], session.pipe.unet

    def __enter__(self):
        self._hook = self._unet.register_forward_pre_hook(lambda module, args: self.rows.append(len(args[0])))
        return self.rows

    def __exit__(self, *exc):
        self._hook.remove()


def draw(session, images_per_forward, structure=None, prompt=PROMPTS, **arguments):
    given = {**FAST, **arguments, "images_per_forward": images_per_forward}
    session._input_cache.clear()  # so that each call reads its prompts anew
    return session.generate(structure, prompt, **given)


def distance(one, other):
    """The largest difference of latents, over how far they spread."""
    one, other = (torch.stack(each.images).float() for each in (one, other))
    return float((one - other).abs().max() / one.std())


def nine_channels(pipe):
    return with_unet(pipe, in_channels=9)


def adapted(pipe):
    return ip_adapter.load(pipe, "plain")


def noisy_steps(pipe):
    pipe.scheduler = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)
    return pipe


def two_nets(unet):
    return [tiny_control.controlnet(unet, 1), tiny_control.controlnet(unet, 2)]


def adapter(unet):
    return tiny_control.t2i_adapter(1)


BOTH = {"one": LEFT, "two": RIGHT}
CALLS = {  # name -> what the session is opened with, and the call's arguments; "pose" and "pose, other" stand for structure images
    "text alone": ({}, OFF),
    "identities": ({}, dict(identity=["one", "two", ("one", "two")], negative_prompt=["dark", None, ""])),
    "structure for some": ({}, dict(structure=["pose", None, None], structure_box=LEFT)),
    "the conditional rows": ({}, dict(appearance=Appearance(tau=-1.0, rows="cond", per_head=True, top_k=1))),
    "without a subject's mask": ({}, dict(identity="two", appearance=Appearance(tau=-1.0, detail=0))),
    "regions": ({}, dict(identity=[BOTH, "one", BOTH], structure=[None, "pose", "pose"], structure_box=LEFT)),
    "edits": (
        {},
        dict(
            delta_bridge=DeltaBridge(), prompt=["a photo of a blue cat", "a photo of a cat", "a photo of a striped cat"]
        ),
    ),
    "pictures": (
        {},
        dict(image=PICTURES, mask_image=HALF, strength=0.8, structure=["pose", None, None], structure_box=LEFT),
    ),
    "nine channels": (
        dict(change=nine_channels),
        dict(image=PICTURES, mask_image=HALF, strength=1.0, structure=["pose", None, None], structure_box=LEFT),
    ),
    "an IP-Adapter": (
        dict(change=adapted),
        dict(ip_adapter_image=PICTURES[0], structure=["pose", None, None], structure_box=LEFT),
    ),
    "noise at each step": (dict(change=noisy_steps), {}),
    "a ControlNet": (
        dict(controlnet=tiny_control.controlnet),
        dict(structure=["pose", None, "other"], structure_box=LEFT, **CONTROL),
    ),
    "a ControlNet that guesses": (
        dict(controlnet=tiny_control.controlnet),
        dict(structure=["other", "pose", "pose"], structure_box=LEFT, guess_mode=True, **CONTROL),
    ),
    "two ControlNets": (
        dict(controlnet=two_nets),
        dict(structure=[None, ("pose", "other"), ("other", "pose")], structure_box=LEFT, **CONTROL),
    ),
    "a ControlNet-Union": (
        dict(controlnet=tiny_control.union),
        dict(structure=["pose", ("pose", "other"), "other"], structure_box=LEFT, control_mode=1, **CONTROL),
    ),
    "a T2I-Adapter": (
        dict(controlnet=adapter),
        dict(structure=["pose", None, "other"], structure_box=LEFT, **CONTROL),
    ),
}


def shown(given, pose):
    """A structure argument with images in the place of their names."""
    if isinstance(given, (list, tuple)):
        return type(given)(shown(each, pose) for each in given)
    return {"pose": pose, "other": ImageOps.invert(pose)}.get(given)


@pytest.mark.parametrize("name", CALLS)
def test_a_packed_batch_is_the_exact_one_to_within_rounding(open_session, pose, name):
    opened, given = CALLS[name]
    session, arguments = open_session(**opened), dict(given)
    structure = shown(arguments.pop("structure", None), pose)
    exact, packed = (draw(session, each, structure, **arguments) for each in ("exact", 3))
    assert 0 < distance(exact, packed) < 1e-4
    assert exact.unet_rows == packed.unet_rows
    assert packed.coverage == pytest.approx(exact.coverage, abs=1e-4)


def test_in_half_precision_it_is_as_near_as_that_is(open_session, pose):
    """As near as exact bf16 is to fp32."""
    given = dict(structure=[pose, None, pose], structure_box=LEFT, identity=["one", "two", "one"])
    session = open_session(precision="bf16")
    exact = draw(session, "exact", **given)
    with Forwards(session) as rows:
        packed = draw(session, 3, **given)
    assert rows == [11, 11, 8]
    assert distance(exact, packed) < 2 * distance(draw(open_session(), "exact", **given), exact)


def test_images_share_forwards(open_session, pose):
    """The rows of one forward: without identity, image by image, in pairs, all."""
    session, given = open_session(), dict(num_inference_steps=2, **OFF)

    def rows(images_per_forward, **more):
        with Forwards(session) as rows:
            draw(session, images_per_forward, **{**given, **more})
        return rows

    assert rows("exact") == [2] * 6
    assert rows(1) == rows("auto") == rows("exact")  # on a CPU
    assert rows(2) == [4, 2] * 2
    assert rows(5) == [6] * 2
    assert rows(5, structure=[pose, None, None], structure_box=LEFT) == [7] * 2


def test_exact_draws_each_image_as_it_is_drawn_alone(open_session, pose):
    session = open_session()
    batch = draw(session, "exact", [pose, None, pose], structure_box=LEFT).images
    for number, prompt in enumerate(PROMPTS):
        structure = None if number == 1 else pose
        alone = draw(session, 3, structure, prompt, structure_box=LEFT, seed=7 + number).image
        assert torch.equal(alone, batch[number])


def test_a_session_has_a_setting_which_a_call_overrides(open_session, tiny_tokenizer, tmp_path):
    pipe = open_session().pipe
    with IdentitySession(pipe, store=tmp_path, images_per_forward=2, enable_progress_bar=False, **OFF) as session:
        with Forwards(session) as rows:
            drawn = draw(session, None)
        assert rows == [4, 2] * 3
        assert [each["images_per_forward"] for each in drawn.settings] == [2] * 3
        assert draw(session, "exact").settings[0]["images_per_forward"] == "exact"


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "all", ""])
def test_other_values_are_refused(open_session, tmp_path, value):
    expected = f"images_per_forward={value!r}: expected 'exact', 'auto' or an integer >= 1."
    session = open_session()
    with pytest.raises(ConfigError) as of_call:
        draw(session, value)
    with pytest.raises(ConfigError) as of_session:
        IdentitySession("no/model", store=tmp_path / "none", images_per_forward=value)
    assert str(of_call.value) == str(of_session.value) == expected
    assert not (tmp_path / "none").exists()


def short_of_memory(session, monkeypatch, most):
    """The model takes so many rows; more fail inside it, between hooks that have seen them and hooks that have not."""
    layer = session.backbone.self_attention_layers(("mid",))[0]

    def fail(module, args):
        if len(args[0]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(packing, "AUTO_DEVICES", ("cpu",))
    return layer.module.to_v.register_forward_pre_hook(fail)


@pytest.mark.parametrize(("most", "expected"), [(9, [9, 6]), (6, [9, 6, 3, 4, 2]), (3, [9, 6, 3, 3, 3, 2, 2, 2])])
def test_auto_goes_on_with_fewer_where_memory_is_short(open_session, pose, monkeypatch, most, expected):
    """Three images of three rows, and two in the last step. Nothing is lost or counted twice, and the next step begins with what went."""
    session, given = open_session(), dict(num_inference_steps=2, delta_bridge=DeltaBridge(end=1.0, override=0))
    exact = draw(session, "exact", match_maps=True, **given)
    hook = short_of_memory(session, monkeypatch, most)
    try:
        with Forwards(session) as rows:
            drawn = draw(session, "auto", match_maps=True, **given)
    finally:
        hook.remove()
    assert rows == expected
    assert distance(exact, drawn) < 1e-4
    assert drawn.unet_rows == exact.unet_rows and drawn.coverage == pytest.approx(exact.coverage, abs=1e-4)
    assert [len(each) for each in drawn.matches] == [len(each) for each in exact.matches]


@pytest.mark.parametrize(("asked", "most"), [(3, 6), ("auto", 2)])
def test_memory_too_short_for_what_was_asked_is_an_error(open_session, monkeypatch, asked, most):
    session = open_session()
    hook = short_of_memory(session, monkeypatch, most)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            draw(session, asked)
    finally:
        hook.remove()
    draw(session, asked, num_inference_steps=1)  # and leaves nothing behind


def test_callbacks_change_and_stop_packed_batches_as_they_do_exact_ones(open_session):
    session = open_session()

    def change(pipe, index, timestep, tensors):
        if index == 0:
            pipe._guidance_scale = 0.0
            return {"latents": 0.9 * tensors["latents"], "prompt_embeds": tensors["prompt_embeds"].chunk(2)[-1].flip(0)}
        pipe._interrupt = index == 1
        return {}

    def drawn(images_per_forward):
        how = dict(callback_on_step_end=change, callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"])
        with Forwards(session) as rows:
            return draw(session, images_per_forward, **OFF, **how), list(rows)

    (exact, one_by_one), (packed, together) = drawn("exact"), drawn(3)
    assert distance(exact, packed) < 1e-4
    assert one_by_one[:3] == [2] * 3 and together[0] == 6
    assert len(together) == 2
