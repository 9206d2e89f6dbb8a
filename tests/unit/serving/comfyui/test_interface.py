"""What ComfyUI reads of the nodes, in both of its schemas."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.comfyui import argument_names, install, install_v3
from fixtures.stored_identity import put

from seal_sdk.serving import comfyui
from seal_sdk.serving.comfyui.models import Models
from seal_sdk.serving.comfyui.nodes import CATEGORY, make_nodes
from seal_sdk.serving.comfyui.v1 import node_class
from store import IdentityStore

WORKFLOW = Path(__file__).parents[4] / "examples" / "comfyui_workflow_api.json"
FOR_BROWSER = WORKFLOW.with_name("comfyui_workflow.json")
COMFYUIS_OWN = {"LoadImage": {"image"}, "PreviewImage": {"images"}}
NAMES = {
    "SealModel",
    "SealIdentity",
    "SealRegister",
    "SealReferences",
    "SealRegion",
    "SealSettings",
    "SealDraw",
    "SealDrawInto",
    "SealMatchMap",
    "SealSave",
}


@pytest.fixture
def nodes(monkeypatch, tmp_path):
    monkeypatch.setenv("SEAL_STORE", str(tmp_path / "store"))
    return {node.name: node_class(node) for node in make_nodes(Models())}


def inputs(node):
    types = node.INPUT_TYPES()
    return {**types["required"], **types["optional"]}


def test_the_package_publishes_every_node_with_a_title():
    assert set(comfyui.NODE_CLASS_MAPPINGS) == NAMES == set(comfyui.NODE_DISPLAY_NAME_MAPPINGS)
    assert comfyui.NODE_DISPLAY_NAME_MAPPINGS["SealDrawInto"] == "SeAl: Draw Into"
    with pytest.raises(AttributeError, match="nonsense"):
        comfyui.nonsense  # noqa: B018


def test_nodes_have_what_comfyui_asks_of_a_v1_class(nodes):
    for node in nodes.values():
        assert node.CATEGORY == CATEGORY and callable(getattr(node(), node.FUNCTION))
        assert len(node.RETURN_TYPES) == len(node.RETURN_NAMES) == len(node.OUTPUT_TOOLTIPS)
        assert node.DESCRIPTION.endswith(".")
        for name, (kind, options) in inputs(node).items():
            assert isinstance(kind, (str, list)), name
            assert options["tooltip"], name
    assert [name for name, node in nodes.items() if node.OUTPUT_NODE] == ["SealSave"]
    assert nodes["SealDraw"].RETURN_TYPES == ("IMAGE", "STRING", "SEAL_DRAWING")
    assert nodes["SealRegister"].RETURN_TYPES == ("SEAL_IDENTITY", "IMAGE", "MASK")


def test_inputs_are_of_the_right_kind(nodes):
    draw = inputs(nodes["SealDraw"])
    assert draw["seed"][1]["max"] == 2**64 - 1 and draw["seed"][1]["control_after_generate"]
    assert draw["steps"][0] == "INT" and draw["guidance"][0] == "FLOAT" and draw["preset"][0] == ["seal", "paper"]
    assert draw["structure"][0] == "IMAGE" and draw["structure_mask"][0] == "MASK"
    assert set(nodes["SealDrawInto"].INPUT_TYPES()["optional"]) >= {"image", "latent", "mask", "identity"}
    assert inputs(nodes["SealSave"])["settings_text"][1]["forceInput"]
    assert nodes["SealSave"].INPUT_TYPES()["hidden"] == {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}


def test_checkpoints_of_comfyui_are_offered_beside_pocket(nodes, monkeypatch, tmp_path):
    assert inputs(nodes["SealModel"])["model"][0] == ["pocket"]
    install(monkeypatch, tmp_path)
    assert inputs(nodes["SealModel"])["model"][0] == ["pocket", "sdxl.safetensors"]


def test_the_library_is_listed_anew_each_time(nodes, tmp_path):
    assert inputs(nodes["SealIdentity"])["name"][0] == []
    assert not (tmp_path / "store").exists()  # looking creates nothing
    store = IdentityStore(tmp_path / "store")
    put(store, 1, "tiger")
    assert inputs(nodes["SealIdentity"])["name"][0] == ["tiger"]
    put(store, 2, "horse")
    assert inputs(nodes["SealIdentity"])["name"][0] == ["horse", "tiger"]


def test_a_name_that_stands_for_another_reference_is_a_change(nodes, tmp_path):
    changed = nodes["SealIdentity"].IS_CHANGED
    assert changed(name="tiger", session=None) == []
    store = IdentityStore(tmp_path / "store")
    put(store, 1, "tiger")
    first = changed(name="tiger", session=None)
    assert first == changed(name="tiger", session=None) == [store.resolve("tiger").digest]
    put(store, 2, "tiger")
    assert changed(name="tiger", session=None) != first


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        ("SealRegister", dict(name="", prompt="a cat"), "it is empty"),
        ("SealRegister", dict(name="a/../b", prompt="a cat"), "cannot name an identity"),
        ("SealRegister", dict(name="cat", prompt="  "), "expected words"),
        ("SealRegister", dict(name="cat", prompt="a cat", box="1, 2, 3"), "expected four numbers"),
        ("SealDraw", dict(prompt=""), "expected words"),
        ("SealDrawInto", dict(prompt=""), "expected words"),
        ("SealIdentity", dict(name=""), "register one first"),
    ],
)
def test_mistakes_are_told_before_anything_runs(nodes, node, values, message):
    assert message in nodes[node].VALIDATE_INPUTS(**values)


def test_what_other_nodes_make_is_not_known_before(nodes):
    assert nodes["SealRegister"].VALIDATE_INPUTS(name=None, prompt=None, box=None) is True
    assert nodes["SealRegister"].VALIDATE_INPUTS(name="cat", prompt="a cat", box=" 1,2, 30 40.5 ") is True
    assert nodes["SealDraw"].VALIDATE_INPUTS(prompt=None) is True
    assert nodes["SealIdentity"].VALIDATE_INPUTS(name="of another store") is True
    assert argument_names(nodes["SealRegister"].VALIDATE_INPUTS) == ["name", "prompt", "box"]


def test_the_example_names_only_nodes_and_inputs_that_exist(nodes):
    workflow = json.loads(WORKFLOW.read_text())
    for node in workflow.values():
        kind, given = node["class_type"], node["inputs"]
        if kind in COMFYUIS_OWN:
            assert set(given) == COMFYUIS_OWN[kind]
            continue
        assert set(nodes[kind].INPUT_TYPES()["required"]) <= set(given) <= set(inputs(nodes[kind]))
        for name, value in given.items():
            wanted, options = inputs(nodes[kind])[name]
            if isinstance(value, list):
                source = workflow[value[0]]["class_type"]
                made = nodes[source].RETURN_TYPES if source in nodes else ("IMAGE", "MASK")
                assert made[value[1]] == wanted
            elif isinstance(wanted, list):
                assert value in wanted
            elif "min" in options:
                assert options["min"] <= value <= options["max"]


def test_the_example_for_the_browser_is_the_one_for_the_api(nodes):
    """The former was written by ComfyUI's own pages; its nodes have numbers."""
    api, drawn = json.loads(WORKFLOW.read_text()), json.loads(FOR_BROWSER.read_text())
    names = dict(enumerate(api, start=1))
    for node in drawn["nodes"]:
        same = api[names[node["id"]]]
        assert node["type"] == same["class_type"]
        widgets = {**node.get("widgets_values_named", {})}
        assert list(widgets.values()) == node.get("widgets_values", [])
        assert widgets.pop("control_after_generate", "fixed") == "fixed"
        widgets.pop("upload", None)
        linked = {
            node["inputs"][slot]["name"]: [names[source], output]
            for _, source, output, target, slot, _ in drawn["links"]
            if target == node["id"]
        }
        given = {**widgets, **linked}
        assert {name: given[name] for name in same["inputs"]} == same["inputs"]
        assert not any(given[name] for name in set(given) - set(same["inputs"]))
        if node["type"] in nodes:
            assert set(widgets) == {
                name for name, (kind, _) in inputs(nodes[node["type"]]).items() if is_widget(kind)
            } - {"settings_text"}


