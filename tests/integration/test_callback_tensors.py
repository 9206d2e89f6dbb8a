"""``callback_on_step_end_tensor_inputs``: step callbacks read and change latents and embeddings as in diffusers, bit for bit."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLControlNetPipeline, StableDiffusionXLImg2ImgPipeline
from diffusers.callbacks import SDCFGCutoffCallback, SDXLCFGCutoffCallback, SDXLControlnetCFGCutoffCallback
from fixtures import ip_adapter, tiny, tiny_control, tiny_sd15
from PIL import Image

from seal_sdk import Appearance, DeltaBridge, IdentitySession
from seal_sdk.callbacks import StepCallback
from seal_sdk.errors import InputError
from seal_sdk.generation.infusion_step import Step

OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
ON = dict(appearance=Appearance(tau=-1.0), delta_bridge=DeltaBridge(override=0))
SIZE = dict(height=64, width=64)
FAST = dict(num_inference_steps=4, guidance_scale=4.0, **SIZE)
IDS = dict(negative_original_size=(32, 32), negative_target_size=(96, 64))
"""So that the size ids of the two rows differ."""
XL = ["prompt_embeds", "add_text_embeds", "add_time_ids"]
NAMES = {"xl": XL, "sd15": ["prompt_embeds"]}


@pytest.fixture(scope="module")
def pipes(tiny_tokenizer):
    return {"xl": tiny.pipeline(tiny_tokenizer), "sd15": tiny_sd15.pipeline(tiny_tokenizer)}


@pytest.fixture
def open_session(pipes, tmp_path):
    return lambda family: IdentitySession(pipes[family], store=tmp_path, enable_progress_bar=False)


@pytest.fixture
def session(open_session):
    with open_session("xl") as session:
        yield session


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def steps(call, names=None):
    """The arguments of diffusers for this callback, called with pipe, index and the tensors, which may return none to change."""

    def callback(pipe, index, timestep, tensors):
        return call(pipe, index, tensors) or {}

    return dict(callback_on_step_end=callback, **({} if names is None else named(names)))


def named(names):
    return dict(callback_on_step_end_tensor_inputs=["latents", *names])


def by_diffusers(session, **arguments):
    session.pipe.set_progress_bar_config(disable=True)
    arguments = {"prompt": "a cat", "generator": generator(), "output_type": "np", **FAST, **arguments}
    return session.pipe(**arguments).images[0]


def by_session(session, prompt="a cat", **arguments):
    return session.generate(None, prompt, **{"output_type": "np", "seed": 3, **FAST, **OFF, **arguments})


def halved_guidance(family, at=1):
    """diffusers' documented callback: without guidance from a step on."""

    def cut(pipe, index, tensors):
        if index != at:
            return None
        pipe._guidance_scale = 0.0
        return {name: tensors[name].chunk(2)[-1] for name in NAMES[family]}

    return steps(cut, NAMES[family])


def changed_halfway(family, at=1):
    """Every tensor of the prompt changes once, each row otherwise."""

    def change(pipe, index, tensors):
        if index != at:
            return None
        rows = len(tensors["prompt_embeds"])
        scale = torch.linspace(0.5, 2.0, rows)
        return {
            name: tensors[name] * scale.reshape(rows, *[1] * (tensors[name].ndim - 1)).to(tensors[name].dtype)
            for name in NAMES[family]
        }

    return steps(change, NAMES[family])


def in_place(family):
    def change(pipe, index, tensors):
        if index == 1:
            tensors["prompt_embeds"].mul_(0.5)

    return steps(change, NAMES[family])


def longer(family):
    def change(pipe, index, tensors):
        return {"prompt_embeds": torch.cat([tensors["prompt_embeds"]] * 2, 1)} if index == 1 else None

    return steps(change, NAMES[family])


