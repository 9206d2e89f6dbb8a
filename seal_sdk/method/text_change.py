"""What the text says of the subject and the reference does not show (ours): another colour of its coat, say.

Transferred details would paint the reference's own colours over it, so the reference's latents are changed first. Under noise
that hides its colours but not its shapes, the model is asked how it reads the reference with one prompt and with the other;
where the two readings differ is what the words speak of (as DiffEdit finds its mask, Couairon et al., arXiv 2210.11427).
"""

from __future__ import annotations

import torch
from torch import Tensor

from seal_sdk.method.detail import region_mean

DOUBTFUL, CERTAIN = 1.0, 2.0  # of `evidence`: no change is believed up to the first, all from the second on (ours)
LIKE = 0.5  # of the length of a change: looks that differ by less than this are alike (ours)
LEAD = 0.125  # share of the way to where the edited prompt leads, as long as that is no more than `LIKE` of the change (ours)
ALIKE = 0.1  # of the latents' variance: places closer than this take the same share of a change (ours)
COMPARED = 1024  # latents of the subject that others are compared with, evenly spread (ours)
TINY = 1e-6


def text_change(
    latents: Tensor, subject: Tensor, shown: Tensor, neither: Tensor, edited: Tensor
) -> tuple[Tensor, Tensor]:
    """How one edit of the text changes the subject's latents, (1, C, h, w), and which, (1, 1, h, w) from 0 to 1.

    latents: (1, C, h, w), the reference's. subject: (1, 1, h, w) in [0, 1], how much of each is the subject's. shown, neither,
    edited: the latents as predicted from under noise with the reference's prompt, with no prompt, and with the edited one.
    One change for all places that bear it: the readings' difference, and some of what is left to where the edited prompt leads,
    since a reading that trusts the picture changes it too little. Zero outside of the subject, and where the edit speaks of the
    scene (`belief`).
    """
    change = edited - shown
    borne = bearers(latents, subject, change, shown, neither)
    where = borne * subject
    way, left = (region_mean(each, where) for each in (change, edited - latents))
    changed = belief(change, subject) * borne
    return changed * (way + _at_most(LEAD * left, LIKE * _norm(way))), changed


def bearers(latents: Tensor, subject: Tensor, change: Tensor, shown: Tensor, neither: Tensor) -> Tensor:
    """How much of a change each place takes, (1, 1, h, w) from 0 to 1: of a striped coat's two colours, one is spoken of.

    Two things tell which: the look, which lies far to where the reference's prompt leads and far from where the change does,
    and how much of the change the model shows there. Places that look alike share what was found. The rest is `text_change`'s.
    """
    told = _meant(latents, subject, change, shown, neither) * _answer(change, subject).sqrt()
    shared = _shared(told, latents, subject)
    whole = region_mean(shared.square(), subject) / region_mean(shared, subject).clamp(min=TINY)
    return torch.where(subject > 0, shared / whole.clamp(min=TINY), 0.0).clamp(max=1.0)


def _meant(latents: Tensor, subject: Tensor, change: Tensor, shown: Tensor, neither: Tensor) -> Tensor:
    """(1, 1, h, w) in [0, 1]: how much each place has the look that the changed words of the reference's prompt name.

    A coat of one colour has only that, so the way to where that prompt leads is counted from midway between the coat and
    what no prompt leads to.
    """
    mean = region_mean(latents, subject)
    midway = (mean + region_mean(neither, subject)) / 2
    return torch.sigmoid(_along(latents, midway, shown - neither, subject) - _along(latents, mean, change, subject))


def _along(latents: Tensor, origin: Tensor, field: Tensor, subject: Tensor) -> Tensor:
    """(1, 1, h, w): how far latents lie from the origin along a field's mean, in standard deviations over the subject.

    What differs by less than half the field's mean hardly counts as different.
    """
    way = region_mean(field, subject)
    length = _norm(way).clamp(min=TINY)
    along = ((latents - origin) * way / length).sum(1, keepdim=True)
    variance = region_mean((along - region_mean(along, subject)).square(), subject)
    return along / (variance + (LIKE * length) ** 2).clamp(min=TINY**2).sqrt()


def _answer(change: Tensor, subject: Tensor) -> Tensor:
    """(1, 1, h, w) >= 0: how much of its mean over the subject the change is at each place."""
    mean = region_mean(change, subject)
    return ((change * mean).sum(1, keepdim=True) / mean.square().sum().clamp(min=TINY**2)).clamp(min=0.0)


def _shared(field: Tensor, latents: Tensor, subject: Tensor) -> Tensor:
    """A field (1, 1, h, w) averaged over the subject's places that look like each place: noise goes, colours' borders stay."""
    places = torch.nonzero(subject.flatten()).squeeze(1)
    if not len(places):
        return field
    some = places[torch.linspace(0, len(places) - 1, min(len(places), COMPARED), device=places.device).round().long()]
    looks, weight = latents[0].flatten(1).T, subject.flatten()[some]
    variance = region_mean((latents - region_mean(latents, subject)).square(), subject).sum()
    apart = torch.cdist(looks, looks[some]).square() / (ALIKE * variance).clamp(min=TINY**2)
    nearness = torch.softmax(weight.log() - apart, dim=1)
    return (nearness @ field.flatten()[some]).view_as(field)


def belief(change: Tensor, subject: Tensor) -> Tensor:
    """From 0 to 1, how far a change is one of the subject's."""
    return ((evidence(change, subject) - DOUBTFUL) / (CERTAIN - DOUBTFUL)).clamp(0.0, 1.0)


def evidence(change: Tensor, subject: Tensor) -> Tensor:
    """How many times further a change moves the subject's mean than its surroundings'."""
    return _length(change, subject) / _length(change, 1 - subject).clamp(min=TINY)


def _length(field: Tensor, region: Tensor) -> Tensor:
    """Of the mean over a region."""
    return _norm(region_mean(field, region))


def _norm(vector: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vector)


def _at_most(vector: Tensor, length: Tensor) -> Tensor:
    """The vector, shortened to a length if it is longer."""
    return vector * (length / _norm(vector).clamp(min=TINY)).clamp(max=1.0)
