"""What is believed of a photographer before the first pick: signs and sizes set by hand, not fitted.

A prior fitted to simulated degradations did not carry over to kinds of degradation it had not seen; signs that any
photographer would agree with do. Technique has a sign and little room; taste has no sign and much room, so that twenty
picks can move it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.ranking.features import FEATURES, Kind
from ml.ranking.logit import Posterior

PRIOR_VERSION: Final = 1

#: How much one scale of a feature weighs, in nats; what is not named has no better side.
_WEIGHTS: Final = {
    "sharpness": 1.6,
    "subject_sharpness": 1.6,
    "motion": 1.2,
    "noise": 1.0,
    "highlight_clip": 0.8,
    "shadow_clip": 0.8,
    "exposure_error": 1.2,
    "tilt": 0.8,
    "contrast": 0.9,
    "face_sharpness": 1.6,
    "eyes_open": 2.4,
}
#: How far from that one photographer may be: standard deviations, in nats.
_SPREAD: Final = {Kind.TECHNIQUE: 0.6, Kind.TASTE: 1.0}
#: An embedding's components are many and overlap what the other features say.
_LOOK_SPREAD: Final = 0.5

GLOBAL: Final = Posterior.independent(
    np.array([feature.sign * _WEIGHTS.get(feature.name, 0.0) for feature in FEATURES]),
    np.array([_LOOK_SPREAD if feature.name.startswith("look_") else _SPREAD[feature.kind] for feature in FEATURES]),
)
