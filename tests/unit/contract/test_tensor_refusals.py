from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract import tensors
from pullback.contract.errors import CallerError, InvalidArgument, LimitExceeded
from pullback.contract.limits import Limits
from pullback.v1 import tensor_pb2 as pb

F32 = pb.DATA_TYPE_FLOAT32
KNOWN = (
    "known are bool, uint8, int8, int16, int32, int64, "
    "float16, bfloat16, float32, float64, complex64, complex128"
)


@pytest.mark.parametrize(
    ("dtype", "shape", "data", "field", "message"),
    [
        (F32, [4, 7], 96, "data", "96 bytes, but float32[4, 7] needs 112"),
        (F32, [4, 7], 113, "data", "113 bytes, but float32[4, 7] needs 112"),
        (F32, [], 0, "data", "0 bytes, but float32[] needs 4"),
        (F32, [0], 4, "data", "4 bytes, but float32[0] needs 0"),
        (F32, [600, 600], 0, "data", "0 bytes, but float32[600, 600] needs 1,440,000"),
        (pb.DATA_TYPE_COMPLEX128, [1], 8, "data", "8 bytes, but complex128[1] needs 16"),
        (0, [1], 4, "dtype", f"0 is not a known data type; {KNOWN}"),
        (13, [1], 4, "dtype", f"13 is not a known data type; {KNOWN}"),
        (-1, [1], 4, "dtype", f"-1 is not a known data type; {KNOWN}"),
        (F32, [2, -1], 4, "shape", "dimension 1 is -1, but sizes are from 0 to 2,147,483,647"),
        (
            F32,
            [-(2**40)],
            4,
            "shape",
            "dimension 0 is -1,099,511,627,776, but sizes are from 0 to 2,147,483,647",
        ),
        (F32, [2**31], 4, "shape", "dimension 0 is 2,147,483,648, but sizes are from 0 to 2,147,483,647"),
        (F32, [2**16, 2**16], 4, "shape", "[65536, 65536] has more than 2,147,483,647 elements"),
        (F32, [2**31 - 1, 0, 2], 0, "shape", "[2147483647, 0, 2] has more than 2,147,483,647 elements"),
        (F32, [2**31 - 1] * 16, 0, "shape", f"{[2**31 - 1] * 16} has more than 2,147,483,647 elements"),
    ],
)
def test_a_wrong_tensor_is_refused_with_its_field(
    dtype: pb.DataType, shape: list[int], data: int, field: str, message: str
) -> None:
    """What is wrong, what was expected and the path of the field are in the error, word for word."""
    tensor = pb.Tensor(dtype=dtype, shape=shape, data=bytes(data))
    with pytest.raises(InvalidArgument) as caught:
        tensors.check_tensor('inputs["w"]', tensor)
    assert caught.value.message == message
    assert caught.value.field == f'inputs["w"].{field}'


@pytest.mark.parametrize("bad", [b"\x02", b"\xff", b"\x01\x00\x80"])
def test_a_bool_is_zero_or_one(bad: bytes) -> None:
    """A byte that is neither is refused: torch would read it as a third truth value."""
    tensor = pb.Tensor(dtype=pb.DATA_TYPE_BOOL, shape=[len(bad)], data=bad)
    with pytest.raises(InvalidArgument, match="a bool is the byte 0 or 1, but there are others") as caught:
        tensors.check_tensor("x", tensor)
    assert caught.value.field == "x.data"


def test_too_many_dimensions_are_a_limit() -> None:
    """The error of a limit has the limit and the estimate as metadata."""
    with pytest.raises(LimitExceeded, match=r"^x\.shape: 17 dimensions, but the limit is 16$") as caught:
        tensors.check_tensor("x", pb.Tensor(dtype=F32, shape=[1] * 17, data=bytes(4)))
    assert caught.value.metadata == {"limit": "16", "limit_name": "PULLBACK_LIMITS_RANK", "estimate": "17"}


def test_the_given_limits_hold() -> None:
    """An operator's own bounds replace the defaults."""
    tensor = pb.Tensor(dtype=F32, shape=[2, 3], data=bytes(24))
    tensors.check_tensor("x", tensor, Limits(rank=2, dim=6))
    with pytest.raises(LimitExceeded, match=r"the limit is 1$"):
        tensors.check_tensor("x", tensor, Limits(rank=1))
    with pytest.raises(InvalidArgument, match=r"\[2, 3\] has more than 5 elements"):
        tensors.check_tensor("x", tensor, Limits(dim=5))


def test_a_tensor_without_elements_may_leave_its_data_out() -> None:
    """An absent oneof counts as no bytes."""
    assert tensors.check_tensor("x", pb.Tensor(dtype=F32, shape=[3, 0])).name == "float32"


def test_a_tensor_without_anything_is_refused_for_its_data_type() -> None:
    """The empty message is not a number."""
    with pytest.raises(InvalidArgument, match="0 is not a known data type") as caught:
        tensors.check_tensor("x", pb.Tensor())
    assert caught.value.field == "x.dtype"


def test_nothing_is_allocated_for_a_tensor_that_claims_to_be_big() -> None:
    """Sizes are compared, not made: refusing a claim of gigabytes takes next to no memory."""
    tensor = pb.Tensor(dtype=pb.DATA_TYPE_COMPLEX128, shape=[2**15, 2**15], data=b"\x00")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgument, match=r"needs 17,179,869,184"):
            tensors.check_tensor("x", tensor)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@given(
    st.integers(-(2**31), 2**31 - 1) | st.integers(0, 12),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=20),
    st.binary(max_size=64),
)
def test_any_message_is_accepted_or_refused_with_a_field(dtype: int, shape: list[int], data: bytes) -> None:
    """No message makes anything but an error of ours, and what is accepted can be decoded."""
    tensor = pb.Tensor(dtype=dtype, shape=shape, data=data)  # type: ignore[arg-type]
    try:
        tensors.check_tensor("x", tensor)
    except CallerError as error:
        found = error.field
    else:
        found = "x.shape" if tensors.decode(tensor).shape == tuple(shape) else "another shape"
    assert found in {"x.dtype", "x.shape", "x.data"}
