"""A finished job as a row of a result file. No I/O.

Strategy: what is small and of every job is one JSON object, the *facts*, with the same keys in every kind of file. The
tensors stay bytes beside it, so that a file that can hold them exactly does.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from google.protobuf.json_format import MessageToDict
from google.rpc import code_pb2, error_details_pb2

from pullback.contract.names import DEVICE_CLASSES
from pullback.contract.status import DOMAIN, from_status
from pullback.contract.tensors import BY_CODE, BY_NAME, decode
from pullback.v1 import evaluation_pb2, job_pb2
from pullback.v1.tensor_pb2 import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp
    from google.rpc.status_pb2 import Status

Kind = Literal["values", "gradients", "tangents", "products", "blocks", "laplacian"]
KINDS: tuple[Kind, ...] = ("values", "gradients", "tangents", "products", "blocks", "laplacian")

# What is between the names of a block: its output, and what it is differentiated by. No name has it.
BETWEEN = ":"

# What a Laplacian is called, of which there is one.
_LAPLACIAN = "value"

#: The label that all jobs of one batch carry, with the batch's id.
BATCH_LABEL = "pullback/batch"

#: States that a job does not leave, by what result files call them.
TERMINAL: dict[int, str] = {
    job_pb2.JOB_STATE_SUCCEEDED: "SUCCEEDED",
    job_pb2.JOB_STATE_FAILED: "FAILED",
    job_pb2.JOB_STATE_CANCELLED: "CANCELLED",
    job_pb2.JOB_STATE_EXPIRED: "EXPIRED",
}

#: Facts that are there where they were asked for.
SELDOM = ("graph", "program_graph", "gradient_checks", "anomalies")

# What follows the batch's id in the id of one of its jobs.
_PLACE = re.compile(r"\.(0|[1-9][0-9]{0,8})(?::[1-9][0-9]*)?")

_ABSENCES: dict[int, str] = {
    evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT: "independent",
    evaluation_pb2.GRADIENT_ABSENCE_NOT_TRACKED: "not_tracked",
    evaluation_pb2.GRADIENT_ABSENCE_NOT_ACCUMULATED: "not_accumulated",
}

_REUSE: dict[int, str] = {job_pb2.REUSE_MISS: "miss", job_pb2.REUSE_HIT: "hit"}


class Known(NamedTuple):
    """What is kept in memory of a row that is written.

    Attributes:
        tries: which try at its row the job is.
        created: when it was created.
        state: the state that it reached.
    """

    tries: int
    created: str
    state: str

    def older_than(self, other: Known) -> bool:
        """Tells whether the other's job replaces this one's. A clock that is set back may mislead `created` alone."""
        return self[:2] < other[:2]


class Piece(NamedTuple):
    """One tensor of a result: little-endian, row-major, bfloat16 as its bit patterns."""

    kind: Kind
    name: str
    dtype: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """One job in a terminal state.

    Attributes:
        facts: all but the tensors, fit for JSON; the keys are those of `facts_of`.
        pieces: the tensors, in the order of `KINDS`, each by name; a block by those of its output and of what it is
            differentiated by.
    """

    facts: dict[str, Any]
    pieces: tuple[Piece, ...] = ()

    @property
    def slot(self) -> str:
        """What the row is for; there is one row for each."""
        return slot_in(self.facts)

    @property
    def known(self) -> Known:
        """What is kept in memory of the row."""
        return known_in(self.facts)


def slot_in(facts: Mapping[str, Any]) -> str:
    """Gives what a row with these facts is for."""
    return slot_of(facts["id"], facts["labels"].get(BATCH_LABEL))


def known_in(facts: Mapping[str, Any]) -> Known:
    """Gives what is kept in memory of a row with these facts."""
    return Known(tries_of(facts["id"], facts["labels"].get(BATCH_LABEL)), facts["created"], facts["state"])


def newer(known: Mapping[str, Known], records: Iterable[Record]) -> dict[str, Record]:
    """Gives the rows that a file does not have yet, by what they are for."""
    new: dict[str, Record] = {}
    for record in records:
        there = new[record.slot].known if record.slot in new else known.get(record.slot)
        if there is None or there.older_than(record.known):
            new[record.slot] = record
    return new


def record_of(job: job_pb2.Job) -> Record:
    """Makes a row of a job in a terminal state, given in the view RESULT."""
    result = job.result
    blocks = {BETWEEN.join([block.output, *block.wrt]): block.tensor for block in result.blocks}
    laplacian = {_LAPLACIAN: result.laplacian} if result.HasField("laplacian") else {}
    named: dict[Kind, Mapping[str, Tensor]] = {
        "values": result.values,
        "gradients": result.gradients,
        "tangents": result.tangents,
        "products": result.products,
        "blocks": blocks,
        "laplacian": laplacian,
    }
    pieces = [piece for kind in KINDS for piece in _pieces(kind, named[kind])]
    return Record(_facts_of(job), tuple(pieces))


def short_id(name: str) -> str:
    """Gives the id of a job's name."""
    return name.removeprefix("jobs/")


