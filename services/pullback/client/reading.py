"""What the service answered, as Python values. No I/O.

Strategy: an answer keeps its message and decodes a field when it is first read, since a batch script that
looks at one gradient of each of a million results should not pay for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

from pullback.client.anomalies import read_anomaly
from pullback.client.exporting import read_artifact
from pullback.client.gradient_checks import read_gradient_check
from pullback.client.notebook import as_html, picture
from pullback.client.tensors import read_arrays, read_torch
from pullback.contract.names import DEVICE_CLASSES
from pullback.contract.tensors import decode
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pullback.client.anomalies import Anomaly
    from pullback.client.exporting import Artifact
    from pullback.client.gradient_checks import GradientCheck
    from pullback.v1.graph_pb2 import AutogradGraph
    from pullback.v1.program_graph_pb2 import ProgramGraph

#: The reasons why there is no gradient, as words.
ABSENCES: dict[int, str] = {
    pb.GRADIENT_ABSENCE_INDEPENDENT: "independent",
    pb.GRADIENT_ABSENCE_NOT_TRACKED: "not_tracked",
    pb.GRADIENT_ABSENCE_NOT_ACCUMULATED: "not_accumulated",
}


@dataclass(frozen=True, slots=True)
class Timings:
    """When each step of an evaluation was taken, in UTC, by the service's clocks.

    Attributes:
        accept_time: when it was durably accepted.
        start_time: when the attempt that finished it began.
        finish_time: when that attempt finished.
    """

    accept_time: datetime
    start_time: datetime
    finish_time: datetime


def block_key(block: pb.DerivativeBlock | pb.DerivativeBlockSpec) -> tuple[str, str]:
    """Names a part of a derivative: row and column of a Hessian; of anything else, the output and the input."""
    row, column = (block.output, *block.wrt)[-2:]
    return row, column


@final
class Evaluated:
    """What an evaluation gave. Arrays are numpy's, each the caller's own; bfloat16 is widened to float32."""

    def __init__(self, result: pb.Result, evaluation: pb.Evaluation | None) -> None:
        """Takes a result.

        Args:
            result: as it travelled.
            evaluation: what was asked for, whose order of names is kept; None where it is not known.
        """
        self._result = result
        # Not the evaluation itself: its inputs may be big, and results are kept.
        self._outputs = () if evaluation is None else tuple(evaluation.outputs)
        self._wrt = () if evaluation is None else tuple(evaluation.wrt)
        self._ordered = evaluation is not None

    def __repr__(self) -> str:
        return f"Evaluated(values={self.values!r}, gradients={self.gradients!r})"

    def _repr_svg_(self) -> str | None:
        """Draws the graph in a notebook, where it was asked for and Graphviz is installed."""
        return self._picture

    @cached_property
    def _picture(self) -> str | None:
        return picture(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Shows values, derivatives and the graph in a notebook; it chooses between text and HTML."""
        del include, exclude  # a notebook may leave out what it does not want by itself
        return {"text/plain": repr(self), "text/html": as_html(self, self._picture)}

    @property
    def message(self) -> pb.Result:
        """The result as it travelled, with each tensor's data type and bytes."""
        return self._result

    @cached_property
    def values(self) -> dict[str, NDArray[Any]]:
        """The outputs by name, in the order asked for; by name where that is not known."""
        return read_arrays(self._result.values, self._outputs)

    @property
    def value(self) -> NDArray[Any]:
        """The last output, which is the differentiated one unless cotangents were given.

        Raises:
            ValueError: there are several, of a job that was fetched without its evaluation.
        """
        if not self._ordered and len(self.values) > 1:
            names = ", ".join(self.values)
            raise ValueError(
                f"which of {names} is last is not known without the evaluation; read `values`, or get the view 'full'"
            )
        return next(reversed(self.values.values()))

    @cached_property
    def gradients(self) -> dict[str, NDArray[Any]]:
        """The gradients by leaf name, each of its leaf's shape and data type."""
        return read_arrays(self._result.gradients, self._wrt)

    @property
    def gradient(self) -> NDArray[Any]:
        """The gradient, where there is exactly one.

        Raises:
            ValueError: there is none, or there are several.
        """
        if len(self.gradients) != 1:
            names = ", ".join(self.gradients) or "none"
            raise ValueError(f"expected one gradient, found {names}; read `gradients` and `absent_gradients`")
        return next(iter(self.gradients.values()))

    @cached_property
    def tangents(self) -> dict[str, NDArray[Any]]:
        """How the outputs move along the tangents that were given, by output name, each of its output's shape."""
        return read_arrays(self._result.tangents, self._outputs)

    @cached_property
    def products(self) -> dict[str, NDArray[Any]]:
        """The Hessian times the tangents that were given, by name, each of its shape."""
        return read_arrays(self._result.products, self._wrt)

    @cached_property
    def jacobian(self) -> dict[tuple[str, str], NDArray[Any]]:
        """The Jacobian's blocks by output and input, each of the output's shape followed by the input's."""
        return {block_key(each): decode(each.tensor) for each in self._result.blocks if len(each.wrt) == 1}

    @cached_property
    def hessian(self) -> dict[tuple[str, str], NDArray[Any]]:
        """The Hessian's blocks by row and column, each of the row's shape followed by the column's."""
        return {block_key(each): decode(each.tensor) for each in self._result.blocks if len(each.wrt) == 2}

    @property
    def derivatives(self) -> dict[str, NDArray[Any]]:
        """The n-th derivatives by input name, each of its input's shape."""
        return {name: array for (_, name), array in self.jacobian.items()}

    @property
    def laplacian(self) -> NDArray[Any] | None:
        """The Laplacian, of one element; None where it was not asked for."""
        return decode(self._result.laplacian) if self._result.HasField("laplacian") else None

    @property
    def torch_values(self) -> dict[str, Any]:
        """`values` as torch tensors of the exact data types.

        Raises:
            RuntimeError: torch is not imported.
        """
        return read_torch(self._result.values, self._outputs)

    @property
    def torch_gradients(self) -> dict[str, Any]:
        """`gradients` as torch tensors of the exact data types.

        Raises:
            RuntimeError: torch is not imported.
        """
        return read_torch(self._result.gradients, self._wrt)

    @cached_property
    def absent_gradients(self) -> dict[str, str]:
        """The leaves that were asked for and have no gradient, each with the reason.

        ``independent``: the outputs do not depend on it. ``not_tracked``: the program turned its
        `requires_grad` off. ``not_accumulated``: the program's own `backward()` put nothing into its `.grad`.
        """
        absent = self._result.absent_gradients
        return {name: ABSENCES.get(absent[name], "unknown") for name in sorted(absent)}

    @cached_property
    def anomalies(self) -> tuple[Anomaly, ...]:
        """The first NaN and the first infinity that came up, in order, where they were looked for."""
        return tuple(map(read_anomaly, self._result.anomalies))

    @cached_property
    def gradient_checks(self) -> dict[str, GradientCheck]:
        """How the gradients compare with finite differences, by input name, where that was asked for."""
        checks = self._result.gradient_checks
        return {name: read_gradient_check(checks[name]) for name in sorted(checks)}

    @property
    def graph(self) -> AutogradGraph | None:
        """The autograd graph, where it was asked for."""
        return self._result.graph if self._result.HasField("graph") else None

    @property
    def program_graph(self) -> ProgramGraph | None:
        """The calls that the program made, where that was asked for."""
        return self._result.program_graph if self._result.HasField("program_graph") else None

    @cached_property
    def artifact(self) -> Artifact | None:
        """The program as a file for other tools, where it was exported."""
        return read_artifact(self._result)

    @property
    def printed(self) -> str:
        """The text that the program printed."""
        return self._result.printed

    @property
    def device(self) -> str:
        """The class of device that computed: ``cpu`` or ``cuda``."""
        return DEVICE_CLASSES.get(self._result.device, "unknown")

    @property
    def worker(self) -> str:
        """The name of the worker that computed."""
        return self._result.worker

    @property
    def engine(self) -> str:
        """The version of the engine and of torch. Bits are comparable within one version only."""
        return self._result.engine

    @property
    def timings(self) -> Timings:
        """When each step was taken."""
        times = self._result.timings
        return Timings(
            accept_time=times.accept_time.ToDatetime(UTC),
            start_time=times.start_time.ToDatetime(UTC),
            finish_time=times.finish_time.ToDatetime(UTC),
        )
