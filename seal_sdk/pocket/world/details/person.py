"""What one recognises a person by, beside colours and pattern."""

from __future__ import annotations

from dataclasses import dataclass

from ..colors import Color

HAIR_STYLES = ("long", "short", "fringe", "curly", "parted", "bald", "mohawk")
BEARDS = ("beard", "moustache")
HATS = ("hat", "cap", "woolly hat")
LOGOS = ("star", "heart", "circle", "triangle", "cross", "moon", "band")
NECKLINES = ("round", "v", "collar", "high")


@dataclass(frozen=True)
class Hat:
    """What the head wears: one of `HATS`, its colour and its band's. Raises ValueError for an unknown kind."""

    kind: str
    color: Color
    band: Color

    def __post_init__(self) -> None:
        _known("hat", self.kind, HATS)


@dataclass(frozen=True)
class Logo:
    """What the top shows: one of `LOGOS`, and its colour. Raises ValueError for an unknown shape."""

    shape: str
    color: Color

    def __post_init__(self) -> None:
        _known("logo", self.shape, LOGOS)


@dataclass(frozen=True)
class PersonDetails:
    """A person's details. Colours are RGB in [0, 1]; None is a detail that the person does not have.

    Attributes:
        hair_style: One of `HAIR_STYLES`. The hair's colour is the identity's.
        iris: Colour of the eyes.
        shoes: Colour of the shoes.
        soles: Colour of their soles.
        neckline: One of `NECKLINES`.
        beard: One of `BEARDS`, in the hair's colour.
        glasses: Colour of their rims.
        dark_glasses: Whether the glasses are sunglasses.
        earring: Colour of an earring.
        hat: What the head wears.
        scarf: Colour of a scarf.
        tie: Colour of a tie.
        logo: What the top shows.
        belt: Colour of a belt, which only a top that is tucked in shows.
        side_stripe: Colour of a stripe along the trousers.
        gloves: Colour of gloves.
        short_sleeves: Whether the lower arms are bare.
        shorts: Whether the lower legs are bare.
        tucked: Whether the top ends at the waist.

    Raises:
        ValueError: For an unknown hair style, beard or neckline, dark glasses without glasses, or a belt under a top.
    """

    hair_style: str
    iris: Color
    shoes: Color
    soles: Color
    neckline: str = "round"
    beard: str | None = None
    glasses: Color | None = None
    dark_glasses: bool = False
    earring: Color | None = None
    hat: Hat | None = None
    scarf: Color | None = None
    tie: Color | None = None
    logo: Logo | None = None
    belt: Color | None = None
    side_stripe: Color | None = None
    gloves: Color | None = None
    short_sleeves: bool = False
    shorts: bool = False
    tucked: bool = False

    def __post_init__(self) -> None:
        _known("hair style", self.hair_style, HAIR_STYLES)
        _known("neckline", self.neckline, NECKLINES)
        if self.beard is not None:
            _known("beard", self.beard, BEARDS)
        if self.dark_glasses and self.glasses is None:
            raise ValueError("dark_glasses is True, but glasses is None; give the colour of their rims")
        if self.belt is not None and not self.tucked:
            raise ValueError("a belt needs tucked=True; a top that hangs down hides it")


def _known(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"unknown {what} {value!r}; choose one of {', '.join(choices)}")
