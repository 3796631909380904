from pullback.v1 import graph_pb2 as _graph_pb2
from pullback.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProgramGraph(_message.Message):
    __slots__ = ("schema_version", "nodes", "edges", "outputs")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    nodes: _containers.RepeatedCompositeFieldContainer[ProgramNode]
    edges: _containers.RepeatedCompositeFieldContainer[ProgramEdge]
    outputs: _containers.RepeatedCompositeFieldContainer[ProgramOutput]
    def __init__(self, schema_version: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[ProgramNode, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[ProgramEdge, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[ProgramOutput, _Mapping]]] = ...) -> None: ...

class ProgramNode(_message.Message):
    __slots__ = ("id", "input", "constant", "call", "values", "autograd_nodes")
    ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CONSTANT_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    AUTOGRAD_NODES_FIELD_NUMBER: _ClassVar[int]
    id: int
    input: str
    constant: str
    call: ProgramCall
    values: _containers.RepeatedCompositeFieldContainer[ProgramValue]
    autograd_nodes: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[int] = ..., input: _Optional[str] = ..., constant: _Optional[str] = ..., call: _Optional[_Union[ProgramCall, _Mapping]] = ..., values: _Optional[_Iterable[_Union[ProgramValue, _Mapping]]] = ..., autograd_nodes: _Optional[_Iterable[int]] = ...) -> None: ...

class ProgramCall(_message.Message):
    __slots__ = ("op", "line", "column")
    OP_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    op: str
    line: int
    column: int
    def __init__(self, op: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ...) -> None: ...

class ProgramValue(_message.Message):
    __slots__ = ("tensor", "text", "name")
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    tensor: _tensor_pb2.TensorSpec
    text: str
    name: str
    def __init__(self, tensor: _Optional[_Union[_tensor_pb2.TensorSpec, _Mapping]] = ..., text: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ProgramEdge(_message.Message):
    __slots__ = ("from_node", "value_index", "to_node", "operand_index", "operand_name")
    FROM_NODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_INDEX_FIELD_NUMBER: _ClassVar[int]
    TO_NODE_FIELD_NUMBER: _ClassVar[int]
    OPERAND_INDEX_FIELD_NUMBER: _ClassVar[int]
    OPERAND_NAME_FIELD_NUMBER: _ClassVar[int]
    from_node: int
    value_index: int
    to_node: int
    operand_index: int
    operand_name: str
    def __init__(self, from_node: _Optional[int] = ..., value_index: _Optional[int] = ..., to_node: _Optional[int] = ..., operand_index: _Optional[int] = ..., operand_name: _Optional[str] = ...) -> None: ...

class ProgramOutput(_message.Message):
    __slots__ = ("name", "node", "value_index")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    VALUE_INDEX_FIELD_NUMBER: _ClassVar[int]
    name: str
    node: int
    value_index: int
    def __init__(self, name: _Optional[str] = ..., node: _Optional[int] = ..., value_index: _Optional[int] = ...) -> None: ...

class GraphPair(_message.Message):
    __slots__ = ("program", "autograd")
    PROGRAM_FIELD_NUMBER: _ClassVar[int]
    AUTOGRAD_FIELD_NUMBER: _ClassVar[int]
    program: ProgramGraph
    autograd: _graph_pb2.AutogradGraph
    def __init__(self, program: _Optional[_Union[ProgramGraph, _Mapping]] = ..., autograd: _Optional[_Union[_graph_pb2.AutogradGraph, _Mapping]] = ...) -> None: ...
