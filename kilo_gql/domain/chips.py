"""Reasons and tastes in words.

A stored chip names its words by a key (``text``): the feature, and whether the winner has more or less of it. The keys
are those of ``ml.ranking.features``; a test walks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Wording:
    """Of one key: when no other frame has so much (``best``), when most have less (``better``), and when it is the
    photographer's own habit that speaks (``usual``).
    """

    best: str
    better: str
    usual: str


def _pick(best: str, better: str, usual: str) -> Wording:
    return Wording(best, better, f"Your usual {usual} pick")


_WORDS: Final[dict[str, Wording]] = {
    "sharpness.more": _pick("Sharpest frame", "Sharper than most", "sharper"),
    "sharpness.less": _pick("Softest frame", "Softer than most", "softer"),
    "subject_sharpness.more": _pick("Sharpest subject", "Sharper subject", "sharp-subject"),
    "subject_sharpness.less": _pick("Softest subject", "Softer subject", "soft-subject"),
    "motion.more": _pick("Most motion blur", "More motion blur", "motion-blurred"),
    "motion.less": _pick("Least motion blur", "Less motion blur", "steadier"),
    "noise.more": _pick("Most noise", "More noise", "grainier"),
    "noise.less": _pick("Least noise", "Less noise", "cleaner"),
    "highlight_clip.more": _pick("Brightest whites", "More burnt-out highlights", "blown-out"),
    "highlight_clip.less": _pick("Least highlight clipping", "Less highlight clipping", "kept-highlights"),
    "shadow_clip.more": _pick("Deepest blacks", "More blocked shadows", "deep-black"),
    "shadow_clip.less": _pick("Least shadow clipping", "Less shadow clipping", "open-shadows"),
    "exposure_error.more": _pick(
        "Farthest from a normal exposure", "Farther from a normal exposure", "daring-exposure"
    ),
    "exposure_error.less": _pick("Best exposure", "Better exposure", "well-exposed"),
    "brightness.more": _pick("Brightest frame", "Brighter than most", "brighter"),
    "brightness.less": _pick("Darkest frame", "Darker than most", "darker"),
    "contrast.more": _pick("Most contrast", "More contrast", "contrasty"),
    "contrast.less": _pick("Softest contrast", "Softer contrast", "low-contrast"),
    "colour.more": _pick("Richest colour", "Richer colour", "colourful"),
    "colour.less": _pick("Most muted colour", "More muted colour", "muted"),
    "subject_size.more": _pick("Largest subject", "Larger subject", "close"),
    "subject_size.less": _pick("Widest view", "Wider view", "wide"),
    "centre_offset.more": _pick("Subject farthest off centre", "Subject more off centre", "off-centre"),
    "centre_offset.less": _pick("Subject nearest the centre", "Subject more central", "centred"),
    "tilt.more": _pick("Most tilted", "More tilted", "tilted"),
    "tilt.less": _pick("Most level", "More level", "level"),
    "burst_position.more": _pick("Last of the burst", "Later in the burst", "late"),
    "burst_position.less": _pick("First of the burst", "Earlier in the burst", "early"),
    "face_sharpness.more": _pick("Sharpest face", "Sharper face", "sharp-face"),
    "face_sharpness.less": _pick("Softest face", "Softer face", "soft-face"),
    "eyes_open.more": _pick("Eyes most open", "Eyes more open", "open-eyes"),
    "eyes_open.less": _pick("Eyes most closed", "Eyes more closed", "closed-eyes"),
    # what files of one exposure differ in: no ranker is asked
    "raw.more": Wording("The RAW file", "The RAW file", "The RAW file"),
    "pixels.more": Wording("Most pixels", "More pixels", "More pixels"),
    "order.less": Wording("The first file", "An earlier file", "An earlier file"),
}
_LOOK: Final = Wording("The look you usually pick", "Close to the look you usually pick", "The look you usually pick")

#: What it means that a photographer's weight of a feature is above or below everyone's.
_LEANINGS: Final[dict[str, tuple[str, str]]] = {
    "sharpness": ("Sharpness counts more for you than for most", "Softness bothers you less than most"),
    "subject_sharpness": ("A sharp subject counts more for you than for most", "A soft subject bothers you less"),
    "motion": ("Motion blur bothers you less than most", "Motion blur bothers you more than most"),
    "noise": ("Noise bothers you less than most", "Noise bothers you more than most"),
    "highlight_clip": ("Burnt-out highlights bother you less than most", "You guard highlights more than most"),
    "shadow_clip": ("Black shadows bother you less than most", "You keep shadows open more than most"),
    "exposure_error": ("You take more liberty with exposure than most", "You keep to a normal exposure more than most"),
    "brightness": ("You prefer brighter", "You prefer darker"),
    "contrast": ("You prefer more contrast than most", "You prefer softer contrast than most"),
    "colour": ("You prefer richer colour", "You prefer muted colour"),
    "subject_size": ("You prefer to be closer", "You prefer a wider view"),
    "centre_offset": ("You prefer the subject off centre", "You prefer the subject in the middle"),
    "tilt": ("A tilted frame bothers you less than most", "A level frame counts more for you than for most"),
    "burst_position": ("You prefer late frames of a burst", "You prefer early frames of a burst"),
    "face_sharpness": ("Sharp faces count more for you than for most", "Soft faces bother you less than most"),
    "eyes_open": ("Open eyes count more for you than for most", "Closed eyes bother you less than most"),
}
_LOOK_LEANING: Final = ("You prefer a certain look", "You avoid a certain look")


def words(chip: Mapping[str, Any]) -> str:
    """A stored chip in words, such as "Sharpest frame", "Less highlight clipping" or "Your usual brighter pick"."""
    wording = _LOOK if _is_look(chip["text"]) else _WORDS[chip["text"]]
    if chip["personal"]:
        return wording.usual
    return wording.best if chip["best"] else wording.better


def leaning(feature: str, more: bool) -> str:
    """What a photographer prefers whose weight of a feature is above (``more``) or below everyone's."""
    above, below = _LOOK_LEANING if _is_look(feature) else _LEANINGS[feature]
    return above if more else below


def _is_look(name: str) -> bool:
    return name.startswith("look_")
