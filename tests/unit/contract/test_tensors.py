from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pullback.contract import tensors
from pullback.contract.tensors import BY_NAME, DTYPES, DType
from pullback.v1 import tensor_pb2 as pb

if TYPE_CHECKING:
    from numpy.typing import NDArray

NUMPY_ROWS = [row for row in DTYPES if row.name != "bfloat16"]
rows = st.sampled_from(NUMPY_ROWS)
shapes = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)


@st.composite
def _arrays(draw: st.DrawFn) -> NDArray[Any]:
    """Any bit patterns of any data type, with any strides, byte order and writability."""
    row = draw(rows)
    shape = draw(shapes)
    count = int(np.prod(shape, dtype=np.int64))
    if row.name == "bool":
        raw = bytes(draw(st.lists(st.integers(0, 1), min_size=count, max_size=count)))
    else:
        raw = draw(st.binary(min_size=count * row.size, max_size=count * row.size))
    array: NDArray[Any] = np.frombuffer(raw, row.numpy).reshape(shape)
    if draw(st.booleans()):
        array = array.byteswap().view(array.dtype.newbyteorder(">"))
    if array.ndim and draw(st.booleans()):
        array = array[::-1]
    if draw(st.booleans()):
        array = np.asfortranarray(array) if array.ndim else array
    if draw(st.booleans()):
        array = array.T
    return array


def _bits(array: NDArray[Any], row: DType) -> bytes:
    """The little-endian elements in row-major order, made without the code under test."""
    raw = array.flatten(order="C").tobytes()
    if array.dtype.byteorder != ">":
        return raw
    step = row.size // 2 if row.name.startswith("complex") else row.size
    return b"".join(raw[start : start + step][::-1] for start in range(0, len(raw), step))


@given(_arrays())
def test_any_array_arrives_bit_for_bit(array: NDArray[Any]) -> None:
    """Strides and byte order go, every bit of every element stays."""
    row = next(row for row in NUMPY_ROWS if row.numpy == array.dtype.newbyteorder("<"))
    message = tensors.encode(array)
    assert tensors.check_tensor("x", message) is row
    assert tuple(message.shape) == array.shape
    assert message.data == _bits(array, row)
    decoded = tensors.decode(message)
    assert isinstance(decoded, np.ndarray)
    assert (decoded.dtype, decoded.shape) == (row.numpy, array.shape)
    assert decoded.tobytes() == message.data


@given(shapes, st.data())
def test_bfloat16_is_widened_exactly(shape: tuple[int, ...], data: st.DataObject) -> None:
    """Each bfloat16 is the upper half of a float32, also as NaN, at every rank."""
    bits = data.draw(hnp.arrays(np.dtype("<u2"), shape))
    decoded = tensors.decode(tensors.encode(bits, BY_NAME["bfloat16"]))
    assert isinstance(decoded, np.ndarray)
    assert (decoded.dtype, decoded.shape) == (np.dtype("<f4"), shape)
    assert [item.tobytes() for item in decoded.flatten()] == [
        b"\x00\x00" + struct.pack("<H", item) for item in bits.flatten()
    ]


@given(_arrays())
def test_a_decoded_array_is_the_callers_own(array: NDArray[Any]) -> None:
    """Writing to what was decoded never reaches the message."""
    message = tensors.encode(array)
    before = message.data
    decoded = tensors.decode(message)
    assert decoded.flags.writeable
    decoded.fill(1)
    assert message.data == before


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("float32", 0x7FA00001),  # a signalling NaN with a payload
        ("float32", 0xFFC0BEEF),
        ("float32", 0x80000000),  # negative zero
        ("float32", 0x00000001),  # the smallest subnormal number
        ("float32", 0xFF800000),  # negative infinity
        ("float16", 0x7D01),
        ("float64", 0x7FF4000000000001),
        ("float64", 0xFFF8DEADBEEF0001),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_special_floats_keep_their_bits(name: str, bits: int, order: Literal["<", ">"]) -> None:
    """NaN payloads, signs of zero, subnormals and infinities survive, from either byte order."""
    row = BY_NAME[name]
    raw = bits.to_bytes(row.size, "little" if order == "<" else "big")
    array = np.frombuffer(raw, row.numpy.newbyteorder(order))
    message = tensors.encode(array)
    assert message.data == bits.to_bytes(row.size, "little")
    assert tensors.decode(message).tobytes() == message.data


@pytest.mark.parametrize("row", DTYPES, ids=lambda row: row.name)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,) * 16], ids=str)
def test_numbers_and_empty_arrays_have_a_tensor(row: DType, shape: tuple[int, ...]) -> None:
    """0-d, zero-size and highest-rank tensors of every data type are sent and read."""
    message = tensors.encode(np.zeros(shape, row.numpy), row)
    assert tensors.check_tensor("x", message) is row
    assert tensors.decode(message).shape == shape


def test_a_scalar_of_numpy_is_a_number() -> None:
    """An element taken out of an array is sent as a 0-d tensor."""
    message = tensors.encode(np.float32(2.5))  # type: ignore[arg-type]
    assert (list(message.shape), message.data) == ([], struct.pack("<f", 2.5))


@pytest.mark.parametrize("dtype", ["O", "U3", "S3", "u2", "u4", "u8", "g", "M8[s]", "i4,i4", "V4"])
def test_an_array_of_another_type_is_not_sent(dtype: str) -> None:
    """What has no row in the table is refused before it is sent."""
    with pytest.raises(TypeError, match="cannot be sent; known are bool, uint8, int8"):
        tensors.encode(np.zeros(2, dtype))


def test_an_array_is_never_converted() -> None:
    """A data type that is not the array's own is refused, not rounded to."""
    with pytest.raises(TypeError, match="bfloat16 is sent from an array of uint16, not of float32"):
        tensors.encode(np.zeros(2, "f4"), BY_NAME["bfloat16"])
    with pytest.raises(TypeError, match="float32 is sent from an array of float32, not of float64"):
        tensors.encode(np.zeros(2, "f8"), BY_NAME["float32"])


def test_every_data_type_of_the_wire_has_one_row() -> None:
    """The table has a row for each value of the enum but the unspecified one, named alike."""
    wire = {value: name.removeprefix("DATA_TYPE_").lower() for name, value in pb.DataType.items()}
    assert {row.code: row.name for row in DTYPES} == {
        value: name for value, name in wire.items() if name != "unspecified"
    }
    assert all(row.size == row.numpy.itemsize and row.numpy.byteorder in "<|=" for row in DTYPES)


def test_only_floats_and_complex_numbers_are_differentiable() -> None:
    """The data types that can require a gradient are those of torch."""
    assert [row.name for row in DTYPES if row.differentiable] == [
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    ]


@pytest.mark.parametrize(
    ("shape", "text"),
    [((), "float32[]"), ((4,), "float32[4]"), ((4, 7), "float32[4, 7]"), ((0,), "float32[0]")],
)
def test_a_shape_is_written_as_users_read_it(shape: tuple[int, ...], text: str) -> None:
    """A data type and a shape are written float32[4, 7]."""
    assert tensors.describe(BY_NAME["float32"], shape) == text