def is_widget(kind):
    return isinstance(kind, list) or kind in ("STRING", "INT", "FLOAT", "BOOLEAN")


def test_both_schemas_say_the_same(nodes, monkeypatch):
    v3 = install_v3(monkeypatch)
    for node in make_nodes(Models()):
        new, old = v3.node_class(node), nodes[node.name]
        schema = new.define_schema()
        assert schema.node_id == node.name and schema.category == CATEGORY and schema.is_output_node == old.OUTPUT_NODE
        assert [each.id for each in schema.inputs] == [each.name for each in node.inputs]
        assert tuple(each.kind for each in schema.outputs) == old.RETURN_TYPES
        ids = [each.id for each in (*schema.inputs, *schema.outputs)]
        assert len(set(ids)) == len(ids)  # early V3 schemas refuse one for an input and an output
        assert tuple(each.title for each in schema.outputs) == old.RETURN_NAMES
        for each in schema.inputs:
            kind, options = inputs(old)[each.id]
            assert each.kind == ("COMBO" if isinstance(kind, list) else kind)
            assert each.options["optional"] == (each.id in old.INPUT_TYPES()["optional"])
            assert each.options.get("options", kind) == kind
            assert {key: each.options[key] for key in options if key != "forceInput"} == {
                key: value for key, value in options.items() if key != "forceInput"
            }


def test_v3_checks_what_v1_checks(nodes, monkeypatch):
    v3 = install_v3(monkeypatch)
    register = next(v3.node_class(node) for node in make_nodes(Models()) if node.name == "SealRegister")
    assert argument_names(register.validate_inputs) == ["cls", "name", "prompt", "box"]
    assert "it is empty" in register.validate_inputs(name="", prompt="a cat", box=None)
    settings = next(v3.node_class(node) for node in make_nodes(Models()) if node.name == "SealSettings")
    (made,) = settings.execute(control="inject", delta=2.0, detail=-1.0).args
    assert made.delta == 2.0 and made.control == "inject"


LOADED = """
import sys
from seal_sdk.serving.comfyui import NODE_CLASS_MAPPINGS
for node in NODE_CLASS_MAPPINGS.values():
    node.INPUT_TYPES()
print(sorted({name.partition(".")[0] for name in sys.modules} & {"diffusers", "transformers", "segment_anything"}))
"""


def test_comfyui_starts_without_diffusers():
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
