"""What a descent came to as text, for eyes and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pullback.cli.rendering import as_text as evaluation_text
from pullback.cli.rendering import json_safe, tensor_lines

if TYPE_CHECKING:
    from pullback.client import Descended, DescentPoint

_REASONS = {
    "steps": "all steps were made",
    "loss_target": "the loss is at its target",
    "loss_tolerance": "the loss hardly changes",
    "gradient_tolerance": "the gradient is short",
    "time": "the time is over",
    "not_finite": "the loss is no finite number",
    "stalled": "L-BFGS moves nothing any more",
}


def as_text(descended: Descended) -> str:
    """Writes why and where it ended, its parameters, and what the program gives there."""
    head = f"ended     after {descended.steps:,} steps: {_REASONS.get(descended.reason, descended.reason)}\n"
    parameters = tensor_lines("parameter", descended.state.message.parameters, descended.parameters)
    return head + parameters + evaluation_text(descended.evaluated)


def as_json_text(descended: Descended) -> str:
    """Writes one JSON object on one line; numbers that JSON has not are words, as in `eval --json`."""
    document: dict[str, Any] = {
        "reason": descended.reason,
        "steps": descended.steps,
        "loss": json_safe(descended.loss),
        "gradient_norm": json_safe(descended.gradient_norm),
        "parameters": {name: json_safe(array.tolist()) for name, array in descended.parameters.items()},
        "values": {name: json_safe(array.tolist()) for name, array in descended.evaluated.values.items()},
        "points": [_point(point) for point in descended.points],
        "printed": descended.evaluated.printed,
        "device": descended.evaluated.device,
        "worker": descended.evaluated.worker,
        "engine": descended.evaluated.engine,
    }
    return json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n"


def _point(point: DescentPoint) -> dict[str, Any]:
    found = {
        "step": point.step,
        "loss": json_safe(point.loss),
        "gradient_norm": json_safe(point.gradient_norm),
        "learning_rate": point.learning_rate,
    }
    if point.parameters:
        found["parameters"] = {name: json_safe(array.tolist()) for name, array in point.parameters.items()}
    return found
