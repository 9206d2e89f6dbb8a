"""Bad registrations and generations end before a model is loaded."""

from __future__ import annotations

import pytest
from fixtures.command_line import run


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--box": "1,2,3"}, "four numbers"),
        ({"--box": "0,0,900,900"}, "image's size"),
        ({"--timesteps": "often"}, "'exact'"),
        ({"--name": "a/b"}, "cannot name"),
        ({"--mask": "DRAWN"}, "marks no pixel"),
        ({"IMAGE": "missing.png"}, "missing.png"),
        ({"--precision": "int4"}, "int4"),
    ],
)
def test_bad_registrations_end_before_a_model_is_loaded(tmp_path, drawn, changed, words):
    asked = {"IMAGE": drawn, "--name": "x", "--prompt": "a cat", "--model": tmp_path / "no-model", **changed}
    arguments = [part for key, value in asked.items() for part in ((value,) if key == "IMAGE" else (key, value))]
    arguments = [drawn if part == "DRAWN" else part for part in arguments]
    code, out, err = run("register", *arguments, root=tmp_path / "store")
    assert (code, out) == (2, "") and words in err


def test_bad_generations_end_before_a_model_is_loaded(tmp_path, root):
    def generate(name, output, *more):
        return run("generate", name, "--prompt", "a tiger", "-o", output, "--model", "no-model", *more, root=root)

    taken = tmp_path / "taken.png"
    taken.touch()
    code, _, err = generate("tiger", taken)
    assert code == 2 and "-y" in err
    assert generate("tiger", tmp_path / "no" / "x.png")[0] == 2
    assert "PNG" in generate("tiger", tmp_path / "x.jpg")[2]
    assert "did you mean" in generate("tigre", tmp_path / "x.png")[2]
    assert generate("tiger", tmp_path / "x.png", "--structure", taken)[0] == 2  # an empty file
    assert "start < end" in generate("tiger", tmp_path / "x.png", "--guidance-interval", 0.8, 0.2)[2]
    assert taken.read_bytes() == b"" and not (tmp_path / "x.png").exists()
