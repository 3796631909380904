from pullback.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AutogradGraph(_message.Message):
    __slots__ = ("schema_version", "nodes", "edges", "outputs")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    nodes: _containers.RepeatedCompositeFieldContainer[GraphNode]
    edges: _containers.RepeatedCompositeFieldContainer[GraphEdge]
    outputs: _containers.RepeatedCompositeFieldContainer[GraphOutput]
    def __init__(self, schema_version: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[GraphNode, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[GraphEdge, _Mapping]]] = ..., outputs: _Optional[_Iterable[_Union[GraphOutput, _Mapping]]] = ...) -> None: ...

class GraphNode(_message.Message):
    __slots__ = ("id", "name", "leaf", "saved_tensors", "shape", "dtype", "line", "column", "program_node")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEAF_FIELD_NUMBER: _ClassVar[int]
    SAVED_TENSORS_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_NODE_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    leaf: GraphLeaf
    saved_tensors: _containers.RepeatedCompositeFieldContainer[SavedTensor]
    shape: _containers.RepeatedScalarFieldContainer[int]
    dtype: _tensor_pb2.DataType
    line: int
    column: int
    program_node: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., leaf: _Optional[_Union[GraphLeaf, _Mapping]] = ..., saved_tensors: _Optional[_Iterable[_Union[SavedTensor, _Mapping]]] = ..., shape: _Optional[_Iterable[int]] = ..., dtype: _Optional[_Union[_tensor_pb2.DataType, str]] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., program_node: _Optional[int] = ...) -> None: ...

class GraphLeaf(_message.Message):
    __slots__ = ("name", "shape", "dtype")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    dtype: _tensor_pb2.DataType
    def __init__(self, name: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., dtype: _Optional[_Union[_tensor_pb2.DataType, str]] = ...) -> None: ...

class SavedTensor(_message.Message):
    __slots__ = ("name", "shape", "dtype")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    dtype: _tensor_pb2.DataType
    def __init__(self, name: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., dtype: _Optional[_Union[_tensor_pb2.DataType, str]] = ...) -> None: ...

class GraphEdge(_message.Message):
    __slots__ = ("from_node", "input_index", "to_node", "output_index")
    FROM_NODE_FIELD_NUMBER: _ClassVar[int]
    INPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    TO_NODE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    from_node: int
    input_index: int
    to_node: int
    output_index: int
    def __init__(self, from_node: _Optional[int] = ..., input_index: _Optional[int] = ..., to_node: _Optional[int] = ..., output_index: _Optional[int] = ...) -> None: ...

class GraphOutput(_message.Message):
    __slots__ = ("name", "node", "output_index")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_INDEX_FIELD_NUMBER: _ClassVar[int]
    name: str
    node: int
    output_index: int
    def __init__(self, name: _Optional[str] = ..., node: _Optional[int] = ..., output_index: _Optional[int] = ...) -> None: ...
