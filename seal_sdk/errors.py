"""Every error that the SDK raises on purpose.

::

    SealError
    ├── ConfigError (ValueError)            a setting is out of its range
    ├── InputError (ValueError)             something the caller passed in
    │   ├── ImageError                      broken, hostile, empty or far too large image
    │   ├── PromptError                     empty or missing prompt
    │   ├── SizeError                       height or width that the model cannot draw
    │   └── SubjectNotFound                 nobody in the image: pass box= or mask=
    ├── ModelError
    │   ├── WeightsNotFound (FileNotFoundError)
    │   └── UnsupportedModel                not an SDXL pipeline, or one changed under the session
    ├── IdentityError
    │   ├── UnknownIdentity (KeyError)
    │   └── WrongModel                      the identity was registered with another model
    ├── NumericalError (ArithmeticError)    NaN or infinity where an image should be
    └── JobError                            a job of the engine (:mod:`seal_sdk.serving`) was not done
        ├── QueueFull                       too many wait already
        ├── JobCancelled                    somebody cancelled it
        ├── DeadlineExceeded (TimeoutError) it was not done in time
        └── ShuttingDown                    the engine takes no more jobs

    RestoredWarning (UserWarning)           an identity's data were damaged, and were computed anew

The store has its own tree in :mod:`store.errors` (``StoreError``): it never imports this package.
"""

from __future__ import annotations


class SealError(Exception):
    """Base of every error of the SDK."""


class RestoredWarning(UserWarning):
    """What the store lost of an identity was computed anew from its reference image."""


class ConfigError(SealError, ValueError):
    """A setting is out of its range."""


class InputError(SealError, ValueError):
    """Something that the caller passed in cannot be used."""


class ImageError(InputError):
    """The image is broken, hostile, empty or far too large."""


class PromptError(InputError):
    """The prompt is empty or missing."""


class SizeError(InputError):
    """The model cannot draw an image of this height and width."""


class SubjectNotFound(InputError):
    """No subject was found in the image; a box or a mask has to be given."""


class ModelError(SealError):
    """The model cannot be loaded or used."""


class WeightsNotFound(ModelError, FileNotFoundError):
    """The weights are not on this machine and could not be fetched."""


class UnsupportedModel(ModelError):
    """The model is not an SDXL pipeline, or is in a state that the method cannot work with."""


class IdentityError(SealError):
    """Something about a registered identity."""


class UnknownIdentity(IdentityError, KeyError):
    """No identity of this name; the message lists the nearest ones."""

    __str__ = Exception.__str__  # KeyError would print the message's repr


class WrongModel(IdentityError):
    """The identity was registered with another model than the session's."""


class NumericalError(SealError, ArithmeticError):
    """NaN or infinity appeared in latents or image."""


class JobError(SealError):
    """A job of the engine was not done."""


class QueueFull(JobError):
    """Too many jobs wait already."""


class JobCancelled(JobError):
    """Somebody cancelled the job."""


class DeadlineExceeded(JobError, TimeoutError):
    """The job was not done in time."""


class ShuttingDown(JobError):
    """The engine takes no more jobs."""

    def __init__(self) -> None:
        super().__init__("The service is shutting down, and takes no more jobs. Ask again once it is back.")
