from google.rpc import status_pb2 as _status_pb2
from pullback.v1 import evaluation_pb2 as _evaluation_pb2
from pullback.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EvaluateRequest(_message.Message):
    __slots__ = ("evaluation", "request_id")
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    evaluation: _evaluation_pb2.Evaluation
    request_id: str
    def __init__(self, evaluation: _Optional[_Union[_evaluation_pb2.Evaluation, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: _evaluation_pb2.Result
    def __init__(self, result: _Optional[_Union[_evaluation_pb2.Result, _Mapping]] = ...) -> None: ...

class EvaluateStreamRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[EvaluateRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[EvaluateRequest, _Mapping]]] = ...) -> None: ...

class EvaluateStreamResponse(_message.Message):
    __slots__ = ("outcomes",)
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[EvaluateOutcome]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[EvaluateOutcome, _Mapping]]] = ...) -> None: ...

class EvaluateOutcome(_message.Message):
    __slots__ = ("request_id", "result", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    result: _evaluation_pb2.Result
    error: _status_pb2.Status
    def __init__(self, request_id: _Optional[str] = ..., result: _Optional[_Union[_evaluation_pb2.Result, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class CheckProgramRequest(_message.Message):
    __slots__ = ("program", "inputs", "outputs", "input_specs", "wrt", "gradient", "value_only", "jvp", "jacobian", "hessian", "hessian_vector_product", "nth_derivative", "laplacian", "cotangent_specs", "tangent_specs", "batched_inputs", "stacked")
    class InputSpecsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    class CotangentSpecsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    class TangentSpecsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    INPUT_SPECS_FIELD_NUMBER: _ClassVar[int]
    WRT_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_ONLY_FIELD_NUMBER: _ClassVar[int]
    JVP_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_VECTOR_PRODUCT_FIELD_NUMBER: _ClassVar[int]
    NTH_DERIVATIVE_FIELD_NUMBER: _ClassVar[int]
    LAPLACIAN_FIELD_NUMBER: _ClassVar[int]
    COTANGENT_SPECS_FIELD_NUMBER: _ClassVar[int]
    TANGENT_SPECS_FIELD_NUMBER: _ClassVar[int]
    BATCHED_INPUTS_FIELD_NUMBER: _ClassVar[int]
    STACKED_FIELD_NUMBER: _ClassVar[int]
    program: str
    inputs: _containers.RepeatedScalarFieldContainer[str]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    input_specs: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    wrt: _containers.RepeatedScalarFieldContainer[str]
    gradient: _evaluation_pb2.Gradient
    value_only: _evaluation_pb2.ValueOnly
    jvp: _evaluation_pb2.Jvp
    jacobian: _evaluation_pb2.Jacobian
    hessian: _evaluation_pb2.Hessian
    hessian_vector_product: _evaluation_pb2.HessianVectorProduct
    nth_derivative: _evaluation_pb2.NthDerivative
    laplacian: _evaluation_pb2.Laplacian
    cotangent_specs: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    tangent_specs: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    batched_inputs: _containers.RepeatedScalarFieldContainer[str]
    stacked: bool
    def __init__(self, program: _Optional[str] = ..., inputs: _Optional[_Iterable[str]] = ..., outputs: _Optional[_Iterable[str]] = ..., input_specs: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ..., wrt: _Optional[_Iterable[str]] = ..., gradient: _Optional[_Union[_evaluation_pb2.Gradient, _Mapping]] = ..., value_only: _Optional[_Union[_evaluation_pb2.ValueOnly, _Mapping]] = ..., jvp: _Optional[_Union[_evaluation_pb2.Jvp, _Mapping]] = ..., jacobian: _Optional[_Union[_evaluation_pb2.Jacobian, _Mapping]] = ..., hessian: _Optional[_Union[_evaluation_pb2.Hessian, _Mapping]] = ..., hessian_vector_product: _Optional[_Union[_evaluation_pb2.HessianVectorProduct, _Mapping]] = ..., nth_derivative: _Optional[_Union[_evaluation_pb2.NthDerivative, _Mapping]] = ..., laplacian: _Optional[_Union[_evaluation_pb2.Laplacian, _Mapping]] = ..., cotangent_specs: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ..., tangent_specs: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ..., batched_inputs: _Optional[_Iterable[str]] = ..., stacked: _Optional[bool] = ...) -> None: ...

class CheckProgramResponse(_message.Message):
    __slots__ = ("diagnostics", "inputs", "outputs", "ops", "calls_backward", "statement_count", "estimates", "not_estimated")
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    CALLS_BACKWARD_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    ESTIMATES_FIELD_NUMBER: _ClassVar[int]
    NOT_ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    diagnostics: _containers.RepeatedCompositeFieldContainer[Diagnostic]
    inputs: _containers.RepeatedScalarFieldContainer[str]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    ops: _containers.RepeatedScalarFieldContainer[str]
    calls_backward: bool
    statement_count: int
    estimates: _evaluation_pb2.Estimates
    not_estimated: Diagnostic
    def __init__(self, diagnostics: _Optional[_Iterable[_Union[Diagnostic, _Mapping]]] = ..., inputs: _Optional[_Iterable[str]] = ..., outputs: _Optional[_Iterable[str]] = ..., ops: _Optional[_Iterable[str]] = ..., calls_backward: _Optional[bool] = ..., statement_count: _Optional[int] = ..., estimates: _Optional[_Union[_evaluation_pb2.Estimates, _Mapping]] = ..., not_estimated: _Optional[_Union[Diagnostic, _Mapping]] = ...) -> None: ...

class Diagnostic(_message.Message):
    __slots__ = ("line", "column", "message", "source_line", "caret_line", "suggestion", "reason")
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_LINE_FIELD_NUMBER: _ClassVar[int]
    CARET_LINE_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    line: int
    column: int
    message: str
    source_line: str
    caret_line: str
    suggestion: str
    reason: str
    def __init__(self, line: _Optional[int] = ..., column: _Optional[int] = ..., message: _Optional[str] = ..., source_line: _Optional[str] = ..., caret_line: _Optional[str] = ..., suggestion: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
