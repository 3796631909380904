"""Mistakes in pods that may do too much."""

from tests.manifests.mistakes.planting import Mistake, cpu, first, gateway, pod, redis

MISTAKES = [
    Mistake("pods_are_restricted", "root", lambda d: pod(cpu(d))["securityContext"].update(runAsUser=0)),
    Mistake(
        "pods_are_restricted",
        "root perhaps",
        lambda d: pod(gateway(d))["securityContext"].pop("runAsNonRoot"),
    ),
    Mistake(
        "pods_are_restricted",
        "rights",
        lambda d: first(cpu(d))["securityContext"].update(allowPrivilegeEscalation=True),
    ),
    Mistake(
        "pods_are_restricted",
        "capabilities",
        lambda d: first(cpu(d))["securityContext"].update(capabilities={"drop": ["NET_RAW"]}),
    ),
    Mistake(
        "pods_are_restricted",
        "an added capability",
        lambda d: first(cpu(d))["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    ),
    Mistake(
        "pods_are_restricted", "no seccomp", lambda d: pod(redis(d))["securityContext"].pop("seccompProfile")
    ),
    Mistake(
        "pods_are_restricted", "a host's port", lambda d: first(gateway(d))["ports"][0].update(hostPort=50051)
    ),
    Mistake("pods_are_restricted", "the host's network", lambda d: pod(gateway(d)).update(hostNetwork=True)),
    Mistake(
        "pods_are_restricted",
        "the host's files",
        lambda d: pod(cpu(d))["volumes"][0].update(hostPath={"path": "/"}),
    ),
    Mistake(
        "pods_are_restricted",
        "an init container",
        lambda d: pod(redis(d))["initContainers"][0].pop("securityContext"),
    ),
    Mistake(
        "namespaces_enforce_the_level",
        "baseline",
        lambda d: d.of("Namespace")[0]["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
    ),
    Mistake(
        "namespaces_enforce_the_level",
        "another namespace",
        lambda d: d.one("Deployment", "pullback-gateway")["metadata"].update(namespace="default"),
    ),
    Mistake(
        "roots_are_read_only",
        "a writable image",
        lambda d: first(cpu(d))["securityContext"].pop("readOnlyRootFilesystem"),
    ),
    Mistake(
        "roots_are_read_only",
        "a folder without a bound",
        lambda d: pod(cpu(d))["volumes"][0].update(emptyDir={}),
    ),
    Mistake("nobody_has_a_token", "a pod's token", lambda d: pod(cpu(d)).pop("automountServiceAccountToken")),
    Mistake(
        "nobody_has_a_token",
        "an account's token",
        lambda d: d.one("ServiceAccount", "pullback-worker").update(automountServiceAccountToken=True),
    ),
    Mistake("nobody_has_a_token", "the default account", lambda d: pod(gateway(d)).pop("serviceAccountName")),
    Mistake("pods_are_spread", "all on one node", lambda d: pod(gateway(d)).pop("topologySpreadConstraints")),
]
