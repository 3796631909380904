"""The network: every connection that is used is let through, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.manifests.documents import selects, where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Documents, Node, Pod


class Flow(NamedTuple):
    """Who connects to whom, on which port of the latter."""

    source: str
    target: str
    port: int


_WORKERS = ("pullback-worker-cpu", "pullback-worker-gpu")

#: Every connection between our pods; those of pods that an overlay does not have do not count.
FLOWS = {
    *(
        Flow(source, "pullback-redis", port)
        for source in ("pullback-gateway", *_WORKERS, "pullback-redis")
        for port in (6379, 26379)
    ),
    Flow("pullback-batch", "pullback-gateway", 50051),
}

#: Labels of namespaces, and which ports of ours they reach.
OUTSIDE = {
    ("pullback/calls", "pullback-gateway", 50051),
    *(("pullback/scrapes", name, 9464) for name in ("pullback-gateway", *_WORKERS)),
}

# Where names are looked up.
_DNS = {"kubernetes.io/metadata.name": "kube-system"}
_DNS_PORTS = {("UDP", 53), ("TCP", 53)}


def _policies(documents: Documents, pod: Pod) -> list[Node]:
    """Gives the policies that a pod is under."""
    return [
        policy["spec"]
        for policy in documents.of("NetworkPolicy")
        if selects(policy["spec"]["podSelector"], pod.labels)
    ]


def _ports(rule: Node, pod: Pod) -> set[int]:
    """Gives the numbers of a pod's ports that a rule lets through; a name is the pod's."""
    if "ports" not in rule:
        return {*pod.ports().values()}
    named = pod.ports()
    return {named.get(str(port["port"]), port["port"]) for port in rule["ports"]} & {*named.values()}


def _out(documents: Documents, source: Pod, target: Pod) -> set[int]:
    """Gives the target's ports that the source's policies let it reach."""
    return _through(documents, source, ("egress", "to"), target, target)


def _in(documents: Documents, source: Pod, target: Pod) -> set[int]:
    """Gives the target's ports that its own policies let the source reach."""
    return _through(documents, target, ("ingress", "from"), source, target)


def _through(documents: Documents, owner: Pod, side: tuple[str, str], peer: Pod, target: Pod) -> set[int]:
    found: set[int] = set()
    for policy in _policies(documents, owner):
        for rule in policy.get(side[0], []):
            peers = rule.get(side[1])
            if peers is None or any(_is_ours(each, peer) for each in peers):
                found |= _ports(rule, target)
    return found


def _is_ours(peer: Node, pod: Pod) -> bool:
    return (
        "namespaceSelector" not in peer and "podSelector" in peer and selects(peer["podSelector"], pod.labels)
    )


def used_flows_and_no_others_are_open(documents: Documents) -> Iterator[str]:
    """Between our pods, what both ends let through is what is used."""
    pods = [*documents.pods()]
    for source in pods:
        for target in pods:
            both = _out(documents, source, target) & _in(documents, source, target)
            used = {flow.port for flow in FLOWS if (flow.source, flow.target) == (source.name, target.name)}
            used &= {*target.ports().values()}
            if source.name == target.name == "pullback-redis" and 26379 not in target.ports().values():
                used = set()
            for port in both ^ used:
                yield f"{source.name} to {target.name}:{port} is {'open' if port in both else 'closed'}"


def policies_open_no_end_alone(documents: Documents) -> Iterator[str]:
    """What one end lets through, the other does too: else a policy says something that nothing needs."""
    pods = [*documents.pods()]
    for source in pods:
        for target in pods:
            out, into = _out(documents, source, target), _in(documents, source, target)
            for port in out - into:
                yield f"{source.name} to {target.name}:{port} is closed by the latter"
            for port in into - out:
                # Callers of gateways may be anybody who is labelled so.
                if source.labels.get("pullback/calls") != "true" or target.name != "pullback-gateway":
                    yield f"{source.name} to {target.name}:{port} is closed by the former"


def only_callers_and_monitors_come_from_outside(documents: Documents) -> Iterator[str]:
    """Other namespaces reach the ports that are for them, by their label, and nothing else does."""
    for pod in documents.pods():
        found = set()
        for policy in _policies(documents, pod):
            for rule in policy.get("ingress", []):
                for peer in rule.get("from", [{}]):
                    labels = peer.get("namespaceSelector", {}).get("matchLabels", {})
                    if "namespaceSelector" in peer or peer == {} or "ipBlock" in peer:
                        label = ",".join(key for key, value in labels.items() if value == "true")
                        found |= {(label, pod.name, port) for port in _ports(rule, pod)}
        for label, name, port in found ^ {each for each in OUTSIDE if each[1] == pod.name}:
            state = "open" if (label, name, port) in found else "closed"
            yield f"{name}:{port} is {state} to namespaces with {label or 'any label'}"


def nothing_goes_out_but_names(documents: Documents) -> Iterator[str]:
    """Outside the namespace, our pods reach the name server, those that use it; a managed Redis is at addresses."""
    for pod in documents.pods():
        found = set()
        for policy in _policies(documents, pod):
            for rule in policy.get("egress", []):
                for peer in rule.get("to", [{}]):
                    if peer.get("namespaceSelector", {}).get("matchLabels") == _DNS:
                        found |= {
                            (port.get("protocol", "TCP"), port["port"]) for port in rule.get("ports", [])
                        }
                    elif _leads_out(peer):
                        yield f"{pod.name} reaches {peer or 'everything'}"
        asks = pod.name != "pullback-redis" or "sentinel" in pod.ports()
        if found != (_DNS_PORTS if asks else set()):
            yield f"{pod.name} reaches the name server at {found}"


def _leads_out(peer: Node) -> bool:
    if "ipBlock" in peer:
        cidr: str = peer["ipBlock"]["cidr"]
        return cidr.endswith("/0")
    return "podSelector" not in peer or "namespaceSelector" in peer


def every_pod_is_denied_first(documents: Documents) -> Iterator[str]:
    """A policy that lets nothing through, in or out, is on all pods."""
    for policy in documents.of("NetworkPolicy"):
        spec = policy["spec"]
        if spec["podSelector"] == {} and set(spec["policyTypes"]) == {"Ingress", "Egress"}:
            if "ingress" in spec or "egress" in spec:
                yield f"{where(policy)}: lets something through for everybody"
            return
    yield "no policy denies everything"


RULES = (
    used_flows_and_no_others_are_open,
    policies_open_no_end_alone,
    only_callers_and_monitors_come_from_outside,
    nothing_goes_out_but_names,
    every_pod_is_denied_first,
)
