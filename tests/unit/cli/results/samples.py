"""Jobs in terminal states, made up, and what result files hold of them, read by other means than ours."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from pullback.cli.results.record import batch_job_id, record_of
from pullback.contract.errors import KernelFault, WorkerLost
from pullback.contract.status import to_status
from pullback.contract.tensors import DTYPES, DType
from pullback.v1 import job_pb2 as pb
from pullback.v1.evaluation_pb2 import DEVICE_CPU

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pullback.cli.results import Record
    from pullback.v1.tensor_pb2 import Tensor

BATCH = "night-1"

SUCCEEDED = pb.JOB_STATE_SUCCEEDED
STATES = (SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED, pb.JOB_STATE_EXPIRED)
REUSES = (pb.REUSE_UNSPECIFIED, pb.REUSE_MISS, pb.REUSE_HIT)


def job(
    index: int, *, tries: int = 1, created: int = 1_700_000_000, state: pb.JobState | None = None
) -> pb.Job:
    """Makes a job that succeeded with y = 2 * index and one gradient, unless it is to have failed."""
    name = f"jobs/{batch_job_id(BATCH, index, tries)}"
    made = pb.Job(name=name, labels={"pullback/batch": BATCH, "kind": "quartic"})
    made.state = state or SUCCEEDED
    made.create_time.FromMilliseconds(1_000 * created + index)
    made.start_time.FromMilliseconds(1_000 * created + index + 5)
    made.finish_time.FromMilliseconds(1_000 * created + index + 9)
    made.attempts.add(number=1, worker="w1")
    if made.state == SUCCEEDED:
        put(made.result.values["y"], DTYPES[8], (), np.float32(2 * index).tobytes())
        put(made.result.gradients["x"], DTYPES[9], (3,), np.arange(index, index + 3.0).tobytes())
        made.result.engine, made.result.worker, made.result.device = "0.1.0+torch2.13.0", "w1", DEVICE_CPU
    else:
        made.error.CopyFrom(to_status(WorkerLost("its worker was lost 5 times", field="program")))
    return made


def put(tensor: Tensor, dtype: DType, shape: tuple[int, ...], data: bytes) -> None:
    """Fills a tensor."""
    tensor.dtype, tensor.data = dtype.code, data
    tensor.shape.extend(shape)


def records(indices: Iterable[int], **facts: Any) -> list[Record]:
    """Makes rows."""
    return [record_of(job(index, **facts)) for index in indices]


@st.composite
def _filled(draw: st.DrawFn, target: Tensor) -> None:
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.sampled_from([(), (), (3,), (2, 2), (0,), (1, 0, 2)]))
    size = int(np.prod(shape)) * dtype.size
    data = draw(st.binary(min_size=size, max_size=size))
    if dtype.name == "bool":
        data = bytes(byte & 1 for byte in data)
    put(target, dtype, shape, data)


@st.composite
def _jobs(draw: st.DrawFn, index: int) -> pb.Job:
    state = draw(st.sampled_from([SUCCEEDED, SUCCEEDED, *STATES]))
    made = pb.Job(name=f"jobs/{draw(st.sampled_from([f'{BATCH}.{index}', f'lone-{index}']))}", state=state)
    made.labels.update(draw(st.sampled_from([{}, {"pullback/batch": BATCH}, {"a": "1", "b/c": "2:3"}])))
    made.create_time.FromMilliseconds(draw(st.integers(0, 2_000_000_000_000)))
    made.finish_time.FromMilliseconds(draw(st.integers(0, 2_000_000_000_000)))
    if state != SUCCEEDED:
        made.error.CopyFrom(to_status(KernelFault(draw(st.text(max_size=8)), field='inputs["é"]')))
        return made
    made.start_time.FromMilliseconds(draw(st.integers(0, 2_000_000_000_000)))
    for name in draw(st.sets(st.sampled_from(["y", "z", "loss"]), min_size=1)):
        draw(_filled(made.result.values[name]))
    for name in draw(st.sets(st.sampled_from(["x", "w", "y"]))):
        draw(_filled(made.result.gradients[name]))
    made.result.absent_gradients.update(draw(st.sampled_from([{}, {"b": 1}, {"b": 3, "c": 2}])))
    made.result.printed = draw(st.text(max_size=8))
    if draw(st.booleans()):
        made.result.graph.nodes.add(id=0, name="MulBackward0")
    made.reuse = draw(st.sampled_from(REUSES))
    return made


def jobs(most: int = 5) -> st.SearchStrategy[list[pb.Job]]:
    """Draws jobs of all kinds of tensors, like and unlike each other."""
    return st.integers(0, most).flatmap(lambda count: st.tuples(*map(_jobs, range(count))).map(list))


def ids_in_lines(path: Path) -> list[str]:
    """Reads the ids of a file of lines."""
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def ids_in_npz(path: Path) -> list[str]:
    """Reads the ids in an archive of arrays."""
    with np.load(path) as arrays:
        return [json.loads(line)["id"] for line in arrays["jobs"].tobytes().splitlines()]


def ids_in_safetensors(path: Path) -> list[str]:
    """Reads the ids in a file of safetensors, with its own library."""
    from safetensors.numpy import load_file  # noqa: PLC0415 - for this kind of file only

    return [json.loads(line)["id"] for line in load_file(path)["jobs"].tobytes().splitlines()]


def ids_in_parquet(path: Path) -> list[str]:
    """Reads the ids in a table."""
    from pyarrow import parquet  # noqa: PLC0415 - for this kind of file only

    return [str(value) for value in parquet.read_table(path)["id"].to_pylist()]


#: Suffix -> how to read the ids.
READERS: dict[str, Callable[[Path], list[str]]] = {
    ".jsonl": ids_in_lines,
    ".npz": ids_in_npz,
    ".safetensors": ids_in_safetensors,
    ".parquet": ids_in_parquet,
}
