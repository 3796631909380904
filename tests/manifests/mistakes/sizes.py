"""Mistakes in processors and memory."""

from tests.manifests.mistakes.planting import Mistake, config, cpu, first, gateway, named, replace

MISTAKES = [
    Mistake(
        "quantities_are_read", "12Mb", lambda d: first(cpu(d))["resources"]["limits"].update(memory="12Mb")
    ),
    Mistake(
        "quantities_are_read",
        "more than the limit",
        lambda d: first(cpu(d))["resources"]["requests"].update(memory="64Gi"),
    ),
    Mistake("memory_is_bounded", "no bound", lambda d: first(cpu(d))["resources"].pop("limits")),
    Mistake(
        "memory_is_bounded", "no request", lambda d: first(gateway(d))["resources"]["requests"].pop("cpu")
    ),
    Mistake(
        "memory_is_bounded",
        "a bound on processors",
        lambda d: first(gateway(d))["resources"]["limits"].update(cpu="1"),
    ),
    Mistake(
        "workers_hold_what_evaluations_may_take",
        "more slots",
        lambda d: config(d, "worker-cpu").update(PULLBACK_SLOTS="4"),
    ),
    Mistake(
        "workers_hold_what_evaluations_may_take",
        "bigger evaluations",
        lambda d: config(d, "limits").update(PULLBACK_LIMITS_LIVE_BYTES=str(2**32)),
    ),
    Mistake(
        "workers_hold_what_evaluations_may_take",
        "idle processors",
        lambda d: first(cpu(d))["resources"]["requests"].update(cpu="8"),
    ),
    Mistake(
        "redis_holds_what_it_may_take",
        "all its memory",
        lambda d: replace(config(d, "redis"), "redis.conf", "maxmemory 3gb", "maxmemory 6gb"),
    ),
    Mistake(
        "redis_holds_what_it_may_take",
        "eviction",
        lambda d: replace(config(d, "redis"), "redis.conf", "noeviction", "allkeys-lru"),
    ),
    Mistake(
        "redis_holds_what_it_may_take",
        "no file",
        lambda d: replace(config(d, "redis"), "redis.conf", "appendonly yes", "appendonly no"),
    ),
    Mistake(
        "the_quota_is_enough",
        "more workers",
        lambda d: named(d, "ScaledObject", "worker-cpu").update(maxReplicaCount=60),
    ),
    Mistake(
        "the_quota_is_enough",
        "more GPUs",
        lambda d: named(d, "ScaledObject", "worker-gpu").update(maxReplicaCount=9),
    ),
]
