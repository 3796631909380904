"""Mistakes in names, selectors and ports."""

from tests.manifests.mistakes.planting import Mistake, cpu, first, gateway, gpu, named, pod

MISTAKES = [
    Mistake(
        "names_are_labels",
        "capitals",
        lambda d: d.one("Service", "pullback-gateway")["metadata"].update(name="Gateway"),
    ),
    Mistake(
        "names_are_labels",
        "a long name of a port",
        lambda d: first(gateway(d))["ports"][0].update(name="a-name-of-seventeen"),
    ),
    Mistake(
        "names_are_labels", "a volume with a dot", lambda d: pod(cpu(d))["volumes"][0].update(name="tmp.d")
    ),
    Mistake("nothing_is_there_twice", "a document twice", lambda d: d.append(d[3])),
    Mistake(
        "nothing_is_there_twice",
        "a port twice",
        lambda d: first(gateway(d))["ports"][1].update(containerPort=50051),
    ),
    Mistake(
        "selectors_meet_pods",
        "another label in a template",
        lambda d: gateway(d)["template"]["metadata"]["labels"].update({"app.kubernetes.io/name": "gateway"}),
    ),
    Mistake(
        "selectors_meet_pods",
        "a service of nobody",
        lambda d: named(d, "Service", "gateway")["selector"].update(tier="front"),
    ),
    Mistake(
        "selectors_meet_pods",
        "a budget of nobody",
        lambda d: named(d, "PodDisruptionBudget", "worker-cpu")["selector"]["matchLabels"].update(
            {"app.kubernetes.io/name": "worker"}
        ),
    ),
    Mistake(
        "selectors_meet_pods",
        "a policy of nobody",
        lambda d: named(d, "NetworkPolicy", "worker")["podSelector"]["matchLabels"].update(
            {"pullback/evaluates": "yes"}
        ),
    ),
    Mistake(
        "selectors_meet_pods",
        "a monitor of nobody",
        lambda d: d.one("PodMonitor", "pullback")["spec"]["selector"]["matchExpressions"][0].update(
            values=["worker"]
        ),
    ),
    Mistake(
        "selectors_meet_pods",
        "a spread of nobody",
        lambda d: pod(cpu(d))["topologySpreadConstraints"][0]["labelSelector"].update(
            matchLabels={"app": "x"}
        ),
    ),
    Mistake(
        "workloads_are_told_apart",
        "two workloads with one label",
        lambda d: (
            gpu(d)["template"]["metadata"].update(labels=dict(cpu(d)["template"]["metadata"]["labels"])),
            gpu(d).update(selector=cpu(d)["selector"]),
        ),
    ),
    Mistake(
        "ports_are_there",
        "a service's port",
        lambda d: named(d, "Service", "gateway")["ports"][0].update(targetPort="http"),
    ),
    Mistake(
        "ports_are_there",
        "a probe's port",
        lambda d: first(gateway(d))["livenessProbe"]["grpc"].update(port=50052),
    ),
    Mistake(
        "ports_are_there",
        "a monitor's port",
        lambda d: d.one("PodMonitor", "pullback")["spec"]["podMetricsEndpoints"][0].update(port="http"),
    ),
    Mistake(
        "ports_are_there",
        "a policy's port",
        lambda d: named(d, "NetworkPolicy", "gateway")["ingress"][0]["ports"][0].update(port=50061),
    ),
    Mistake(
        "ports_are_there",
        "a port that is none",
        lambda d: first(cpu(d))["ports"][0].update(containerPort=5005100),
    ),
    Mistake(
        "routes_lead_to_services",
        "another service",
        lambda d: d.one("GRPCRoute", "pullback")["spec"]["rules"][0]["backendRefs"][0].update(name="gateway"),
    ),
    Mistake(
        "routes_lead_to_services",
        "another port",
        lambda d: d.one("GRPCRoute", "pullback")["spec"]["rules"][0]["backendRefs"][0].update(port=80),
    ),
]
