from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pullback.contract import tensors
from pullback.contract.errors import CallerError
from pullback.contract.tensors import BY_CODE
from pullback.v1 import tensor_pb2 as pb

VECTORS = json.loads(Path(__file__).parents[2].joinpath("vectors/tensors.json").read_text())


def _number(element: Any) -> Any:
    """Reads an element of the file: a pair is complex, and a string is a number that JSON would round."""
    if isinstance(element, list):
        return complex(*(float(part) for part in element))
    if isinstance(element, str):
        return float(element) if set(element) & set(".efn") else int(element)
    return element


def _message(vector: dict[str, Any]) -> pb.Tensor:
    return pb.Tensor(
        dtype=vector["dtype"],
        shape=vector["shape"],
        data=bytes.fromhex(vector["data_hex"]),
    )


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["name"])
def test_a_golden_tensor_decodes_to_its_elements(vector: dict[str, Any]) -> None:
    """The bytes of the file are the numbers of the file."""
    message = pb.Tensor.FromString(bytes.fromhex(vector["message_hex"]))
    assert message == _message(vector)
    tensors.check_tensor("x", message)
    decoded = tensors.decode(message)
    assert decoded.shape == tuple(vector["shape"])
    expected = np.array([_number(element) for element in vector["elements"]], decoded.dtype)
    np.testing.assert_array_equal(decoded.ravel(), expected)
    # Equal compares -0 to 0 as the same, and the sign bit tells them apart; a NaN's sign is in the bytes.
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(decoded.ravel().real)[number], np.signbit(expected.real)[number])


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["name"])
def test_a_golden_tensor_encodes_to_its_bytes(vector: dict[str, Any]) -> None:
    """An array with the bits of the file becomes the message of the file, byte for byte."""
    row = BY_CODE[pb.DataType.Value(vector["dtype"])]
    array = np.frombuffer(bytes.fromhex(vector["data_hex"]), row.numpy).reshape(vector["shape"])
    encoded = tensors.encode(array, row)
    assert encoded.SerializeToString(deterministic=True).hex() == vector["message_hex"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_a_golden_refusal_names_its_field(vector: dict[str, Any]) -> None:
    """What the file says is refused, at the field that it says."""
    with pytest.raises(CallerError) as caught:
        tensors.check_tensor("x", _message(vector))
    assert caught.value.field == f"x.{vector['field']}"


def test_the_file_has_every_data_type() -> None:
    """Another language that passes the vectors has met each data type."""
    met = {vector["dtype"] for vector in VECTORS["accepted"]}
    assert met == {name for name in pb.DataType.DESCRIPTOR.values_by_name if name != "DATA_TYPE_UNSPECIFIED"}
