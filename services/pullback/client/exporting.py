"""Programs as files for other tools: what is asked for, and what came. No I/O but `Artifact.write`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pullback.client.building import merged, new_request_id, write_evaluation
from pullback.contract.errors import InvalidArgument
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1.gradient_pb2 import EvaluateRequest

if TYPE_CHECKING:
    from os import PathLike

    from pullback.client.building import Device, Names, Values

#: ``onnx`` is an ONNX model, ``torch_export`` an archive of `torch.export`.
ExportFormat = Literal["onnx", "torch_export"]

FORMATS: dict[str, pb.ExportFormat] = {
    "onnx": pb.EXPORT_FORMAT_ONNX,
    "torch_export": pb.EXPORT_FORMAT_TORCH_EXPORT,
}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A forward program as a file for other tools.

    Attributes:
        format: ``onnx`` or ``torch_export``.
        data: the file's bytes.
        versions: the versions of what wrote it, by package.
        inputs: the names of the graph's inputs, in its order.
        outputs: the names of the graph's outputs, in its order.
    """

    format: str
    data: bytes
    versions: dict[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def write(self, path: str | PathLike[str]) -> None:
        """Writes the file, in place of one that is there.

        Raises:
            OSError: it cannot be written.
        """
        Path(path).write_bytes(self.data)


def export_request(
    program: str,
    inputs: Values | None,
    named_inputs: Values,
    *,
    outputs: Names,
    form: str,
    device: Device,
    timeout: float | None,
    request_id: str | None,
) -> EvaluateRequest:
    """Makes the request for a program's values and its artifact.

    Raises:
        InvalidArgument: an argument cannot be sent; `field` names it.
    """
    if form not in FORMATS:
        raise InvalidArgument(f"{form!r} is none of {', '.join(FORMATS)}", field="format")
    request = EvaluateRequest(request_id=request_id or new_request_id())
    write_evaluation(
        request.evaluation,
        program,
        merged(inputs, named_inputs),
        outputs=outputs,
        value_only=True,
        device=device,
        timeout=timeout,
    )
    request.evaluation.export = FORMATS[form]
    return request


def read_artifact(result: pb.Result) -> Artifact | None:
    """Reads what a result holds; None where nothing was exported."""
    if not result.HasField("artifact"):
        return None
    found = result.artifact
    names = {number: name for name, number in FORMATS.items()}
    return Artifact(
        format=names.get(found.format, "unknown"),
        data=found.data,
        versions=dict(sorted(found.versions.items())),
        inputs=tuple(found.inputs),
        outputs=tuple(found.outputs),
    )


def artifact_of(result: pb.Result) -> Artifact:
    """Reads what a service made that was asked for an artifact.

    Raises:
        InvalidArgument: it made none, because it is older than exports.
    """
    artifact = read_artifact(result)
    if artifact is None:
        raise InvalidArgument("this service does not know how to export", field="export")
    return artifact
