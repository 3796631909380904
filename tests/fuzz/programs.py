"""Random and changed programs for the engine: ``python -m tests.fuzz.programs --seconds 60``.

Random programs of the op table must equal plain torch, or be refused; changed ones must end in a result or a refusal;
and repeated ones must give what they give for the first time.
Each batch runs in a child of its own: a signal there is a finding too, and so is a child that computes too long.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance.entries import Entry, evaluation, read
from tests.fuzz.comparing import differences
from tests.fuzz.forked import DiedError, in_child
from tests.fuzz.mutations import mutate
from tests.fuzz.random_programs import calls, generate
from tests.fuzz.repeats import repeat_faults, repeatable
from tests.fuzz.saving import save

from pullback.contract.errors import InternalFault, PullbackError
from pullback.engine import Engine, configure_torch

if TYPE_CHECKING:
    from collections.abc import Sequence

VECTORS = Path(__file__).parents[1] / "vectors" / "programs"

# Programs that one child runs.
BATCH = 50


@dataclass(frozen=True)
class Verdict:
    """What came of one program.

    Attributes:
        ending: how it ended, in a word or two.
        source: the program, where something is wrong with that.
        faults: what is wrong.
    """

    ending: str
    source: str = ""
    faults: tuple[str, ...] = ()


def judge_random(engine: Engine, seed: int) -> Verdict:
    """Compares the random program of a seed with plain torch."""
    program = generate(random.Random(seed))  # noqa: S311 - chooses tests
    found = list(differences(engine, program))
    if not found:
        return Verdict("equal to torch")
    if found[0].startswith("refused: "):
        return Verdict(found[0])
    return Verdict("wrong", program.source, tuple(found))


def judge_changed(engine: Engine, seed: int) -> Verdict:
    """Runs the changed program of a seed."""
    rng = random.Random(seed)  # noqa: S311 - chooses tests
    entry = rng.choice(_benign())
    source = mutate(rng, entry.source)
    outcome = engine.evaluate_many([evaluation(Entry(entry.id, source, entry.fields))])[0]
    if isinstance(outcome, InternalFault):
        return Verdict("wrong", source, ("a fault of the engine",))
    return Verdict(type(outcome).__name__ if isinstance(outcome, PullbackError) else "Result")


def judge_repeated(engine: Engine, seed: int) -> Verdict:
    """Runs the random program of a seed again and again with other numbers."""
    del engine  # each program begins with nothing known of it
    program = generate(random.Random(seed))  # noqa: S311 - chooses tests
    try:
        faults, is_taped = repeat_faults(repeatable(program), seed)
    except PullbackError as error:
        return Verdict(type(error).__name__)
    if faults:
        return Verdict("wrong", program.source, tuple(faults))
    return Verdict("played" if is_taped else "not played")


@cache
def _benign() -> list[Entry]:
    return read(VECTORS / "benign.jsonl")


@cache
def _prepare() -> None:
    """Does what children would do again and again; with one thread, since several do not live through a fork."""
    configure_torch()
    calls()
    _benign()


JUDGES = {"random": judge_random, "changed": judge_changed, "repeated": judge_repeated}


def judge(kind: str, seeds: Sequence[int]) -> list[Verdict]:
    """Judges the programs of some seeds in a child; one that killed it is found among them.

    Args:
        kind: of `JUDGES`.
        seeds: one for each program.
    """
    _prepare()
    try:
        return in_child(partial(_judge, kind, seeds))
    except DiedError as error:
        if len(seeds) == 1:
            return [Verdict("died", f"{kind} program of seed {seeds[0]}", (str(error),))]
        half = len(seeds) // 2
        return judge(kind, seeds[:half]) + judge(kind, seeds[half:])


def _judge(kind: str, seeds: Sequence[int]) -> list[Verdict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch says of odd but legal calls
        engine = Engine(worker="fuzz")
        return [JUDGES[kind](engine, seed) for seed in seeds]


def fuzz(seconds: float, seed: int) -> int:
    """Judges programs for some seconds; gives the number of findings."""
    endings: Counter[str] = Counter()
    findings = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for kind in JUDGES:
            for verdict in judge(kind, range(seed, seed + BATCH)):
                endings[f"{kind}: {verdict.ending}"] += 1
                if verdict.faults:
                    findings += 1
                    print(f"{'; '.join(verdict.faults)}: {save(kind, verdict.source.encode())}", flush=True)
        seed += BATCH
    for ending, count in sorted(endings.items()):
        print(f"{count:9,} {ending}")
    print(f"programs: {endings.total():,}, next seed {seed}, {findings} findings")
    return findings


def main() -> int:
    """Fuzzes as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    options = parser.parse_args()
    return bool(fuzz(options.seconds, options.seed))


if __name__ == "__main__":
    sys.exit(main())
