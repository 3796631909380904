"""Mistakes in how pods end."""

from tests.manifests.mistakes.planting import (
    Mistake,
    config,
    cpu,
    drop,
    first,
    gateway,
    gpu,
    named,
    pod,
    redis,
)

MISTAKES = [
    Mistake(
        "grace_is_enough",
        "a gateway's longer stop",
        lambda d: config(d, "gateway").update(PULLBACK_STOP_GRACE_SECONDS="300"),
    ),
    Mistake(
        "grace_is_enough",
        "longer evaluations",
        lambda d: config(d, "gateway").update(PULLBACK_MAX_TIMEOUT_SECONDS="3600"),
    ),
    Mistake(
        "grace_is_enough",
        "a longer lease",
        lambda d: config(d, "worker-cpu").update(PULLBACK_LEASE_SECONDS="600"),
    ),
    Mistake("grace_is_enough", "the default", lambda d: pod(gpu(d)).pop("terminationGracePeriodSeconds")),
    Mistake("gateways_are_left_before_they_stop", "at once", lambda d: first(gateway(d)).pop("lifecycle")),
    Mistake(
        "rollouts_keep_serving",
        "away first",
        lambda d: cpu(d)["strategy"]["rollingUpdate"].update(maxUnavailable=1),
    ),
    Mistake(
        "rollouts_keep_serving", "all at once", lambda d: gateway(d).update(strategy={"type": "Recreate"})
    ),
    Mistake(
        "budgets_leave_room",
        "no eviction",
        lambda d: named(d, "PodDisruptionBudget", "gateway").update(maxUnavailable=0),
    ),
    Mistake(
        "budgets_leave_room",
        "as many as there are",
        lambda d: named(d, "PodDisruptionBudget", "redis").update(minAvailable=3),
    ),
    Mistake("budgets_leave_room", "no budget", lambda d: drop(d, "PodDisruptionBudget", "worker-cpu")),
    Mistake(
        "probes_ask_the_right_thing",
        "killed for want of Redis",
        lambda d: first(gateway(d))["livenessProbe"]["grpc"].update(service="pullback.v1.GradientService"),
    ),
    Mistake(
        "probes_ask_the_right_thing",
        "called without Redis",
        lambda d: first(gateway(d))["readinessProbe"]["grpc"].pop("service"),
    ),
    Mistake(
        "probes_ask_the_right_thing",
        "another path",
        lambda d: first(cpu(d))["livenessProbe"]["httpGet"].update(path="/healthz"),
    ),
    Mistake(
        "probes_ask_the_right_thing",
        "a hasty start",
        lambda d: first(cpu(d))["startupProbe"].update(failureThreshold=3),
    ),
    Mistake("probes_ask_the_right_thing", "no probe", lambda d: first(redis(d)).pop("readinessProbe")),
]
