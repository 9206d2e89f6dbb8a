"""Presets reach the picture: by session, call, command line and benchmark, with explicit settings on top."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from fixtures import tiny_modular, tiny_sd15

from seal_sdk import Alignment, Appearance, DeltaBridge, IdentitySession, Structure
from seal_sdk.cli.main import seal as command
from seal_sdk.errors import ConfigError, InputError, UnsupportedModel
from seal_sdk.evaluation import parse_method
from seal_sdk.evaluation.painter import Drawing, Painter
from seal_sdk.images import read_settings
from seal_sdk.modular import DeltaBridgeGuidance, IdentityBlocks
from seal_sdk.presets import PAPER

BOX = (20.0, 20.0, 100.0, 110.0)
STEPS = 2
SIZE = (64, 64)
FAST = dict(num_inference_steps=STEPS, guidance_scale=4.0, seed=5, height=SIZE[0], width=SIZE[1])
ONE_BY_ONE = dict(
    alignment=Alignment(),
    appearance=Appearance(
        delta=3.0, top_k=1, gating="none", tokens="all", latents="clean", quantization="none", detail=0
    ),
    delta_bridge=DeltaBridge(region="image", quality="high quality", override=0),
    structure_control=Structure(end=0.6, features=("up_blocks.0.resnets.0",), attention=("up0",)),
)


@pytest.fixture(scope="module")
def pipe(tiny_tokenizer):
    from fixtures import tiny

    return tiny.pipeline(tiny_tokenizer)


@pytest.fixture
def open_session(pipe, tmp_path, quick_disk):
    """Sessions of one pipeline and one store."""

    def open_session(**settings):
        return IdentitySession(pipe, store=tmp_path / "store", enable_progress_bar=False, **settings)

    return open_session


@pytest.fixture
def session(open_session, reference_image):
    """A session with the identity "cat", registered as the paper has it."""
    session = open_session()
    register(session, reference_image, preset="paper")
    return session


def register(session, image, **settings):
    return session.register(
        image, prompt="a photo of a cat", name="cat", box=BOX, num_inference_steps=STEPS, **settings
    )


@pytest.fixture
def draw(structure_image):
    def draw(session, **settings):
        return session.generate(
            structure_image, "a red cat on snow", identity="cat", structure_box=BOX, **FAST, **settings
        )

    return draw


def pixels(generation):
    return np.asarray(generation.image)


def test_a_call_with_the_preset_draws_what_its_settings_draw_one_by_one(session, draw):
    by_name = pixels(draw(session, preset="paper"))
    assert np.array_equal(by_name, pixels(draw(session, **ONE_BY_ONE)))
    for name in ("appearance", "delta_bridge", "structure_control"):  # each counts; in the alignment the presets agree
        others = {key: value for key, value in ONE_BY_ONE.items() if key != name}
        assert not np.array_equal(by_name, pixels(draw(session, **others)))


def test_a_session_with_the_preset_registers_and_draws_what_calls_do(session, open_session, draw, reference_image):
    paper = open_session(preset="paper")
    assert register(paper, reference_image).digest == session.identities["cat"].digest
    assert np.array_equal(pixels(draw(paper)), pixels(draw(session, preset="paper")))


def test_registering_with_the_preset_stores_all_of_the_reference_as_it_is(session, open_session, reference_image):
    identity = session.identities["cat"]
    assert identity.tokens is None
    assert {spec.logical_dtype for spec in identity.stored.arrays} == {"float32"}
    assert identity.stored.recipe["latents"] == "clean"
    sampled = session.backbone.sampler(STEPS).timesteps
    assert identity.timesteps == tuple(int(t) for t in sampled) and len(identity.timesteps) == STEPS
    assert register(session, reference_image, preset="paper", timesteps=3).timesteps == (833, 500, 166)
    assert register(session, reference_image).timesteps == (875, 625, 375, 125)


def test_an_identity_of_the_default_is_refused_with_the_way_out(open_session, draw, reference_image):
    session = open_session()
    register(session, reference_image)
    with pytest.raises(InputError, match=r"'cat' was registered with tokens='subject'.*preset='paper'"):
        draw(session, preset="paper")


def test_explicit_settings_win_over_the_preset(session, open_session, draw):
    own = replace(PAPER.appearance, delta=1.0)
    expected = pixels(draw(session, **ONE_BY_ONE | {"appearance": own}))
    assert np.array_equal(pixels(draw(session, preset="paper", appearance=own)), expected)
    assert np.array_equal(pixels(draw(open_session(preset="paper", appearance=own))), expected)
    assert not np.array_equal(pixels(draw(session, preset="paper")), expected)


def test_a_calls_preset_wins_over_all_settings_of_the_session(session, open_session, draw):
    other = open_session(appearance=Appearance(delta=0), structure=Structure(control="none"))
    assert np.array_equal(pixels(draw(other, preset="paper")), pixels(draw(session, preset="paper")))


def test_the_benchmark_draws_the_preset_by_its_name(session, draw, reference_image, structure_image):
    mask = session.identities["cat"].mask
    drawing = Drawing(
        name="the benchmark's cat",
        reference=reference_image,
        reference_prompt="a photo of a cat",
        structure=structure_image,
        structure_prompt=None,
        prompt="a red cat on snow",
        seed=5,
        size=SIZE,
        reference_mask=mask,
        structure_mask=mask,
        masks_given=True,
    )
    sampling = {"num_inference_steps": STEPS, "guidance_scale": 4.0}
    drawn, _ = Painter(session, sampling).draw(drawing, parse_method("seal:preset=paper"))
    assert np.array_equal(drawn, pixels(draw(session, preset="paper")))


def test_diffusers_modular_pipelines_take_the_presets_settings(session, pipe):
    drawn = session.generate(
        None, "a cat", identity="cat", preset="paper", structure_control=Structure(control="none"),
        output_type="latent", **FAST,
    )  # fmt: skip
    guider = DeltaBridgeGuidance(guidance_scale=4.0, **asdict(PAPER.delta_bridge))
    latents = tiny_modular.modular(IdentityBlocks(), pipe, guider=guider)(
        prompt="a cat", identity=session.identities["cat"], appearance=PAPER.appearance, num_inference_steps=STEPS,
        height=SIZE[0], width=SIZE[1], output_type="latent", generator=torch.Generator().manual_seed(5), output="images",
    )  # fmt: skip
    assert torch.equal(latents[0], drawn.image)


def test_a_picture_says_its_preset_and_what_differs_from_it(session, draw):
    plain = draw(session, preset="paper").settings[0]
    assert plain["preset"] == {"name": "paper", "timesteps": "exact", "changes": {}, "registered_otherwise": {}}
    assert plain["appearance"] == asdict(PAPER.appearance) and plain["structure_control"] == asdict(PAPER.structure)
    changed = draw(session, preset="paper", delta_bridge=replace(PAPER.delta_bridge, strength=0.5)).settings[0]
    assert changed["preset"]["changes"] == {"delta_bridge.strength": {"preset": 0.1, "given": 0.5}}
    default = draw(session).settings[0]["preset"]
    assert (default["name"], default["changes"]) == ("seal", {})
    assert default["registered_otherwise"]["cat"] == {
        "latents": {"preset": "scaled", "stored": "clean"},
        "tokens": {"preset": "subject", "stored": "all"},
        "quantization": {"preset": "int8", "stored": "none"},
        "timesteps": {"preset": 4, "stored": list(session.identities["cat"].timesteps)},
    }


def test_a_picture_says_where_timesteps_are_not_exact(session, draw, reference_image):
    register(session, reference_image, preset="paper", timesteps=1)
    otherwise = draw(session, preset="paper").settings[0]["preset"]["registered_otherwise"]
    assert otherwise == {"cat": {"timesteps": {"preset": "exact", "stored": [500]}}}


def test_on_another_family_the_papers_structure_needs_layers_of_its_own(
    tiny_tokenizer, tmp_path, draw, reference_image
):
    session = IdentitySession(tiny_sd15.pipeline(tiny_tokenizer), store=tmp_path, enable_progress_bar=False)
    register(session, reference_image, preset="paper")
    computed = []
    for model in (session.pipe.text_encoder, session.pipe.unet):
        model.register_forward_pre_hook(lambda *_: computed.append(1))
    for structure, told in (
        (None, "no up0; its blocks with self-attention are .* leave features and attention out"),
        (Structure(features=("up_blocks.7",)), "this UNet has no up_blocks.7; leave it out"),
    ):
        with pytest.raises(UnsupportedModel, match=told):
            draw(session, preset="paper", structure_control=structure)
    assert not computed
    drawn = draw(session, preset="paper", structure_control=Structure(end=0.6))
    assert drawn.coverage[0] > 0 and drawn.settings[0]["appearance"] == asdict(PAPER.appearance)


def test_the_state_keeps_the_preset(open_session):
    state = json.loads(json.dumps(open_session(preset="paper", alignment=Alignment(enabled=False)).state_dict()))
    other = open_session()
    other.load_state_dict(state)
    assert (other.preset, other.timesteps, other.appearance) == ("paper", "exact", PAPER.appearance)
    assert other.alignment == Alignment(enabled=False) and other.structure == PAPER.structure


def test_an_unknown_preset_is_refused_everywhere(session, open_session, draw, reference_image):
    message = "preset='papre': expected one of 'seal', 'paper'"
    for call in (
        lambda: open_session(preset="papre"),
        lambda: register(session, reference_image, preset="papre"),
        lambda: draw(session, preset="papre"),
        lambda: parse_method("seal:preset=papre"),
    ):
        with pytest.raises(ConfigError, match=message):
            call()


def test_the_command_line_registers_draws_and_shows_the_preset(tmp_path, reference_image, structure_image):
    reference_image.save(tmp_path / "reference.png")
    structure_image.save(tmp_path / "structure.png")
    words, out = "a photo of a cat on snow", tmp_path / "out.png"

    def seal(*arguments):
        done = CliRunner().invoke(command, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output + repr(done.exception)
        return done.stdout

    how = ("--preset", "paper", "--steps", 2, "--store", tmp_path / "store")
    seal("register", tmp_path / "reference.png", "--name", "cat", "--prompt", "a photo of a cat", *how)
    seal("generate", "cat", "--structure", tmp_path / "structure.png", "--prompt", words, "-o", out, "--seed", 3, *how)
    with IdentitySession("pocket", store=tmp_path / "store", enable_progress_bar=False) as session:
        drawn = session.generate(
            structure_image, words, identity="cat", preset="paper", seed=3, num_inference_steps=2
        ).settings[0]
        image = pixels(session.generate(structure_image, words, identity="cat", seed=3, num_inference_steps=2,
                                        **ONE_BY_ONE))  # fmt: skip
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(out)), image)
    assert read_settings(out) == json.loads(json.dumps(drawn))
    shown = {tuple(line.split()) for line in seal("show", out).splitlines()}
    assert {("name", "paper"), ("timesteps", "exact"), ("changes", "-"), ("registered_otherwise", "-")} <= shown
    groups = (PAPER.alignment, PAPER.appearance, PAPER.delta_bridge, PAPER.structure)
    for name, value in ((name, value) for group in groups for name, value in asdict(group).items()):
        value = list(value) if isinstance(value, tuple) else value
        assert (name, *str(value).split()) in shown