def batch_job_id(batch: str, index: int, tries: int = 1) -> str:
    """Makes the id of a job of a batch; further tries at the same row have ids of their own."""
    return f"{batch}.{index}" if tries == 1 else f"{batch}.{index}:{tries}"


def index_of(job_id: str, batch: str | None) -> int | None:
    """Gives a job's index in its batch; None where its id says that it is of none."""
    place = _PLACE.fullmatch(job_id, len(batch)) if batch and job_id.startswith(batch) else None
    return int(place[1]) if place else None


def tries_of(job_id: str, batch: str | None) -> int:
    """Gives which try at its row a job of a batch is, from 1."""
    return 1 if index_of(job_id, batch) is None else int(job_id.rpartition(".")[2].partition(":")[2] or 1)


def slot_of(job_id: str, batch: str | None) -> str:
    """Gives what a row of a result file is for: a row of a batch, however often it was tried, or else a job."""
    index = index_of(job_id, batch)
    return job_id if batch is None or index is None else batch_job_id(batch, index)


def _facts_of(job: job_pb2.Job) -> dict[str, Any]:
    job_id, labels, result = short_id(job.name), dict(sorted(job.labels.items())), job.result
    return {
        "id": job_id,
        "index": index_of(job_id, labels.get(BATCH_LABEL)),
        "state": TERMINAL[job.state],
        "labels": labels,
        "error": error_of(job.error) if job.HasField("error") else None,
        "absent_gradients": {
            name: _ABSENCES.get(reason, "unknown") for name, reason in sorted(result.absent_gradients.items())
        },
        "printed": result.printed,
        "graph": _written(result.graph) if result.HasField("graph") else None,
        "program_graph": _written(result.program_graph) if result.HasField("program_graph") else None,
        "gradient_checks": {name: _written(check) for name, check in sorted(result.gradient_checks.items())}
        or None,
        "anomalies": [_written(anomaly) for anomaly in result.anomalies] or None,
        "device": DEVICE_CLASSES.get(result.device, ""),
        "worker": result.worker,
        "engine": result.engine,
        "attempts": len(job.attempts),
        "created": moment(job.create_time),
        "started": moment(job.start_time) if job.HasField("start_time") else None,
        "finished": moment(job.finish_time),
        "reuse": _REUSE.get(job.reuse),
        "reused_from": short_id(job.reused_from) or None,
    }


def _written(message: Message) -> dict[str, Any]:
    """Writes a part of a result as JSON. What JSON has no number for is a word, as in `json_safe`."""
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def moment(time: Timestamp) -> str:
    """Writes a time in UTC, to the millisecond, which is what the service keeps."""
    return time.ToDatetime(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_moment(text: str) -> datetime:
    """Reads what `moment` wrote."""
    return datetime.fromisoformat(text)


def error_of(status: Status) -> dict[str, str]:
    """Takes an error apart: gRPC's status, the reason, the field where there is one, and the message."""
    info = error_details_pb2.ErrorInfo()
    reason = next((info.reason for detail in status.details if detail.Unpack(info)), "")
    ours = from_status(status) if info.domain == DOMAIN else None
    codes = code_pb2.Code.DESCRIPTOR.values_by_number
    return {
        "status": codes[status.code].name if status.code in codes else str(status.code),
        "reason": reason,
        "field": ours.field if ours else "",
        "message": ours.message if ours else status.message,
    }


def _pieces(kind: Kind, tensors: Mapping[str, Tensor]) -> Iterator[Piece]:
    for name in sorted(tensors):
        tensor = tensors[name]
        yield Piece(kind, name, BY_CODE[tensor.dtype].name, tuple(tensor.shape), tensor.data)


def line_of(record: Record) -> str:
    """Writes a row as one line of JSON.

    Tensors are numbers or nested lists, as `pullback eval --json` writes them. What JSON has no number for is
    ``"NaN"``, ``"Infinity"`` or ``"-Infinity"``; a complex number is a list of its real and its imaginary part.
    """
    facts = dict(record.facts)
    head = {key: facts.pop(key) for key in ("id", "index", "state", "labels", "error")}
    tensors: dict[str, Any] = {"values": {}, "gradients": {}}
    for piece in record.pieces:
        found = json_safe(array_of(piece).tolist())
        if piece.kind == "blocks":
            output, *wrt = piece.name.split(BETWEEN)
            tensors.setdefault("blocks", []).append({"output": output, "wrt": wrt, "derivative": found})
        elif piece.kind == "laplacian":
            tensors["laplacian"] = found
        else:
            tensors.setdefault(piece.kind, {})[piece.name] = found
    for key in SELDOM:
        if facts[key] is None:
            del facts[key]
    return json.dumps({**head, **tensors, **facts}, allow_nan=False, ensure_ascii=False) + "\n"


def array_of(piece: Piece) -> Any:
    """Gives a tensor as numpy's array; bfloat16 is widened to float32."""
    return decode(Tensor(dtype=BY_NAME[piece.dtype].code, shape=piece.shape, data=piece.data))


def json_safe(value: Any) -> Any:
    """Puts words in the place of the numbers that JSON lacks."""
    if isinstance(value, list):
        return [json_safe(item) for item in value]
    if isinstance(value, complex):
        return [json_safe(value.real), json_safe(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
