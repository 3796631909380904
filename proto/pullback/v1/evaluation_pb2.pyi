import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from pullback.v1 import graph_pb2 as _graph_pb2
from pullback.v1 import optimization_pb2 as _optimization_pb2
from pullback.v1 import program_graph_pb2 as _program_graph_pb2
from pullback.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Device(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_UNSPECIFIED: _ClassVar[Device]
    DEVICE_CPU: _ClassVar[Device]
    DEVICE_CUDA: _ClassVar[Device]

class ExportFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_FORMAT_UNSPECIFIED: _ClassVar[ExportFormat]
    EXPORT_FORMAT_ONNX: _ClassVar[ExportFormat]
    EXPORT_FORMAT_TORCH_EXPORT: _ClassVar[ExportFormat]

class GradientAbsence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRADIENT_ABSENCE_UNSPECIFIED: _ClassVar[GradientAbsence]
    GRADIENT_ABSENCE_INDEPENDENT: _ClassVar[GradientAbsence]
    GRADIENT_ABSENCE_NOT_TRACKED: _ClassVar[GradientAbsence]
    GRADIENT_ABSENCE_NOT_ACCUMULATED: _ClassVar[GradientAbsence]

class AnomalyKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_KIND_UNSPECIFIED: _ClassVar[AnomalyKind]
    ANOMALY_KIND_NAN: _ClassVar[AnomalyKind]
    ANOMALY_KIND_INFINITY: _ClassVar[AnomalyKind]

class AnomalyPass(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANOMALY_PASS_UNSPECIFIED: _ClassVar[AnomalyPass]
    ANOMALY_PASS_GIVEN: _ClassVar[AnomalyPass]
    ANOMALY_PASS_FORWARD: _ClassVar[AnomalyPass]
    ANOMALY_PASS_BACKWARD: _ClassVar[AnomalyPass]

class GradientVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRADIENT_VERDICT_UNSPECIFIED: _ClassVar[GradientVerdict]
    GRADIENT_VERDICT_AGREES: _ClassVar[GradientVerdict]
    GRADIENT_VERDICT_DIFFERS: _ClassVar[GradientVerdict]
    GRADIENT_VERDICT_KINK: _ClassVar[GradientVerdict]
    GRADIENT_VERDICT_UNDECIDED: _ClassVar[GradientVerdict]
DEVICE_UNSPECIFIED: Device
DEVICE_CPU: Device
DEVICE_CUDA: Device
EXPORT_FORMAT_UNSPECIFIED: ExportFormat
EXPORT_FORMAT_ONNX: ExportFormat
EXPORT_FORMAT_TORCH_EXPORT: ExportFormat
GRADIENT_ABSENCE_UNSPECIFIED: GradientAbsence
GRADIENT_ABSENCE_INDEPENDENT: GradientAbsence
GRADIENT_ABSENCE_NOT_TRACKED: GradientAbsence
GRADIENT_ABSENCE_NOT_ACCUMULATED: GradientAbsence
ANOMALY_KIND_UNSPECIFIED: AnomalyKind
ANOMALY_KIND_NAN: AnomalyKind
ANOMALY_KIND_INFINITY: AnomalyKind
ANOMALY_PASS_UNSPECIFIED: AnomalyPass
ANOMALY_PASS_GIVEN: AnomalyPass
ANOMALY_PASS_FORWARD: AnomalyPass
ANOMALY_PASS_BACKWARD: AnomalyPass
GRADIENT_VERDICT_UNSPECIFIED: GradientVerdict
GRADIENT_VERDICT_AGREES: GradientVerdict
GRADIENT_VERDICT_DIFFERS: GradientVerdict
GRADIENT_VERDICT_KINK: GradientVerdict
GRADIENT_VERDICT_UNDECIDED: GradientVerdict

class Evaluation(_message.Message):
    __slots__ = ("program", "inputs", "outputs", "wrt", "gradient", "value_only", "jvp", "jacobian", "hessian", "hessian_vector_product", "nth_derivative", "laplacian", "cotangents", "return_graph", "return_program_graph", "device", "timeout", "seed", "dry_run", "export", "descent_leg", "tangents", "batched_inputs", "check_gradient", "detect_anomaly", "stacked")
    class InputsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class CotangentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class TangentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    WRT_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_FIELD_NUMBER: _ClassVar[int]
    VALUE_ONLY_FIELD_NUMBER: _ClassVar[int]
    JVP_FIELD_NUMBER: _ClassVar[int]
    JACOBIAN_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_FIELD_NUMBER: _ClassVar[int]
    HESSIAN_VECTOR_PRODUCT_FIELD_NUMBER: _ClassVar[int]
    NTH_DERIVATIVE_FIELD_NUMBER: _ClassVar[int]
    LAPLACIAN_FIELD_NUMBER: _ClassVar[int]
    COTANGENTS_FIELD_NUMBER: _ClassVar[int]
    RETURN_GRAPH_FIELD_NUMBER: _ClassVar[int]
    RETURN_PROGRAM_GRAPH_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    EXPORT_FIELD_NUMBER: _ClassVar[int]
    DESCENT_LEG_FIELD_NUMBER: _ClassVar[int]
    TANGENTS_FIELD_NUMBER: _ClassVar[int]
    BATCHED_INPUTS_FIELD_NUMBER: _ClassVar[int]
    CHECK_GRADIENT_FIELD_NUMBER: _ClassVar[int]
    DETECT_ANOMALY_FIELD_NUMBER: _ClassVar[int]
    STACKED_FIELD_NUMBER: _ClassVar[int]
    program: str
    inputs: _containers.MessageMap[str, _tensor_pb2.Tensor]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    wrt: _containers.RepeatedScalarFieldContainer[str]
    gradient: Gradient
    value_only: ValueOnly
    jvp: Jvp
    jacobian: Jacobian
    hessian: Hessian
    hessian_vector_product: HessianVectorProduct
    nth_derivative: NthDerivative
    laplacian: Laplacian
    cotangents: _containers.MessageMap[str, _tensor_pb2.Tensor]
    return_graph: bool
    return_program_graph: bool
    device: Device
    timeout: _duration_pb2.Duration
    seed: int
    dry_run: bool
    export: ExportFormat
    descent_leg: _optimization_pb2.DescentLeg
    tangents: _containers.MessageMap[str, _tensor_pb2.Tensor]
    batched_inputs: _containers.RepeatedScalarFieldContainer[str]
    check_gradient: bool
    detect_anomaly: bool
    stacked: bool
    def __init__(self, program: _Optional[str] = ..., inputs: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., outputs: _Optional[_Iterable[str]] = ..., wrt: _Optional[_Iterable[str]] = ..., gradient: _Optional[_Union[Gradient, _Mapping]] = ..., value_only: _Optional[_Union[ValueOnly, _Mapping]] = ..., jvp: _Optional[_Union[Jvp, _Mapping]] = ..., jacobian: _Optional[_Union[Jacobian, _Mapping]] = ..., hessian: _Optional[_Union[Hessian, _Mapping]] = ..., hessian_vector_product: _Optional[_Union[HessianVectorProduct, _Mapping]] = ..., nth_derivative: _Optional[_Union[NthDerivative, _Mapping]] = ..., laplacian: _Optional[_Union[Laplacian, _Mapping]] = ..., cotangents: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., return_graph: _Optional[bool] = ..., return_program_graph: _Optional[bool] = ..., device: _Optional[_Union[Device, str]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., seed: _Optional[int] = ..., dry_run: _Optional[bool] = ..., export: _Optional[_Union[ExportFormat, str]] = ..., descent_leg: _Optional[_Union[_optimization_pb2.DescentLeg, _Mapping]] = ..., tangents: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., batched_inputs: _Optional[_Iterable[str]] = ..., check_gradient: _Optional[bool] = ..., detect_anomaly: _Optional[bool] = ..., stacked: _Optional[bool] = ...) -> None: ...

class Gradient(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ValueOnly(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Jvp(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Jacobian(_message.Message):
    __slots__ = ("mode",)
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[Jacobian.Mode]
        MODE_FORWARD: _ClassVar[Jacobian.Mode]
        MODE_REVERSE: _ClassVar[Jacobian.Mode]
    MODE_UNSPECIFIED: Jacobian.Mode
    MODE_FORWARD: Jacobian.Mode
    MODE_REVERSE: Jacobian.Mode
    MODE_FIELD_NUMBER: _ClassVar[int]
    mode: Jacobian.Mode
    def __init__(self, mode: _Optional[_Union[Jacobian.Mode, str]] = ...) -> None: ...

class Hessian(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HessianVectorProduct(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class NthDerivative(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: int
    def __init__(self, order: _Optional[int] = ...) -> None: ...

class Laplacian(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Result(_message.Message):
    __slots__ = ("values", "gradients", "absent_gradients", "graph", "program_graph", "printed", "device", "worker", "engine", "timings", "estimates", "artifact", "blocks", "gradient_checks", "anomalies", "tangents", "laplacian", "descent_leg", "products")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class GradientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class AbsentGradientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: GradientAbsence
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[GradientAbsence, str]] = ...) -> None: ...
    class GradientChecksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: GradientCheck
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[GradientCheck, _Mapping]] = ...) -> None: ...
    class TangentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class ProductsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    ABSENT_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_GRAPH_FIELD_NUMBER: _ClassVar[int]
    PRINTED_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATES_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CHECKS_FIELD_NUMBER: _ClassVar[int]
    ANOMALIES_FIELD_NUMBER: _ClassVar[int]
    TANGENTS_FIELD_NUMBER: _ClassVar[int]
    LAPLACIAN_FIELD_NUMBER: _ClassVar[int]
    DESCENT_LEG_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.MessageMap[str, _tensor_pb2.Tensor]
    gradients: _containers.MessageMap[str, _tensor_pb2.Tensor]
    absent_gradients: _containers.ScalarMap[str, GradientAbsence]
    graph: _graph_pb2.AutogradGraph
    program_graph: _program_graph_pb2.ProgramGraph
    printed: str
    device: Device
    worker: str
    engine: str
    timings: Timings
    estimates: Estimates
    artifact: Artifact
    blocks: _containers.RepeatedCompositeFieldContainer[DerivativeBlock]
    gradient_checks: _containers.MessageMap[str, GradientCheck]
    anomalies: _containers.RepeatedCompositeFieldContainer[Anomaly]
    tangents: _containers.MessageMap[str, _tensor_pb2.Tensor]
    laplacian: _tensor_pb2.Tensor
    descent_leg: _optimization_pb2.DescentLegResult
    products: _containers.MessageMap[str, _tensor_pb2.Tensor]
    def __init__(self, values: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., gradients: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., absent_gradients: _Optional[_Mapping[str, GradientAbsence]] = ..., graph: _Optional[_Union[_graph_pb2.AutogradGraph, _Mapping]] = ..., program_graph: _Optional[_Union[_program_graph_pb2.ProgramGraph, _Mapping]] = ..., printed: _Optional[str] = ..., device: _Optional[_Union[Device, str]] = ..., worker: _Optional[str] = ..., engine: _Optional[str] = ..., timings: _Optional[_Union[Timings, _Mapping]] = ..., estimates: _Optional[_Union[Estimates, _Mapping]] = ..., artifact: _Optional[_Union[Artifact, _Mapping]] = ..., blocks: _Optional[_Iterable[_Union[DerivativeBlock, _Mapping]]] = ..., gradient_checks: _Optional[_Mapping[str, GradientCheck]] = ..., anomalies: _Optional[_Iterable[_Union[Anomaly, _Mapping]]] = ..., tangents: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., laplacian: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., descent_leg: _Optional[_Union[_optimization_pb2.DescentLegResult, _Mapping]] = ..., products: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ...) -> None: ...

class Anomaly(_message.Message):
    __slots__ = ("kind", "line", "column", "op", "index", "value", "field", "node", "message")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PASS_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    OP_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    kind: AnomalyKind
    line: int
    column: int
    op: str
    index: _containers.RepeatedScalarFieldContainer[int]
    value: float
    field: str
    node: str
    message: str
    def __init__(self, kind: _Optional[_Union[AnomalyKind, str]] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., op: _Optional[str] = ..., index: _Optional[_Iterable[int]] = ..., value: _Optional[float] = ..., field: _Optional[str] = ..., node: _Optional[str] = ..., message: _Optional[str] = ..., **kwargs) -> None: ...

class GradientCheck(_message.Message):
    __slots__ = ("verdict", "max_abs_error", "max_rel_error", "worst", "element_count", "checked_count")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    MAX_ABS_ERROR_FIELD_NUMBER: _ClassVar[int]
    MAX_REL_ERROR_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    ELEMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHECKED_COUNT_FIELD_NUMBER: _ClassVar[int]
    verdict: GradientVerdict
    max_abs_error: float
    max_rel_error: float
    worst: CheckedElement
    element_count: int
    checked_count: int
    def __init__(self, verdict: _Optional[_Union[GradientVerdict, str]] = ..., max_abs_error: _Optional[float] = ..., max_rel_error: _Optional[float] = ..., worst: _Optional[_Union[CheckedElement, _Mapping]] = ..., element_count: _Optional[int] = ..., checked_count: _Optional[int] = ...) -> None: ...

class CheckedElement(_message.Message):
    __slots__ = ("index", "is_imaginary", "analytic", "numeric")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    IS_IMAGINARY_FIELD_NUMBER: _ClassVar[int]
    ANALYTIC_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_FIELD_NUMBER: _ClassVar[int]
    index: _containers.RepeatedScalarFieldContainer[int]
    is_imaginary: bool
    analytic: float
    numeric: float
    def __init__(self, index: _Optional[_Iterable[int]] = ..., is_imaginary: _Optional[bool] = ..., analytic: _Optional[float] = ..., numeric: _Optional[float] = ...) -> None: ...

class DerivativeBlock(_message.Message):
    __slots__ = ("output", "wrt", "tensor")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    WRT_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    output: str
    wrt: _containers.RepeatedScalarFieldContainer[str]
    tensor: _tensor_pb2.Tensor
    def __init__(self, output: _Optional[str] = ..., wrt: _Optional[_Iterable[str]] = ..., tensor: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("format", "data", "versions", "inputs", "outputs")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    format: ExportFormat
    data: bytes
    versions: _containers.ScalarMap[str, str]
    inputs: _containers.RepeatedScalarFieldContainer[str]
    outputs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, format: _Optional[_Union[ExportFormat, str]] = ..., data: _Optional[bytes] = ..., versions: _Optional[_Mapping[str, str]] = ..., inputs: _Optional[_Iterable[str]] = ..., outputs: _Optional[_Iterable[str]] = ...) -> None: ...

class Estimates(_message.Message):
    __slots__ = ("values", "gradients", "absent_gradients", "live_bytes", "work", "dispatched_ops", "blocks", "tangents", "laplacian", "products")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    class GradientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    class AbsentGradientsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: GradientAbsence
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[GradientAbsence, str]] = ...) -> None: ...
    class TangentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    class ProductsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.TensorSpec
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...
    VALUES_FIELD_NUMBER: _ClassVar[int]
    GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    ABSENT_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    LIVE_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    DISPATCHED_OPS_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    TANGENTS_FIELD_NUMBER: _ClassVar[int]
    LAPLACIAN_FIELD_NUMBER: _ClassVar[int]
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    values: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    gradients: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    absent_gradients: _containers.ScalarMap[str, GradientAbsence]
    live_bytes: int
    work: int
    dispatched_ops: int
    blocks: _containers.RepeatedCompositeFieldContainer[DerivativeBlockSpec]
    tangents: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    laplacian: _tensor_pb2.TensorSpec
    products: _containers.MessageMap[str, _tensor_pb2.TensorSpec]
    def __init__(self, values: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ..., gradients: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ..., absent_gradients: _Optional[_Mapping[str, GradientAbsence]] = ..., live_bytes: _Optional[int] = ..., work: _Optional[int] = ..., dispatched_ops: _Optional[int] = ..., blocks: _Optional[_Iterable[_Union[DerivativeBlockSpec, _Mapping]]] = ..., tangents: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ..., laplacian: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ..., products: _Optional[_Mapping[str, _tensor_pb2.TensorSpec]] = ...) -> None: ...

class DerivativeBlockSpec(_message.Message):
    __slots__ = ("output", "wrt", "spec")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    WRT_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    output: str
    wrt: _containers.RepeatedScalarFieldContainer[str]
    spec: _tensor_pb2.TensorSpec
    def __init__(self, output: _Optional[str] = ..., wrt: _Optional[_Iterable[str]] = ..., spec: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ...) -> None: ...

class Timings(_message.Message):
    __slots__ = ("accept_time", "start_time", "finish_time")
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    accept_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    finish_time: _timestamp_pb2.Timestamp
    def __init__(self, accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