CHANGES = {"halfway": changed_halfway, "cut": halved_guidance, "in place": in_place, "longer": longer}


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_a_callback_returns_is_what_later_steps_use(open_session, family, change):
    with open_session(family) as session:
        given = dict(negative_prompt="a dog", **(IDS if family == "xl" else {}))
        ours = by_session(session, **given, **change(family))
        assert np.array_equal(ours.image, by_diffusers(session, **given, **change(family)))
        assert not np.array_equal(ours.image, by_session(session, **given).image)


@pytest.mark.parametrize("scale", [4.0, 1.0], ids=["guided", "unguided"])
@pytest.mark.parametrize("family", NAMES)
def test_reading_gives_diffusers_tensors_and_changes_nothing(open_session, family, scale):
    seen = []
    given = dict(guidance_scale=scale, negative_prompt="a dog", **(IDS if family == "xl" else {}))
    read = steps(lambda pipe, index, tensors: seen.append({name: each.clone() for name, each in tensors.items()}), None)
    with open_session(family) as session:
        ours = by_session(session, **given, **read, **named(NAMES[family]))
        assert np.array_equal(ours.image, by_session(session, **given).image)
        by_diffusers(session, **given, **read, **named(NAMES[family]))
    count = len(seen) // 2
    assert count >= 4 and set(seen[0]) == {"latents", *NAMES[family]}
    assert len(seen[0]["prompt_embeds"]) == (2 if scale > 1 else 1)
    for mine, theirs in zip(seen[:count], seen[count:], strict=True):
        assert all(torch.equal(mine[name], theirs[name]) and mine[name].dtype == theirs[name].dtype for name in theirs)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("change", [changed_halfway, halved_guidance])
def test_a_batch_draws_what_single_calls_draw(open_session, family, change):
    """Each image gets its own rows. The change is the same for all of one kind, so that it can be made of one image alone."""

    def by_kind(pipe, index, tensors):
        if index != 1:
            return None
        return {name: torch.cat([each * 0.5 for each in tensors[name].chunk(2)]) for name in NAMES[family]}

    how = steps(by_kind, NAMES[family]) if change is changed_halfway else change(family)
    how |= IDS if family == "xl" else {}
    with open_session(family) as session:
        negatives = ["a horse", "snow"]
        batch = by_session(session, ["a cat", "a dog"], negative_prompt=negatives, seed=[3, 4], **how)
        for image, prompt, negative, seed in zip(batch.images, ["a cat", "a dog"], negatives, [3, 4], strict=True):
            alone = by_session(session, prompt, negative_prompt=negative, seed=seed, **how)
            assert np.array_equal(image, alone.image)
            theirs = by_diffusers(session, prompt=prompt, negative_prompt=negative, generator=generator(seed), **how)
            assert np.array_equal(image, theirs)


def test_the_rows_of_a_batch_are_unconditional_first(session):
    seen = []
    words = dict(negative_prompt=["a horse", "snow"])
    by_session(session, ["a cat", "a dog"], **words, **IDS, **steps(lambda *given: seen.append(given[-1]), XL))
    encode = partial(session.pipe.encode_prompt, device="cpu")
    with torch.no_grad():
        pairs = [
            encode(cat, negative_prompt=no) for cat, no in zip(["a cat", "a dog"], ["a horse", "snow"], strict=True)
        ]
    assert torch.equal(seen[0]["prompt_embeds"], torch.cat([pair[i] for i in (1, 0) for pair in pairs]))
    assert torch.equal(seen[0]["add_text_embeds"], torch.cat([pair[i] for i in (3, 2) for pair in pairs]))
    assert seen[0]["add_time_ids"].tolist() == [[32, 32, 0, 0, 96, 64]] * 2 + [[64, 64, 0, 0, 64, 64]] * 2


