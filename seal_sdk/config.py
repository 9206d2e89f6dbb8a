"""The method's settings: frozen, checked when made, given once to the session and overridable per call.

"Paper" marks a default that SeAl states; "ours" one that it leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeGuard

from seal_sdk.errors import ConfigError

BLOCKS = ("down", "mid", "up")
CONTROLS = {  # name -> module of seal_sdk.generation.structure_sources
    "inject": "inject",
    "controlnet": "controlnet",
    "none": "none",
}


Interval = tuple[float, float]  # (start, end) of sampling's progress, in [0, 1]
ALWAYS: Interval = (0.0, 1.0)


def _require(ok: bool, name: str, value: object, expected: str) -> None:
    if not ok:
        raise ConfigError(f"{name}={value!r}: expected {expected}.")


def _one_of(default: str, choices: tuple[str, ...]) -> str:
    """A field that takes one of these; its metadata name them, for whoever makes a form of the settings."""
    chosen: str = field(default=default, metadata={"choices": choices})
    return chosen


def _require_choices(settings: Any) -> None:
    for each in fields(settings):
        choices, value = each.metadata.get("choices"), getattr(settings, each.name)
        _require(choices is None or value in choices, each.name, value, "one of " + ", ".join(map(repr, choices or ())))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _require_fraction(name: str, value: object) -> None:
    _require(_is_number(value) and 0 <= value <= 1, name, value, "a number from 0 to 1")


def _interval(name: str, value: Any) -> Interval:
    pair = isinstance(value, Sequence) and len(value) == 2 and all(_is_number(each) for each in value)
    _require(
        pair and 0 <= value[0] < value[1] <= 1,
        name,
        value,
        "(start, end) with 0 <= start < end <= 1, such as (0.2, 0.8); without any guidance it is guidance_scale=1",
    )
    return float(value[0]), float(value[1])


@dataclass(frozen=True)
class SamplingDefaults:
    """Steps and guidance of a model where the caller gives none; these are diffusers' own for SDXL.

    guidance_interval: progress in [0, 1] from which and until which guidance acts. Raises ConfigError unless it is two such numbers,
    the smaller one first.
    """

    num_inference_steps: int = 50
    guidance_scale: float = 5.0
    guidance_interval: Interval = ALWAYS

    def __post_init__(self) -> None:
        object.__setattr__(self, "guidance_interval", _interval("guidance_interval", self.guidance_interval))


POCKET = SamplingDefaults(num_inference_steps=20, guidance_scale=2.0)


def sampling_defaults(model: object, guidance_interval: Interval = ALWAYS) -> SamplingDefaults:
    """Defaults for the session's ``model`` argument. Raises ConfigError for an interval that is none."""
    own = POCKET if isinstance(model, str) and model == "pocket" else SamplingDefaults()
    return replace(own, guidance_interval=guidance_interval)


@dataclass(frozen=True)
class Alignment:
    """AnchorAlign (paper, section "AnchorAlign").

    enabled: False for structure images that already fit the reference.
    fill: what the uncovered canvas takes: "border" (the structure image's border colour, ours), or an RGB triple in 0..255.
    """

    enabled: bool = True
    fill: str | tuple[int, int, int] = "border"

    def __post_init__(self) -> None:
        triple = (
            isinstance(self.fill, tuple)
            and len(self.fill) == 3
            and all(isinstance(v, int) and 0 <= v <= 255 for v in self.fill)
        )
        _require(self.fill == "border" or triple, "fill", self.fill, "'border' or three integers from 0 to 255")


@dataclass(frozen=True)
class Appearance:
    """Capture and Reference-guided Appearance Infusion (paper, section "Reference-guided Appearance Infusion").

    delta: blending strength. Where a token is infused, appearance weighs ``delta / (1 + delta)``; 0 switches infusion off. Paper: 3.0;
    ours is what the benchmark prefers.
    tau: a token is infused when its best cosine similarity exceeds tau. Paper: 0.15.
    top_k: appearance tokens attended to by each query token; 0 means all of them, softly. Paper: 1; ours is what the benchmark prefers.
    schedule: "dynamic" runs from careful (high tau, low delta) to the values above (paper), "constant" uses them throughout.
    layers: blocks whose self-attention is captured and infused, from "down", "mid", "up". Paper: mid and up.
    per_head: every attention head finds matches of its own, instead of one match for all heads (ours).
    rows: "all" rows of the guided batch are infused, or only the "cond" ones (ours).
    gating: "subject" adds the masks of both sides to tau (ours); "none" is the paper's reading, tau alone.
    tokens: which reference tokens are stored: "all", or those of the "subject" and a sixteenth of the side around it (ours; four tenths of
    the bytes where the subject fills a quarter of the image). Without gating by the subject all are stored.
    quantization: "none" stores numbers as the model has them, "int8" eight bits of each (ours).
    detail: strength of latent transfer, from 0 to 1: how far the subject's predicted latents move to the reference latents that belong
    there, between 10 and 90 % of sampling (ours; the paper has none, 0). See `seal_sdk.method.latent_transfer`.
    latents: what is captured: the reference's noise-free latents, "scaled" by sqrt(alpha_bar_t) or "clean" as they are, or "noised" as in
    training (ours; the paper says noise-free).
    """

    delta: float = 10.0
    tau: float = 0.15
    top_k: int = 0
    schedule: str = _one_of("dynamic", ("dynamic", "constant"))
    layers: tuple[str, ...] = ("mid", "up")
    per_head: bool = False
    rows: str = _one_of("all", ("all", "cond"))
    gating: str = _one_of("subject", ("subject", "none"))
    tokens: str = _one_of("subject", ("all", "subject"))
    latents: str = _one_of("scaled", ("scaled", "clean", "noised"))
    quantization: str = _one_of("int8", ("none", "int8"))
    detail: float = 0.9

    def __post_init__(self) -> None:
        _require(_is_number(self.delta) and 0 <= self.delta < float("inf"), "delta", self.delta, "a finite number >= 0")
        _require(_is_number(self.tau) and -1 <= self.tau <= 1, "tau", self.tau, "a cosine from -1 to 1")
        _require(type(self.top_k) is int and self.top_k >= 0, "top_k", self.top_k, "an integer >= 0 (0: all tokens)")
        _require_choices(self)
        object.__setattr__(self, "layers", (self.layers,) if isinstance(self.layers, str) else tuple(self.layers))
        _require(
            bool(self.layers) and set(self.layers) <= set(BLOCKS),
            "layers",
            self.layers,
            f"some of {BLOCKS}, at least one",
        )
        _require(type(self.per_head) is bool, "per_head", self.per_head, "True or False")
        _require_fraction("detail", self.detail)

    @property
    def stored_tokens(self) -> str:
        """Which tokens registering stores: without gating the whole reference is matched."""
        return self.tokens if self.gating == "subject" else "all"


