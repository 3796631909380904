"""Good and hostile programs from files, mixed and in random order, against one worker of a running system."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.system import System
from tests.conformance.drive import drive
from tests.conformance.entries import read
from tests.conformance.probes import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = Path(__file__).parents[1] / "vectors" / "programs"

# Time limit of one evaluation, in seconds. Hostile programs that nothing but time stops take all of it.
DEADLINE_SECONDS = 5.0


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with a single evaluator, so that every program meets what the ones before it left."""
    with System(tmp_path_factory.mktemp("corpora"), workers=1) as running:
        yield running


@pytest.mark.timeout(300)
def test_good_programs_are_right_beside_hostile_ones(one_worker: System) -> None:
    """Each answer is right, each refusal has a listed status; processes, memory and files stay as they were."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    entries = [*read(PROGRAMS / "benign.jsonl"), *read(PROGRAMS / "hostile.jsonl")]
    watch = Watch(one_worker.process.pid)
    report = drive(one_worker.address, entries, watch=watch, seed=seed, deadline=DEADLINE_SECONDS)
    assert report.faults == {}
    assert report.skipped == {}
    assert sum(report.statuses.values()) >= len(entries)
