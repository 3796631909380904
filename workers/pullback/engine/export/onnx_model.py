"""A traced program as an ONNX model, made in memory."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import onnx
import onnx.checker
import onnx.shape_inference
import onnxscript
import onnxscript.optimizer
import torch
from onnxscript import ir
from onnxscript.onnx_opset import opset18
from torch.onnx._internal.exporter import _core, _errors
from torch.onnx._internal.exporter._registration import ONNXRegistry

from pullback.contract.errors import InvalidArgument
from pullback.engine.export.mistranslated import is_mistranslated
from pullback.engine.export.trace import place_text, release, unexportable
from pullback.engine.faults import spoken
from pullback.engine.values import describe_value
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pullback.contract.errors import PullbackError
    from pullback.engine.export.trace import Trace
    from pullback.engine.interpret import Code

#: The set of operators that models use: that of torch's own translations, so that none is converted.
OPSET = 18

# Where the exporter puts what the tracer noted of a node's place.
_PLACE = "pkg.torch.onnx.stack_trace"

_NO_TRANSLATION = "torch has no right translation of it into ONNX; an archive of torch.export can hold it"
_NODE = re.compile(r"_node_\d+")

# Most elements of a constant that is computed while the model is made. More would make the file big, to save nothing.
_FOLDED = 1_024


def write_onnx(code: Code, traced: Trace) -> evaluation_pb2.Artifact:
    """Writes the model.

    Raises:
        InvalidArgument: an input or an output is complex.
        ProgramError: an operation has no translation; says where.
    """
    _refuse_complex(traced)
    for node in traced.exported.graph.nodes:
        if is_mistranslated(node):
            raise _nothing(code, traced, node) from None
    traced.tidy(keep_marks=True)
    model = _translated(code, traced)
    # Folded only: the optimiser's other rules take 1e-12 for 0.
    onnxscript.optimizer.fold_constants(model, input_size_limit=_FOLDED, output_size_limit=_FOLDED)
    onnxscript.optimizer.remove_unused_nodes(model)
    _name(model, traced)
    proto = ir.to_proto(model)
    _check(code, traced, proto)
    return evaluation_pb2.Artifact(
        format=evaluation_pb2.EXPORT_FORMAT_ONNX,
        data=proto.SerializeToString(deterministic=True),
        versions={
            "torch": release(torch.__version__),
            "onnx": onnx.__version__,
            "onnxscript": onnxscript.__version__,
            "opset": str(OPSET),
        },
        inputs=traced.inputs,
        outputs=[each.name or "" for each in model.graph.outputs],
    )


@cache
def translations() -> ONNXRegistry:
    """Reads torch's translations of operators, from the source text of their functions.

    `torch.onnx.export` does so for each model, which takes a third of a second, and fails where no file can be read.
    So the function that it calls next is called in its place, though it is torch's own.
    """
    registry = ONNXRegistry.from_torchlib(OPSET)
    registry.register_op(torch.ops.aten.scalar_tensor.default, _scalar_tensor)
    return registry


def _scalar_tensor(
    s: float, dtype: int = -1, layout: str = "", device: str = "", pin_memory: bool = False
) -> object:
    """Makes a number that torch promotes to its neighbour's data type. onnxscript's own goes by way of float32."""
    del layout, device, pin_memory
    wanted = ir.DataType.FLOAT if dtype == -1 else ir.DataType(dtype)
    value: Any = ir.tensor(s, dtype=wanted)  # onnx_ir's own kind of tensor, which is taken too
    return opset18.Constant(value=value)


def _refuse_complex(traced: Trace) -> None:
    signature = traced.exported.graph_signature
    named = dict(zip(signature.user_inputs, (f'inputs["{name}"]' for name in traced.inputs), strict=True))
    named |= zip(signature.user_outputs, (f"`{name}`" for name in traced.outputs), strict=True)
    for node in traced.exported.graph.nodes:
        if node.name in named and node.meta["val"].is_complex():
            raise InvalidArgument(
                f"{named[node.name]} is {describe_value(node.meta['val'])}; ONNX has no complex inputs and outputs",
                field="export",
            )


def _translated(code: Code, traced: Trace) -> ir.Model:
    try:
        program = _core.export(
            traced.exported, registry=translations(), opset_version=OPSET, optimize=False, verbose=False
        )
    except _errors.ConversionError as error:
        raise _nothing(code, traced, _culprit(error)) from error
    return program.model


def _nothing(code: Code, traced: Trace, node: torch.fx.Node | None) -> PullbackError:
    call = None if node is None else traced.call(node)
    if call is None:
        return InvalidArgument("torch has no translation of this program into ONNX", field="export")
    return unexportable(code, call.place, f"`{spoken(call.op)}` cannot be exported: {_NO_TRANSLATION}")


def _check(code: Code, traced: Trace, proto: onnx.ModelProto) -> None:
    """Has ONNX's checker read the model: not every translation gives one that the standard allows."""
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        found = _NODE.search(str(error))
        name = found.group() if found else ""
        places = [node.doc_string for node in proto.graph.node if node.name == name]
        calls = [call for call in traced.calls if places and place_text(call.place) == places[0]]
        if not calls:
            raise InvalidArgument(
                "torch has no translation of this program into ONNX", field="export"
            ) from error
        raise unexportable(
            code,
            calls[0].place,
            f"`{spoken(calls[0].op)}` on these data types cannot be exported: {_NO_TRANSLATION}",
        ) from error


def _culprit(error: BaseException | None) -> torch.fx.Node | None:
    """Finds the node that a translation failed at: the exporter says it in text only, but its frames hold it."""
    while error is not None:
        frame = error.__traceback__
        while frame is not None:
            node = frame.tb_frame.f_locals.get("node")
            if isinstance(node, torch.fx.Node):
                return node
            frame = frame.tb_next
        error = error.__cause__
    return None


def _name(model: ir.Model, traced: Trace) -> None:
    """Names inputs and outputs as the program does, all else by numbers, and leaves the exporter's notes out.

    A program's names begin with a letter, those of what it does not name with an underscore.
    """
    graph = model.graph
    model.producer_name, model.producer_version = "pullback", ""
    graph.name = "program"
    model.metadata_props.clear()
    for number, node in enumerate(graph.all_nodes()):
        place = node.metadata_props.get(_PLACE, "")
        node.metadata_props.clear()
        node.doc_string = place or None
        node.name = f"_node_{number}"
    for number, value in enumerate(_values(graph)):
        value.metadata_props.clear()
        value.name = f"_{number}"
    for value, name in zip(graph.inputs, traced.inputs, strict=True):
        value.name = name
    taken = {*traced.inputs, *traced.outputs}
    for value, name in zip(graph.outputs, traced.outputs, strict=True):
        value.name = _free(name, traced.inputs, taken)


def _free(name: str, inputs: Sequence[str], taken: set[str]) -> str:
    """Gives an output another name where an input has its own, as after ``x = 2*x``."""
    if name not in inputs:
        return name
    found = f"{name}_out"
    while found in taken:
        found += "_"
    taken.add(found)
    return found


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from list(graph.initializers.values())
    for node in graph.all_nodes():
        yield from node.outputs