@pytest.mark.parametrize("family, cutoff", [("xl", SDXLCFGCutoffCallback), ("sd15", SDCFGCutoffCallback)])
def test_diffusers_own_cutoffs_of_guidance(open_session, family, cutoff):
    how = dict(callback_on_step_end=cutoff(cutoff_step_ratio=0.5, cutoff_step_index=None))
    with open_session(family) as session:
        ours = by_session(session, **how)
        assert np.array_equal(ours.image, by_diffusers(session, **how))
        assert ours.unet_rows == by_session(session).unet_rows - (1 if family == "xl" else 2)


def test_guidance_may_begin_later(session):
    with torch.no_grad():
        positive, negative, pooled, negative_pooled = session.pipe.encode_prompt("a cat", negative_prompt="a dog")

    def begin(pipe, index, tensors):
        if index != 1:
            return None
        pipe._guidance_scale = 5.0
        return {
            "prompt_embeds": torch.cat([negative, positive]),
            "add_text_embeds": torch.cat([negative_pooled, pooled]),
            "add_time_ids": tensors["add_time_ids"].repeat(2, 1),
        }

    how = dict(guidance_scale=1.0, **steps(begin, XL))
    ours = by_session(session, **how)
    assert np.array_equal(ours.image, by_diffusers(session, **how))
    assert ours.unet_rows == 1 + 1 + 2 + 2


def test_guidance_that_begins_without_unconditional_rows_is_refused(session):
    def begin(pipe, index, tensors):
        pipe._guidance_scale = 5.0

    with pytest.raises(InputError, match="switched guidance on"):
        by_session(session, guidance_scale=1.0, **steps(begin))
    with pytest.raises(InputError, match=r"prompt_embeds is of shape \(1, 77, 64\); expected .* \(2, 77, 64\)"):
        by_session(session, guidance_scale=1.0, **steps(begin, XL))


@pytest.mark.parametrize("change", [changed_halfway, halved_guidance])
def test_beside_a_picture(session, change):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    given = dict(image=picture, strength=0.8, negative_prompt="a dog", num_inference_steps=4, guidance_scale=4.0)
    theirs = StableDiffusionXLImg2ImgPipeline(**session.pipe.components, add_watermarker=False)
    theirs.set_progress_bar_config(disable=True)
    drawn = theirs(prompt="a cat", generator=generator(), output_type="np", **given, **IDS, **change("xl")).images[0]
    assert np.array_equal(by_session(session, **given, **IDS, **change("xl")).image, drawn)


def test_with_image_prompts(tiny_pipeline, tmp_path):
    pipe = ip_adapter.load(tiny_pipeline(), "plain")
    how = dict(ip_adapter_image=Image.new("RGB", (40, 30), "navy"))
    with IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session:
        ours = by_session(session, **how, **changed_halfway("xl"))
        assert np.array_equal(ours.image, by_diffusers(session, **how, **changed_halfway("xl")))
        cut = by_session(session, **how, **halved_guidance("xl"))  # fails in diffusers, which keeps both rows' images
        assert cut.unet_rows == 2 + 2 + 1 + 1 and np.isfinite(cut.image).all()


@pytest.mark.parametrize("family", NAMES)
def test_an_identity_is_drawn(open_session, family, reference_image, structure_image):
    box = dict(structure_box=(20, 20, 100, 110))
    with open_session(family) as session:
        session.register(reference_image, prompt="a photo of a cat", name="cat", box=(20, 20, 100, 110))
        plain = by_session(session, **ON)
        for change in (changed_halfway, halved_guidance):
            drawn = by_session(session, **ON, **change(family))
            assert drawn.coverage[0] > 0.9 and np.isfinite(drawn.image).all()
            assert not np.array_equal(drawn.image, plain.image)
        before = dict(session.pipe.__dict__)
        posed = session.generate(structure_image, "a cat", seed=3, **box, **FAST, **ON, **halved_guidance(family))
        rows = session.generate(structure_image, "a cat", seed=3, **box, **FAST, **ON).unet_rows
        assert rows - posed.unet_rows == (2 if family == "xl" else 3)
        assert session.pipe.__dict__ == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_precisions(tiny_pipeline, tmp_path, dtype):
    with IdentitySession(tiny_pipeline().to(dtype), store=tmp_path, enable_progress_bar=False) as session:
        for change in (changed_halfway, halved_guidance):
            ours, theirs = by_session(session, **change("xl")), by_diffusers(session, **change("xl"))
            assert np.array_equal(ours.image, theirs)


