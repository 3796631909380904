"""Mistakes in scalers and alerts."""

from tests.manifests.mistakes.planting import Mistake, alert, gateway, named, replace, trigger

MISTAKES = [
    Mistake(
        "queries_ask_for_what_there_is",
        "a metric that nobody tells",
        lambda d: replace(trigger(d, "worker-cpu"), "query", "pullback_queue_jobs", "pullback_queue_length"),
    ),
    Mistake(
        "queries_ask_for_what_there_is",
        "a label that there is not",
        lambda d: replace(trigger(d, "worker-cpu"), "query", "{device", "{class"),
    ),
    Mistake(
        "queries_ask_for_what_there_is",
        "a device that is none",
        lambda d: replace(trigger(d, "worker-gpu", 1), "query", "cuda", "gpu"),
    ),
    Mistake(
        "queries_ask_for_what_there_is",
        "an alert of nothing",
        lambda d: replace(alert(d), "expr", "redis_connected", "redis_up"),
    ),
    Mistake(
        "queries_ask_for_what_there_is",
        "a histogram's name alone",
        lambda d: alert(d).update(expr="pullback_gateway_call_seconds > 1"),
    ),
    Mistake(
        "triggers_ask_for_their_workers_device",
        "the others' jobs",
        lambda d: replace(trigger(d, "worker-gpu"), "query", "cuda", "cpu"),
    ),
    Mistake("one_alone_decides_how_many", "two numbers", lambda d: gateway(d).update(replicas=2)),
    Mistake(
        "one_alone_decides_how_many",
        "two scalers",
        lambda d: named(d, "ScaledObject", "worker-gpu")["scaleTargetRef"].update(name="pullback-worker-cpu"),
    ),
    Mistake(
        "one_alone_decides_how_many",
        "less than least",
        lambda d: named(d, "HorizontalPodAutoscaler", "gateway").update(maxReplicas=1),
    ),
    Mistake(
        "one_alone_decides_how_many",
        "no CPU worker",
        lambda d: named(d, "ScaledObject", "worker-cpu").update(minReplicaCount=0),
    ),
    Mistake(
        "every_process_is_scraped",
        "one forgotten",
        lambda d: d.one("PodMonitor", "pullback")["spec"]["selector"]["matchExpressions"][0]["values"].remove(
            "pullback-worker-gpu"
        ),
    ),
]
