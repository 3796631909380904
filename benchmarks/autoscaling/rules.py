"""What KEDA and the HorizontalPodAutoscaler make of a ScaledObject, as their documents say.

KEDA: https://keda.sh/docs/latest/concepts/scaling-deployments/ (from none to one and back, by activation and cooldown).
The autoscaler: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ (the algorithm, its tolerance
of a tenth, stabilization windows and policies).
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

# How often the autoscaler decides, in seconds, and by how much figures may be off before it does.
SYNC_SECONDS = 15
TOLERANCE = 0.1


class Scaler:
    """Decides how many replicas there are to be.

    Args:
        spec: that of a ScaledObject.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self._least: int = spec["minReplicaCount"]
        self._most: int = spec["maxReplicaCount"]
        self._cooldown: int = spec["cooldownPeriod"]
        self._triggers: list[dict[str, Any]] = spec["triggers"]
        self._behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        self._active = -math.inf
        self._wanted: deque[tuple[int, int]] = deque()
        self._changes: list[tuple[int, int]] = []

    def decide(self, now: int, replicas: int, figures: list[float]) -> int:
        """Gives the number of replicas from now on.

        Args:
            now: seconds from the beginning.
            replicas: how many there are.
            figures: what each trigger's query gives.
        """
        thresholds = [float(each["metadata"]["activationThreshold"]) for each in self._triggers]
        if any(figure > most for figure, most in zip(figures, thresholds, strict=True)):
            self._active = now
        if replicas == 0:
            return self._changed(now, 0, 1 if self._active == now else 0)
        if self._least == 0 and now - self._active >= self._cooldown:
            return self._changed(now, replicas, 0)
        if now % SYNC_SECONDS:
            return replicas
        wanted = max(
            self._wanted_by(each, figure, replicas)
            for each, figure in zip(self._triggers, figures, strict=True)
        )
        return self._changed(now, replicas, self._bounded(now, replicas, wanted))

    def _wanted_by(self, trigger: dict[str, Any], figure: float, replicas: int) -> int:
        threshold = float(trigger["metadata"]["threshold"])
        if trigger["metricType"] == "AverageValue":
            ratio = figure / (threshold * replicas)
            return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(figure / threshold)
        ratio = figure / threshold
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(replicas * ratio)

    def _bounded(self, now: int, replicas: int, wanted: int) -> int:
        wanted = min(max(wanted, self._least, 1), self._most)
        down = self._behavior["scaleDown"]
        self._wanted.append((now, wanted))
        while self._wanted[0][0] < now - down["stabilizationWindowSeconds"]:
            self._wanted.popleft()
        # Down only as far as was wanted at any time of the window.
        wanted = max(wanted, min(replicas, max(each for _, each in self._wanted)))
        if wanted > replicas:
            steps = [
                self._step(now, replicas, each, up=True) for each in self._behavior["scaleUp"]["policies"]
            ]
            return min(wanted, max(steps))
        if wanted < replicas:
            return max(wanted, min(self._step(now, replicas, each, up=False) for each in down["policies"]))
        return replicas

    def _step(self, now: int, replicas: int, policy: dict[str, Any], *, up: bool) -> int:
        """Gives how far a policy lets the number go, from what it was at the beginning of its period."""
        since = now - policy["periodSeconds"]
        changed = sum(change for when, change in self._changes if when > since and (change > 0) == up)
        first = replicas - changed
        value: int = policy["value"]
        if policy["type"] == "Pods":
            return first + value if up else first - value
        part = first * value / 100
        # Both in favour of a change, as the autoscaler rounds.
        return math.ceil(first + part) if up else math.floor(first - part)

    def _changed(self, now: int, replicas: int, wanted: int) -> int:
        if wanted != replicas:
            self._changes.append((now, wanted - replicas))
        return wanted
