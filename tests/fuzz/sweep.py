"""Sweeps the op table with arguments at their edges: ``python -m tests.fuzz.sweep --seconds 60``.

First one argument of each sample at a time, to the end, then two at once, chosen at random, for as long as there is
time. Any case that ends a child by a signal, hangs, or is answered as a fault of the engine is printed, and makes the
exit status 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import zlib
from typing import TYPE_CHECKING

from tests.fuzz.children import findings
from tests.fuzz.edges import Mutable
from tests.fuzz.samples import samples

from pullback.contract.program.ops import OPS
from pullback.engine import configure_torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fuzz.children import Finding
    from tests.fuzz.edges import Case

# Cases that one child runs, one after another. Whether there is time left is asked between children.
CHUNK = 250


def cases(keys: Sequence[str], every: int = 1) -> Iterator[Case]:
    """Gives the legal calls of some rows, and those with one argument at an edge.

    Args:
        keys: the rows.
        every: one of so many is given, at least one for each argument of each sample; which, follows from its text.
    """
    for key in keys:
        for sample in samples(key):
            mutable = Mutable(sample)
            yield mutable.with_edges([])
            for place in range(mutable.count()):
                made = [mutable.with_edges([(place, edge)]) for edge in mutable.edges(place)]
                chosen = [case for case in made if zlib.crc32(str(case).encode()) % every == 0]
                yield from chosen or made[:1]


def pairs(keys: Sequence[str], rng: random.Random) -> Iterator[Case]:
    """Gives calls with two arguments at an edge, at random and without end."""
    mutables = [Mutable(sample) for key in keys for sample in samples(key)]
    mutables = [mutable for mutable in mutables if mutable.count() > 1]
    while mutables:
        mutable = rng.choice(mutables)
        places = sorted(rng.sample(range(mutable.count()), 2))
        edges = [(place, [*mutable.edges(place)]) for place in places]
        chosen = [(place, rng.choice(found)) for place, found in edges if found]
        yield mutable.with_edges(chosen)


def sweep(cases: Iterator[Case], until: float | None = None) -> Iterator[Finding]:
    """Runs cases, until there are no more or no more time."""
    chunk: list[Case] = []
    for case in cases:
        chunk.append(case)
        if len(chunk) == CHUNK:
            yield from findings(chunk)
            chunk = []
            if until is not None and time.monotonic() > until:
                return
    yield from findings(chunk)


def main() -> int:
    """Sweeps as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="for how long; single edges are run to the end"
    )
    parser.add_argument("--every", type=int, default=1, help="run one of so many of the single edges")
    parser.add_argument("--seed", type=int, default=0, help="where the random pairs begin")
    parser.add_argument("--rows", default="", help="only rows whose key holds this")
    options = parser.parse_args()
    configure_torch()
    until = time.monotonic() + options.seconds
    keys = [key for key in sorted(OPS) if options.rows in key]
    found = 0
    rng = random.Random(options.seed)  # noqa: S311 - chooses tests
    for finding in sweep(cases(keys, options.every)):
        found += 1
        print(finding, flush=True)
    if time.monotonic() < until:
        for finding in sweep(pairs(keys, rng), until):
            found += 1
            print(finding, flush=True)
    print(f"{found} findings")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