def returns(name, value):
    return steps(lambda pipe, index, tensors: {name: value}, XL)


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("prompt_embeds", torch.zeros(1, 77, 64), r"\(1, 77, 64\); expected .* \(2, 77, 64\), the uncond"),
        ("prompt_embeds", torch.zeros(2, 77, 65), r"\(2, 77, 64\)"),
        ("prompt_embeds", torch.zeros(2, 0, 64), r"\(2, 77, 64\)"),
        ("add_text_embeds", torch.zeros(2, 31), r"\(2, 32\)"),
        ("add_time_ids", torch.zeros(6), r"\(2, 6\)"),
        ("add_time_ids", None, r"a NoneType; expected .* \(2, 6\)"),
        ("latents", torch.zeros(2, 4, 16, 16), r"\(1, 4, 16, 16\)\."),
    ],
)
def test_tensors_of_a_wrong_shape_are_refused(session, name, value, expected):
    before = dict(session.pipe.__dict__)
    with pytest.raises(InputError, match=f"{name} is .*{expected}"):
        by_session(session, **returns(name, value))
    assert session.pipe.__dict__ == before


def test_a_cutoff_for_one_image_is_refused_for_two(session):
    how = dict(callback_on_step_end=SDXLCFGCutoffCallback(cutoff_step_ratio=0.5, cutoff_step_index=None))
    with pytest.raises(InputError, match=r"\(1, 77, 64\); expected .* \(2, 77, 64\) or \(4, 77, 64\)"):
        by_session(session, ["a cat", "a dog"], **how)


def test_what_is_no_dict_is_refused(session):
    with pytest.raises(InputError, match="returned None: expected a dict"):
        by_session(session, callback_on_step_end=lambda *given: None)


def test_other_tensors_of_the_pipeline_are_refused_by_name(session, open_session):
    rows = []
    handle = session.pipe.unet.register_forward_pre_hook(lambda *_: rows.append(1))
    with pytest.raises(InputError, match=r"image cannot .* latents, prompt_embeds, add_text_embeds, add_time_ids can"):
        by_session(session, callback_on_step_end=SDXLControlnetCFGCutoffCallback(cutoff_step_ratio=0.5))
    with (
        open_session("sd15") as other,
        pytest.raises(InputError, match=r"negative_.* cannot .* latents, prompt_embeds can"),
    ):
        by_session(other, **steps(print, ["negative_prompt_embeds"]))
    handle.remove()
    assert not rows


def test_returning_another_tensor_of_the_pipeline_is_refused(pipes, tmp_path):
    pipe = StableDiffusionXLControlNetPipeline(
        **pipes["xl"].components, controlnet=tiny_control.controlnet(pipes["xl"].unet), add_watermarker=False
    )
    with (
        IdentitySession(pipe, store=tmp_path, enable_progress_bar=False) as session,
        pytest.raises(InputError, match="returned: image cannot"),
    ):
        by_session(session, **steps(lambda *given: {"image": torch.zeros(1)}))


def test_nothing_is_assembled_that_the_callback_does_not_name():
    asked = []

    class Tensors:
        latents = torch.zeros(1)

        def clean(self):
            raise AssertionError("nobody asked for it")

        def read(self, names):
            asked.append(tuple(names))
            return {}

        def change(self, given):
            assert not given

    for callback in (None, lambda *given: {}):
        StepCallback(callback, ["latents"], XL)(None, lambda *told: None, Step(0, torch.tensor(1), 0.0, 1.0), Tensors())
    assert asked == [("latents",)]
