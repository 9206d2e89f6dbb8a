"""How many rows the UNet computes, in every kind of call: none that has no weight. docs/performance.md has the table."""

from __future__ import annotations

import pytest
from fixtures import tiny_control

from seal_sdk import Appearance, DeltaBridge, IdentitySession, Structure

BOX = (20, 20, 100, 110)
STEPS = 5  # at progress 0, 0.25, 0.5, 0.75 and 1: three of them lie before 0.6
HOW = dict(num_inference_steps=STEPS, guidance_scale=4.0, seed=7, height=64, width=64, output_type="latent")
OFF = dict(appearance=Appearance(delta=0), delta_bridge=DeltaBridge(strength=0))
NO_EDITS = DeltaBridge(end=0.6, override=0)  # the default ends at 0.3, before the third step
SIX_TENTHS = Structure(end=0.6)  # Ctrl-X's; the tiny model's own is 1


class Counter:
    """Rows of each forward of a UNet."""

    def __init__(self, unet):
        self.rows = []
        unet.register_forward_pre_hook(lambda _, inputs: self.rows.append(len(inputs[0])))

    def of(self, draw):
        """Rows of each forward of a call; they are those that the call says."""
        self.rows.clear()
        drawn = draw()
        assert sum(self.rows) == drawn.unet_rows
        return list(self.rows)


class Studio:
    """A tiny pipeline with a ControlNet, and two identities."""

    def __init__(self, pipe, store, reference, structure):
        self.structure = structure
        self.session = IdentitySession(
            pipe, store=store, controlnet=tiny_control.controlnet(pipe.unet), enable_progress_bar=False
        )
        for name, timesteps, preset in (("cat", 2, None), ("dog", 2, None), ("paper", "exact", "paper")):
            given = dict(timesteps=timesteps, preset=preset, num_inference_steps=STEPS, box=BOX)
            self.session.register(reference, prompt=f"a photo of a {name}", name=name, **given)
        self.counter = Counter(pipe.unet)

    def rows(self, prompt="a photo of a cat on snow", structure=False, **given):
        """Rows of each forward."""
        shown = dict(structure=self.structure, structure_box=BOX) if structure else dict(structure=None)
        identity = given.pop("identity", None)
        self.session._in_use = None
        return self.counter.of(lambda: self.session.generate(prompt=prompt, identity=identity, **shown, **HOW | given))


@pytest.fixture(scope="module")
def studio(tiny_tokenizer, tmp_path_factory, reference_image, structure_image):
    from fixtures import tiny

    return Studio(tiny.pipeline(tiny_tokenizer), tmp_path_factory.mktemp("rows"), reference_image, structure_image)


def steps(before, after, at=3):
    """So many rows in the first steps, and so many in the others."""
    return [before] * at + [after] * (STEPS - at)


CAT = dict(identity="cat", delta_bridge=NO_EDITS)
TWO = dict(identity={"cat": (0, 0, 32, 64), "dog": (32, 0, 64, 64)}, delta_bridge=NO_EDITS)
CONTROLNET = dict(structure=True, structure_control=Structure(control="controlnet"))
INJECT = dict(structure=True, structure_control=SIX_TENTHS)
KINDS = {
    "no identity": (OFF, steps(2, 2)),
    "no identity, guidance 1": (OFF | dict(guidance_scale=1.0), steps(1, 1)),
    "no identity, structure": (OFF | INJECT, steps(3, 2)),
    "no identity, ControlNet": (OFF | CONTROLNET, steps(2, 2)),
    "identity": (CAT, steps(3, 2)),
    "identity, structure": (CAT | INJECT, steps(4, 2)),
    "identity, structure to the end": (CAT | INJECT | dict(structure_control=Structure(end=1)), steps(4, 3)),
    "identity, ControlNet": (CAT | CONTROLNET, steps(3, 2)),
    "identity, guidance 1": (CAT | dict(guidance_scale=1.0), steps(2, 1)),
    "identity, structure, guidance 1": (CAT | INJECT | dict(guidance_scale=1.0), steps(3, 1)),
    "identity, guidance until 0.5": (CAT | dict(guidance_interval=(0, 0.5)), [3, 3, 2, 1, 1]),
    "identity, guidance from 0.3": (CAT | dict(guidance_interval=(0.3, 1)), [2, 2, 3, 2, 2]),
    "identity, strength 0": (CAT | dict(delta_bridge=DeltaBridge(strength=0)), steps(2, 2)),
    "identity, strength 0, base app": (CAT | dict(delta_bridge=DeltaBridge(strength=0, base="app")), steps(2, 2)),
    "identity, base app": (CAT | dict(delta_bridge=DeltaBridge(base="app", override=0)), steps(3, 2, at=2)),
    "identity, bridge that ends at once": (CAT | dict(delta_bridge=DeltaBridge(end=0, override=0)), steps(2, 2)),
    "identity, the reference's own prompt": (CAT | dict(prompt="a photo of a cat"), steps(2, 2)),
    "identity, nothing infused": (CAT | dict(appearance=Appearance(delta=0)), steps(3, 2)),
    "identity, structure of scale 0": (CAT | dict(structure=True, structure_control=Structure(scale=0)), steps(3, 2)),
    "identity, structure put nowhere": (
        CAT | dict(structure=True, structure_control=Structure(features=(), attention=())),
        steps(3, 2),
    ),
    "identity, structure that ends at once": (
        CAT | dict(structure=True, structure_control=Structure(end=0)),
        steps(3, 2),
    ),
    "identity, structure not used": (
        CAT | dict(structure=True, structure_control=Structure(control="none")),
        steps(3, 2),
    ),
    "two references": (CAT | dict(identity=("cat", "dog")), steps(3, 2)),
    "two subjects": (TWO, steps(3, 2)),
    "two subjects, structure": (TWO | INJECT, steps(4, 2)),
    "paper": (dict(identity="paper", preset="paper"), steps(3, 2)),
    "paper, structure": (dict(identity="paper", preset="paper") | INJECT, steps(4, 2)),
    "words of the scene": (CAT | dict(delta_bridge=DeltaBridge()), [1, *steps(3, 2, at=2)]),
    "one word of the subject": (
        CAT | dict(delta_bridge=DeltaBridge(), prompt="a photo of a red cat"),
        [2, 2, 2, *steps(3, 2, at=2)],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_is_computed_that_is_not_needed(studio, kind):
    given, rows = KINDS[kind]
    assert studio.rows(**given) == rows


def test_a_callback_that_changes_the_prompt_brings_delta_bridges_row_back(studio):
    def change(pipe, index, timestep, tensors):
        return {"prompt_embeds": 2 * tensors["prompt_embeds"]} if index == 0 else {}

    how = dict(callback_on_step_end=change, callback_on_step_end_tensor_inputs=["prompt_embeds"])
    assert studio.rows("a photo of a cat", **CAT, **how) == [2, 3, 3, 2, 2]
