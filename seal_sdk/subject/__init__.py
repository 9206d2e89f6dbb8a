"""Who finds the subject in an image: segment-anything, or the caller's own box or mask."""

from __future__ import annotations

from seal_sdk.subject.given import subject_from
from seal_sdk.subject.sam import SamFinder
from seal_sdk.subject.subject import Subject, SubjectFinder
from seal_sdk.subject.weights import load_sam

__all__ = ["SamFinder", "Subject", "SubjectFinder", "load_sam", "subject_from"]
