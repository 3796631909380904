from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pullback.client import Evaluated, InvalidArgument, evaluation, tensor
from pullback.contract.tensors import BY_NAME, DTYPES
from pullback.v1.evaluation_pb2 import Evaluation, Result

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pullback.v1.tensor_pb2 import Tensor

Array = np.ndarray[Any, Any]

NUMPY_TYPES = [row.numpy for row in DTYPES if row.name != "bfloat16"]
TORCH_TYPES = {row.name: getattr(torch, row.name) for row in DTYPES}


def _sent(value: object) -> Tensor:
    return evaluation("y = a", {"a": value}).inputs["a"]


def _read(message: Tensor) -> Evaluated:
    return Evaluated(Result(values={"a": message}), Evaluation())


def _bits(array: NDArray[Any]) -> bytes:
    """The oracle: elements one by one, in row-major order, each in the machine's little-endian order."""
    return b"".join(array[index].tobytes() for index in np.ndindex(array.shape))


def _raw(value: torch.Tensor) -> bytes:
    return (
        torch.empty(value.shape, dtype=value.dtype)
        .copy_(value)
        .reshape(-1)
        .view(torch.uint8)
        .numpy()
        .tobytes()
    )


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """Arrays of every data type, byte order, shape and stride, with any bit pattern in them."""
    dtype = draw(st.sampled_from(NUMPY_TYPES)).newbyteorder(draw(st.sampled_from("<>")))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
    steps = tuple(draw(st.sampled_from([1, 2, -1, -2])) for _ in shape)
    stored = tuple(size * abs(step) for size, step in zip(shape, steps, strict=True))
    size_bytes = int(np.prod(stored, dtype=int)) * dtype.itemsize
    data = draw(st.binary(min_size=size_bytes, max_size=size_bytes))
    if dtype.kind == "b":
        data = bytes(byte % 2 for byte in data)
    strided = np.frombuffer(data, dtype).reshape(stored)[tuple(slice(None, None, step) for step in steps)]
    return strided.transpose(draw(st.permutations(range(len(shape)))))


@given(arrays())
def test_every_array_arrives_bit_for_bit(array: Array) -> None:
    """Data type, shape and bits survive whatever strides and byte order the caller's array has."""
    message = _sent(array)
    back = _read(message).values["a"]
    assert message.data == _bits(array)
    assert back.dtype == array.dtype.newbyteorder("<")
    assert back.shape == array.shape
    assert _bits(back) == _bits(array)


@pytest.mark.parametrize("name", TORCH_TYPES)
@settings(max_examples=30)
@given(data=st.data())
def test_every_torch_tensor_arrives_bit_for_bit(name: str, data: st.DataObject) -> None:
    """Torch tensors of each data type, transposed and sliced ones too, come back as they were."""
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3))
    size = int(np.prod((2, *shape))) * BY_NAME[name].size
    raw = bytearray(data.draw(st.binary(min_size=size, max_size=size)))
    if name == "bool":
        raw = bytearray(byte % 2 for byte in raw)
    whole = torch.frombuffer(raw, dtype=TORCH_TYPES[name]).reshape(2, *shape)
    for value in (whole[1], whole.transpose(0, -1), whole[..., ::2]):
        back = _read(_sent(value)).torch_values["a"]
        assert back.dtype == value.dtype
        assert back.shape == value.shape
        assert _raw(back) == _raw(value)


_LEAVES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
)


@given(
    st.one_of(
        _LEAVES,
        st.lists(st.floats(allow_nan=False), max_size=4),
        st.lists(st.lists(st.integers(-9, 9) | st.floats(-9, 9), min_size=2, max_size=2), max_size=3),
        st.lists(st.booleans() | st.integers(-9, 9), max_size=4),
        st.lists(st.complex_numbers(max_magnitude=9), min_size=1, max_size=4),
    )
)
def test_python_numbers_become_what_torch_makes_of_them(value: object) -> None:
    """Data type, shape and bits of numbers and nested lists are those of torch.tensor."""
    expected = torch.tensor(value)
    back = _read(_sent(value)).torch_values["a"]
    assert back.dtype == expected.dtype
    assert back.shape == expected.shape
    assert back.numpy().tobytes() == expected.numpy().tobytes()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.float64(2), "float64"),
        ([np.float64(2)], "float64"),
        ([np.array([1.0]), np.array([2.0])], "float64"),
        (np.int32(2), "int32"),
        (np.array(2.0), "float64"),
    ],
)
def test_what_has_a_data_type_keeps_it(value: object, dtype: str) -> None:
    """Numpy's numbers and arrays are not narrowed, alone or in a list."""
    assert _sent(value).dtype == BY_NAME[dtype].code


def test_a_tensor_that_is_differentiated_elsewhere_is_sent_detached() -> None:
    """A torch leaf, and a lazily conjugated tensor, go as their values."""
    leaf = torch.tensor([1.0, 2.0], requires_grad=True)
    assert _read(_sent(leaf)).values["a"].tolist() == [1.0, 2.0]
    assert _read(_sent(torch.tensor([1 + 2j]).conj())).values["a"].tolist() == [1 - 2j]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "2.0",
        [[1.0], [1.0, 2.0]],
        2**63,
        [2**70],
        np.array(["a"]),
        np.array([1], dtype=np.uint16),
        object(),
        torch.empty(2, device="meta"),
        torch.eye(2).to_sparse(),
    ],
)
def test_what_is_no_tensor_is_refused_with_its_place(value: object) -> None:
    """The error names the input, before anything is sent."""
    with pytest.raises(InvalidArgument) as caught:
        _sent(value)
    assert caught.value.field == 'inputs["a"]'


@given(st.floats(width=32) | st.floats(allow_nan=False))
def test_numbers_are_rounded_to_bfloat16_as_torch_rounds(value: float) -> None:
    """A number sent as bfloat16 has the bits that torch gives it."""
    message = tensor(value, "bfloat16")
    back = _read(message).torch_values["a"]
    expected = torch.tensor(value).to(torch.bfloat16)
    assert message.dtype == BY_NAME["bfloat16"].code
    assert back.shape == ()
    if value == value:  # noqa: PLR0124 - torch writes one NaN for all; only that it is one matters
        assert torch.equal(back.view(torch.int16), expected.view(torch.int16))
    else:
        assert back.isnan()


@pytest.mark.parametrize(
    ("value", "dtype"), [(2.5, "int64"), (1j, "float32"), (300, "uint8"), ("1", "float32"), (1, "float7")]
)
def test_a_conversion_that_loses_something_is_refused(value: object, dtype: str) -> None:
    """Fractions, imaginary parts and overflow are not dropped in silence."""
    with pytest.raises(InvalidArgument):
        tensor(value, dtype)


def test_a_tensor_message_is_sent_as_it_is() -> None:
    """What `tensor` made is accepted as an input."""
    assert _sent(tensor([1, 2], "float16")) == tensor([1, 2], "float16")


def test_the_sdk_never_imports_torch() -> None:
    """Numbers, lists and arrays are sent and read without torch, and torch tensors are not offered."""
    code = (
        "import sys, numpy\n"
        "from pullback.client import Evaluated, evaluation\n"
        "from pullback.v1.evaluation_pb2 import Result\n"
        "sent = evaluation('y = x', x=2.0, w=[[1, 2]], a=numpy.ones(3))\n"
        "read = Evaluated(Result(values=sent.inputs), sent)\n"
        "read.values\n"
        "try:\n    read.torch_values\nexcept RuntimeError as error:\n    print(error)\n"
        "assert 'torch' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "torch is not imported" in result.stdout
