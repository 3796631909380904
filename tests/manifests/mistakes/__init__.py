"""Mistakes, planted one at a time in an overlay that keeps every rule; by the room of the rule that finds them."""

from tests.manifests.mistakes import batches, flows, lifetimes, naming, parts, pods, scaling, settings, sizes

#: All of them.
MISTAKES = [
    mistake
    for module in (naming, parts, pods, settings, sizes, lifetimes, flows, scaling, batches)
    for mistake in module.MISTAKES
]