@dataclass(frozen=True)
class DeltaBridge:
    """Delta-Bridge (paper, section "Delta-Bridge").

    strength: lambda at the start of sampling; 0 is plain guidance. More follows the text further from the reference, and costs scene and
    subject a little where the two agree (measured).
    base: the main guidance the low-passed delta is added to: "gen" or "app" (the paper leaves it open).
    region: where the delta is added. "image" is everywhere (paper). "subject" is the structure image's subject alone, since the prompt
    asks for the scene anyway (ours); without a structure image it is everywhere.
    end: progress in [0, 1] at which lambda has decayed to zero (ours).
    low_pass: how often latents are averaged over squares (ours: the paper says "iterative"), of 3x3 for latents of 32x32 and as much wider
    for larger ones.
    quality: words appended to the generation prompt only, while the bridge is on (paper).
    override: weight of prompt edits: where the prompt says of the subject what the reference does not show, the transferred latents change
    by this many times what the model reads in the reference, and patterns are drawn anew (ours). 0 switches prompt edits off, and so does
    strength 0. They need guidance. Reading takes six rows of the model before sampling for each word that acts on the subject, three at
    most; words about one noun share three of them. One more tells which these are, where the sentence does not. A session remembers them.
    """

    strength: float = 0.1
    base: str = _one_of("gen", ("gen", "app"))
    region: str = _one_of("subject", ("subject", "image"))
    end: float = 0.3
    low_pass: int = 3
    quality: str = ""
    override: float = 1.0

    def __post_init__(self) -> None:
        for name in ("strength", "override"):
            given = getattr(self, name)
            ok = _is_number(given) and 0 <= given < float("inf")
            _require(ok, name, given, "a finite number >= 0")
        _require_choices(self)
        _require_fraction("end", self.end)
        _require(type(self.low_pass) is int and self.low_pass >= 0, "low_pass", self.low_pass, "an integer >= 0")
        _require(isinstance(self.quality, str), "quality", self.quality, "a string")


@dataclass(frozen=True)
class Structure:
    """How the structure image steers the layout (the paper only says "training-free"; ours follows Ctrl-X, arXiv 2406.07540).

    control: "inject" (features and self-attention of a structure row), "controlnet" (also ControlNet-Union and T2I-Adapters; needs
    ``controlnet=`` at the session), or "none".
    end: progress in [0, 1] at which control stops. None: what suits the model. Injection stops at 0.6 with SDXL (Ctrl-X) and never with the
    embedded model (what its benchmark prefers); a ControlNet never stops.
    scale: strength from 0 to 1 for "inject" (share of the injected feature), any number >= 0 for "controlnet".
    features: the model's modules whose output is injected. attention: blocks ("mid", "up0", "up1", ...) of which Q and K of every
    self-attention are injected. None: what suits the model. For SDXL these are the first ResNet of ``up_blocks.0`` and "up0" (Ctrl-X), for
    the embedded model both ResNets of that block and "up0" (what its benchmark prefers).
    """

    control: str = _one_of("inject", tuple(CONTROLS))
    end: float | None = None
    scale: float = 1.0
    features: tuple[str, ...] | None = None
    attention: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _require_choices(self)
        if self.end is not None:
            _require_fraction("end", self.end)
        top = 1.0 if self.control == "inject" else float("inf")
        ok = _is_number(self.scale) and 0 <= self.scale <= top and self.scale != float("inf")
        _require(ok, "scale", self.scale, f"a number from 0 to {top:g}")
        for name in ("features", "attention"):
            given = getattr(self, name)
            if given is None:
                continue
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
            _require(all(isinstance(each, str) for each in getattr(self, name)), name, given, "names, or None")
