"""Mistakes in what is referred to."""

from tests.manifests.mistakes.planting import Mistake, cpu, drop, first, gateway, named, pod, redis

MISTAKES = [
    Mistake(
        "references_are_there",
        "a ConfigMap",
        lambda d: first(gateway(d))["envFrom"][0]["configMapRef"].update(name="pullback-gateway"),
    ),
    Mistake(
        "references_are_there",
        "a Secret",
        lambda d: first(cpu(d))["env"][1]["valueFrom"]["secretKeyRef"].update(name="redis"),
    ),
    Mistake(
        "references_are_there",
        "a key of a Secret",
        lambda d: first(cpu(d))["env"][1]["valueFrom"]["secretKeyRef"].update(key="uri"),
    ),
    Mistake(
        "references_are_there",
        "a key of a secret volume",
        lambda d: next(v for v in pod(redis(d))["volumes"] if "secret" in v)["secret"]["items"][0].update(
            key="acl"
        ),
    ),
    Mistake(
        "secrets_hold_no_passwords",
        "a Secret",
        lambda d: d.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "pullback-redis", "namespace": "pullback"},
                "data": {"url": "eA=="},
            }
        ),
    ),
    Mistake(
        "mounts_are_there",
        "a mount of nothing",
        lambda d: first(gateway(d))["volumeMounts"][0].update(name="scratch"),
    ),
    Mistake(
        "mounts_are_there",
        "a volume that nobody mounts",
        lambda d: pod(cpu(d))["volumes"].append({"name": "cache", "emptyDir": {"sizeLimit": "1Mi"}}),
    ),
    Mistake(
        "mounts_are_there",
        "a claim that is not there",
        lambda d: drop(d, "PersistentVolumeClaim", "batch-results"),
    ),
    Mistake(
        "accounts_and_targets_are_there",
        "an account",
        lambda d: pod(cpu(d)).update(serviceAccountName="worker"),
    ),
    Mistake(
        "accounts_and_targets_are_there",
        "a scaler's target",
        lambda d: named(d, "ScaledObject", "worker-gpu")["scaleTargetRef"].update(name="worker-gpu"),
    ),
    Mistake(
        "accounts_and_targets_are_there",
        "an autoscaler's target",
        lambda d: named(d, "HorizontalPodAutoscaler", "gateway")["scaleTargetRef"].update(name="gateway"),
    ),
    Mistake(
        "accounts_and_targets_are_there", "a set's service", lambda d: redis(d).update(serviceName="redis")
    ),
    Mistake(
        "mounts_are_not_in_each_other",
        "a secret in a configuration",
        lambda d: first(redis(d))["volumeMounts"][-1].update(mountPath="/data/x"),
    ),
]
