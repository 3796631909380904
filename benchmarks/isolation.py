"""`python -m benchmarks.isolation`: what each isolation costs, without the queue: a drain's view of its evaluators.

Figures are medians: microseconds for one job at a time, and jobs a second in batches of jobs of four tenants.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from benchmarks.polynomial import PROGRAM
from pullback.contract.lifecycle import Event
from pullback.contract.tensors import encode
from pullback.evaluator import Evaluator, Isolation, Isolator, Job, Template
from pullback.v1 import evaluation_pb2 as pb

BATCH = 64
TENANTS = 4


def main() -> None:
    """Prints the cost of each isolation, and of making an evaluator."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each (30)")
    rounds = parser.parse_args().rounds
    jobs = [_job(number) for number in range(BATCH)]
    with Template(device="cpu", worker="here") as template:

        def connect() -> Evaluator:
            return Evaluator.connect(template.address)

        made = statistics.median(_seconds_to_make(template) for _ in range(rounds))
        print(f"an evaluator is made in {1e3 * made:.1f} ms")
        for isolation in Isolation:
            with Isolator(connect, isolation=isolation) as isolator:
                _run(isolator, jobs)
                lone = statistics.median(_run(isolator, jobs[:1]) for _ in range(5 * rounds))
                batch = statistics.median(_run(isolator, jobs) for _ in range(rounds))
            print(
                f"{isolation}: {1e6 * lone:,.0f} us for a job alone, {BATCH / batch:,.0f} jobs a second in batches"
            )


def _job(number: int) -> Job:
    evaluation = pb.Evaluation(program=PROGRAM, inputs={"x": encode(np.array(float(number)))})
    tenant = b"%d" % (number % TENANTS)
    return Job(str(number), evaluation.SerializeToString(), 0, 2**50, tenant=tenant)


def _seconds_to_make(template: Template) -> float:
    begun = time.perf_counter()
    with Evaluator.connect(template.address):
        return time.perf_counter() - begun


def _run(isolator: Isolator, jobs: list[Job]) -> float:
    begun = time.perf_counter()
    outcomes = [outcome for group in isolator.run(jobs) for outcome in group]
    if len(outcomes) != len(jobs) or any(outcome.event is not Event.SUCCEED for outcome in outcomes):
        raise AssertionError("a job was not answered")
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
