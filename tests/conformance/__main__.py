"""Sends corpora of good and hostile programs to a running system, and says what was answered wrongly.

.venv/bin/pullback up --workers 1 --port 50051
.venv/bin/python -m tests.conformance --address 127.0.0.1:50051 corpus.jsonl ...
"""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

import torch
from tests.conformance.drive import DEADLINE_SECONDS, Report, drive
from tests.conformance.entries import read
from tests.conformance.probes import Watch, root_of

PROGRAMS = Path(__file__).parents[1] / "vectors" / "programs"
OWN = [PROGRAMS / "benign.jsonl", PROGRAMS / "hostile.jsonl"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, default=OWN, help="corpora; else our own")
    parser.add_argument("--address", default="127.0.0.1:50051", help="host:port of the gateway")
    parser.add_argument("--elsewhere", action="store_true", help="the system is on another machine")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of the random order")
    parser.add_argument("--passes", type=int, default=1, help="how often the mixture is sent")
    parser.add_argument("--deadline", type=float, default=DEADLINE_SECONDS, help="seconds for one evaluation")
    parser.add_argument("--only", default="", help="only entries whose id has this text")
    return parser.parse_args()


def _print(report: Report) -> None:
    for entry, faults in sorted(report.faults.items()):
        for fault in faults:
            print(f"  {entry:32} {fault}")
    for (kind, status), count in sorted(report.statuses.items()):
        print(f"{count:7} {kind:8} {status}")
    for entry, reason in sorted(report.skipped.items()):
        print(f"skipped {entry}: {reason}")
    print(f"slowest answer: {report.slowest[1]:.2f} s, {report.slowest[0]}")
    print(f"{len(report.faults)} entries with faults")


def main() -> int:
    """Runs the corpora; the exit status says whether all was right."""
    arguments = _arguments()
    torch.set_num_threads(1)
    entries = [entry for file in arguments.files for entry in read(file) if arguments.only in entry.id]
    print(f"{len(entries)} entries, seed {arguments.seed}")
    watch = None if arguments.elsewhere else Watch(root_of(arguments.address))
    report = drive(
        arguments.address,
        entries,
        watch=watch,
        seed=arguments.seed,
        passes=arguments.passes,
        deadline=arguments.deadline,
    )
    _print(report)
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())
