from pullback.v1 import evaluation_pb2 as _evaluation_pb2
from pullback.v1 import optimization_pb2 as _optimization_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescendRequest(_message.Message):
    __slots__ = ("evaluation", "plan", "state")
    EVALUATION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    evaluation: _evaluation_pb2.Evaluation
    plan: _optimization_pb2.OptimizationPlan
    state: _optimization_pb2.DescentState
    def __init__(self, evaluation: _Optional[_Union[_evaluation_pb2.Evaluation, _Mapping]] = ..., plan: _Optional[_Union[_optimization_pb2.OptimizationPlan, _Mapping]] = ..., state: _Optional[_Union[_optimization_pb2.DescentState, _Mapping]] = ...) -> None: ...

class DescendResponse(_message.Message):
    __slots__ = ("points", "state", "outcome")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_optimization_pb2.DescentPoint]
    state: _optimization_pb2.DescentState
    outcome: DescentOutcome
    def __init__(self, points: _Optional[_Iterable[_Union[_optimization_pb2.DescentPoint, _Mapping]]] = ..., state: _Optional[_Union[_optimization_pb2.DescentState, _Mapping]] = ..., outcome: _Optional[_Union[DescentOutcome, _Mapping]] = ...) -> None: ...

class DescentOutcome(_message.Message):
    __slots__ = ("end", "point", "result")
    END_FIELD_NUMBER: _ClassVar[int]
    POINT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    end: _optimization_pb2.DescentEnd
    point: _optimization_pb2.DescentPoint
    result: _evaluation_pb2.Result
    def __init__(self, end: _Optional[_Union[_optimization_pb2.DescentEnd, str]] = ..., point: _Optional[_Union[_optimization_pb2.DescentPoint, _Mapping]] = ..., result: _Optional[_Union[_evaluation_pb2.Result, _Mapping]] = ...) -> None: ...
