"""Mistakes in settings and images."""

from tests.manifests.mistakes.planting import Mistake, config, cpu, first, gateway, gpu, redis

MISTAKES = [
    Mistake(
        "variables_are_known",
        "a misspelt variable",
        lambda d: config(d, "worker-cpu").update(PULLBACK_SLOT="2"),
    ),
    Mistake(
        "variables_are_known",
        "a gateway's variable for a worker",
        lambda d: config(d, "worker-cpu").update(PULLBACK_LISTEN="0.0.0.0:50051"),
    ),
    Mistake(
        "variables_are_known",
        "a misspelt limit",
        lambda d: config(d, "limits").update(PULLBACK_LIMITS_BYTES="1"),
    ),
    Mistake(
        "settings_are_accepted",
        "a device that is none",
        lambda d: config(d, "worker-cpu").update(PULLBACK_DEVICE="gpu"),
    ),
    Mistake(
        "settings_are_accepted",
        "a number that is none",
        lambda d: config(d, "gateway").update(PULLBACK_STOP_GRACE_SECONDS="1m"),
    ),
    Mistake(
        "settings_are_accepted",
        "other limits",
        lambda d: first(gpu(d))["env"].append({"name": "PULLBACK_LIMITS_RANK", "value": "8"}),
    ),
    Mistake(
        "ports_are_those_that_are_listened_on",
        "another port",
        lambda d: config(d, "gateway").update(PULLBACK_LISTEN="0.0.0.0:50052"),
    ),
    Mistake(
        "ports_are_those_that_are_listened_on",
        "loopback",
        lambda d: config(d, "worker-cpu").update(PULLBACK_METRICS_LISTEN="127.0.0.1:9464"),
    ),
    Mistake(
        "ports_are_those_that_are_listened_on",
        "no metrics",
        lambda d: config(d, "worker-cpu").pop("PULLBACK_METRICS_LISTEN"),
    ),
    Mistake(
        "images_are_of_this_version",
        "an old image",
        lambda d: first(cpu(d)).update(image="pullback/worker:0.0.9"),
    ),
    Mistake(
        "images_are_of_this_version",
        "the latest",
        lambda d: first(redis(d)).update(image="valkey/valkey:latest"),
    ),
    Mistake(
        "images_are_of_this_version",
        "another image",
        lambda d: first(redis(d)).update(image="bitnami/redis:7.2"),
    ),
    Mistake(
        "images_are_of_this_version",
        "an old label",
        lambda d: gateway(d)["template"]["metadata"]["labels"].update({"app.kubernetes.io/version": "0.0.9"}),
    ),
]
