"""The studio is served by the example and by the command, and both end as they are told."""

import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from seal_sdk import IdentitySession
from seal_sdk.serving.engine import Engine
from seal_sdk.serving.studio.app import serving

EXAMPLE = Path(__file__).parents[4] / "examples" / "studio.py"


def test_the_example_serves_for_as_long_as_it_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["studio.py", "--store", str(tmp_path), "--port", "0", "--seconds", "0"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert re.fullmatch(r"The studio is at http://127\.0\.0\.1:\d+/\n", capsys.readouterr().out)


def test_the_command_prints_its_address_and_ends_when_it_is_asked(tmp_path):
    command = [sys.executable, "-m", "seal_sdk.cli", "studio", "--no-browser", "--port", "0", "--store", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as studio:
        said = studio.stdout.readline()
        studio.send_signal(signal.SIGTERM)
        assert studio.wait(180) == 0
    assert re.fullmatch(r"The studio is at http://127\.0\.0\.1:\d+/ \(Ctrl-C ends it\)\.\n", said)


def test_in_an_empty_library_the_page_opens_where_one_registers(browser, tmp_path):
    with (
        IdentitySession("pocket", store=tmp_path, enable_progress_bar=False) as session,
        Engine(session) as engine,
        serving(engine, port=0) as address,
    ):
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("tab", name="Register", exact=True)).to_have_attribute("aria-selected", "true")
        page.close()
