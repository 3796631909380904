"""Mistakes in the network."""

from tests.manifests.mistakes.planting import Mistake, drop, named

MISTAKES = [
    Mistake(
        "used_flows_and_no_others_are_open",
        "workers reach gateways",
        lambda d: (
            named(d, "NetworkPolicy", "worker")["egress"].append({"to": [{"podSelector": {}}]}),
            named(d, "NetworkPolicy", "gateway")["ingress"].append({"from": [{"podSelector": {}}]}),
        ),
    ),
    Mistake(
        "used_flows_and_no_others_are_open",
        "Redis is closed to workers",
        lambda d: named(d, "NetworkPolicy", "redis")["ingress"][0]["from"].pop(1),
    ),
    Mistake(
        "used_flows_and_no_others_are_open",
        "Sentinels are out of reach",
        lambda d: named(d, "NetworkPolicy", "gateway")["egress"][0]["ports"].pop(1),
    ),
    Mistake(
        "used_flows_and_no_others_are_open",
        "batches reach Redis",
        lambda d: (
            named(d, "NetworkPolicy", "batch")["egress"].append(
                named(d, "NetworkPolicy", "gateway")["egress"][0]
            ),
            named(d, "NetworkPolicy", "redis")["ingress"][0].pop("from"),
        ),
    ),
    Mistake(
        "policies_open_no_end_alone",
        "one end",
        lambda d: named(d, "NetworkPolicy", "worker")["egress"].append(
            {"to": [{"podSelector": {}}], "ports": [{"port": "grpc"}]}
        ),
    ),
    Mistake(
        "policies_open_no_end_alone",
        "everybody comes to Redis",
        lambda d: named(d, "NetworkPolicy", "redis")["ingress"][0]["from"].append({"podSelector": {}}),
    ),
    Mistake(
        "only_callers_and_monitors_come_from_outside",
        "everybody calls",
        lambda d: named(d, "NetworkPolicy", "gateway")["ingress"][0].pop("from"),
    ),
    Mistake(
        "only_callers_and_monitors_come_from_outside",
        "callers see metrics",
        lambda d: named(d, "NetworkPolicy", "gateway")["ingress"][0].pop("ports"),
    ),
    Mistake(
        "only_callers_and_monitors_come_from_outside",
        "monitors do not",
        lambda d: named(d, "NetworkPolicy", "worker").pop("ingress"),
    ),
    Mistake(
        "nothing_goes_out_but_names",
        "the world",
        lambda d: named(d, "NetworkPolicy", "worker")["egress"].append(
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
        ),
    ),
    Mistake(
        "nothing_goes_out_but_names",
        "everything",
        lambda d: named(d, "NetworkPolicy", "worker")["egress"].append({}),
    ),
    Mistake(
        "nothing_goes_out_but_names",
        "no names",
        lambda d: named(d, "NetworkPolicy", "gateway")["egress"].pop(1),
    ),
    Mistake(
        "nothing_goes_out_but_names",
        "any name server",
        lambda d: (
            named(d, "NetworkPolicy", "worker")["egress"][1]["to"][0].pop("podSelector")
            and named(d, "NetworkPolicy", "worker")["egress"][1]["to"][0].update(namespaceSelector={})
        ),
    ),
    Mistake(
        "every_pod_is_denied_first", "nothing is denied", lambda d: drop(d, "NetworkPolicy", "default-deny")
    ),
    Mistake(
        "every_pod_is_denied_first",
        "only what comes in",
        lambda d: named(d, "NetworkPolicy", "default-deny").update(policyTypes=["Ingress"]),
    ),
    Mistake(
        "every_pod_is_denied_first",
        "let through for all",
        lambda d: named(d, "NetworkPolicy", "default-deny").update(ingress=[{}]),
    ),
]
