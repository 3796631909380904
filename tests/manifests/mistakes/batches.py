"""Mistakes in batches and routes."""

from tests.manifests.mistakes.planting import Mistake, first, named

MISTAKES = [
    Mistake(
        "batches_can_be_gone_on_with",
        "another id each time",
        lambda d: first(named(d, "Job", "sweep"))["args"].remove("--batch-id=$(JOB_NAME)"),
    ),
    Mistake(
        "batches_can_be_gone_on_with",
        "tried for ever",
        lambda d: named(d, "Job", "sweep")["podFailurePolicy"]["rules"][0]["onExitCodes"].update(values=[1]),
    ),
    Mistake(
        "batches_can_be_gone_on_with",
        "an eviction counts",
        lambda d: named(d, "CronJob", "nightly")["jobTemplate"]["spec"]["podFailurePolicy"]["rules"].pop(1),
    ),
    Mistake(
        "batches_call_a_service",
        "nobody there",
        lambda d: first(named(d, "Job", "sweep"))["env"][0].update(value="gateway:50051"),
    ),
    Mistake(
        "routes_lead_to_all_our_services",
        "one left out",
        lambda d: d.one("GRPCRoute", "pullback")["spec"]["rules"][0]["matches"].pop(0),
    ),
    Mistake(
        "batches_call_a_service",
        "an address that the command does not take",
        lambda d: first(named(d, "Job", "sweep"))["env"][0].update(
            value="dns:///pullback-gateway-each:50051"
        ),
    ),
]
