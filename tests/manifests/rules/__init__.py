"""Rules of ours: what no schema knows. Each takes an overlay's documents and gives what is wrong, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.manifests.rules import batches, flows, lifetimes, naming, parts, pods, scaling, settings, sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.manifests.documents import Documents

    Rule = Callable[[Documents], Iterable[str]]

#: Every rule, by name.
RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for module in (naming, parts, pods, settings, sizes, lifetimes, flows, scaling, batches)
    for rule in module.RULES
}
