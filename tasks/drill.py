"""Work without a photo, to rehearse the whole path of a job in the isolated child."""

from __future__ import annotations

import hashlib
from typing import Any, Protocol

#: Rounds of PBKDF2-HMAC-SHA256 that take about a millisecond on one core of 2024.
_ROUNDS_PER_MS = 4_000


class Report(Protocol):
    def __call__(self, fraction: float, stage: str = ..., message: str | None = ...) -> None: ...


def walk(steps: int, step_ms: float, report: Report) -> dict[str, Any]:
    """``steps`` times about ``step_ms`` milliseconds of hashing: real CPU, and the same digest on every machine."""
    digest = b""
    rounds = max(1, round(step_ms * _ROUNDS_PER_MS))
    for step in range(1, steps + 1):
        digest = hashlib.pbkdf2_hmac("sha256", digest, step.to_bytes(4, "big"), rounds)
        report(step / steps, "walking", f"Step {step} of {steps}")
    return {"steps": steps, "digest": hashlib.sha256(digest).hexdigest()}
