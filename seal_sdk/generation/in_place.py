"""A structure image that is the picture itself: it is used where it is, without alignment."""

from __future__ import annotations

from PIL import Image

from seal_sdk.generation.painting import Painting
from seal_sdk.generation.structure import AlignedStructure, StructureAligner, StructureInput
from seal_sdk.images import read_image, read_picture


def is_same_picture(given: StructureInput, painting: Painting) -> bool:
    """Whether a structure image shows, pixel by pixel, the picture that is painted into."""
    picture = painting.given.image
    if not isinstance(picture, Image.Image):
        return False
    image = read_image(given.image)
    return image.size == picture.size and image.tobytes() == picture.tobytes()


def align_in_place(
    aligner: StructureAligner, given: StructureInput, painting: Painting, needs_mask: bool
) -> AlignedStructure:
    """The structure image as the canvas shows the picture.

    Further images of the frame follow it. Its subject counts where it is painted; where none of it is, nobody knows where the subject is.
    Raises SubjectNotFound where its subject is asked for and nobody is found.
    """
    assert painting.image is not None and painting.region is not None
    others = tuple(painting.place_image(read_image(each)) for each in given.others)
    if not needs_mask:
        return AlignedStructure(painting.image, None, others)
    subject = aligner.find(read_picture(given.image), given)
    mask = painting.place(subject.mask) & painting.region
    return AlignedStructure(painting.image, mask if mask.any() else None, others)
