"""Jobs as plain values, for tests to compare."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullback.cli.batch import load_batch
from pullback.contract.tensors import BY_CODE, decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.v1.job_pb2 import Job

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


def jobs_of(text: str, file: str = "b.yaml", **given: object) -> list[Job]:
    """Reads a batch file of this text; gives the jobs as messages."""
    Path(file).write_text(text)
    return messages(file, **given)


def messages(file: str | Path, **given: object) -> list[Job]:
    """Gives the jobs of a batch file as messages."""
    batch = load_batch(file, given)
    jobs = [job.request(f"b.{job.index}", NOW).job for job in batch.jobs()]
    assert len(batch) == len(jobs)
    return jobs


def inputs(job: Job) -> dict[str, Any]:
    """Gives the inputs as numbers and nested lists."""
    return {name: decode(tensor).tolist() for name, tensor in sorted(job.evaluation.inputs.items())}


def dtypes(job: Job) -> dict[str, str]:
    """Gives the data types of the inputs."""
    return {name: BY_CODE[tensor.dtype].name for name, tensor in sorted(job.evaluation.inputs.items())}


def each(jobs: Iterable[Job], name: str) -> list[Any]:
    """Gives one input of each job."""
    return [inputs(job)[name] for job in jobs]
