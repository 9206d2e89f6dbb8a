"""`seal studio` without the extra, and with a port that is taken."""

import importlib.util
import socket

import pytest
from click.testing import CliRunner

from seal_sdk.cli.commands import studio
from seal_sdk.cli.main import seal


def test_without_gradio_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(studio, "find_spec", lambda name: None if name == "gradio" else importlib.util.find_spec(name))
    done = CliRunner().invoke(seal, ["studio", "--no-browser"])
    assert (
        done.exit_code == 2 and done.output.strip() == "Error: The studio needs gradio: pip install 'seal-sdk[studio]'."
    )


def test_a_taken_port_is_told_before_a_model_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = CliRunner().invoke(seal, ["studio", "--no-browser", "--port", str(port), "--model", "no/such/model"])
    assert done.exit_code == 2 and f"port={port}" in done.output


@pytest.mark.parametrize(("display", "there"), [({"DISPLAY": ":0"}, True), ({}, False)])
def test_a_browser_is_opened_where_there_is_a_desktop(monkeypatch, display, there):
    monkeypatch.setattr(studio.os, "environ", display)
    assert studio.has_desktop() is there
