from __future__ import annotations

import pytest

from pullback.client import InvalidArgument, evaluation, tensor
from pullback.v1 import evaluation_pb2 as pb


def test_a_short_call_sets_only_what_it_says() -> None:
    """The defaults are the wire's own: an evaluation of a program and one input has nothing else set."""
    message = evaluation("y = x", x=2.0)
    assert message == pb.Evaluation(program="y = x", inputs={"x": tensor(2.0)})


def test_every_argument_reaches_its_field() -> None:
    """Names, seeds, switches, device and time limit are all in the message."""
    message = evaluation(
        "y = x",
        {"device": 1.0},
        outputs=["y", "z"],
        wrt=("x", "w"),
        cotangents={"y": [1.0, 0.0]},
        value_only=True,
        return_graph=True,
        device="cuda",
        timeout=1.5,
        seed=2**64 - 1,
        x=2.0,
    )
    assert sorted(message.inputs) == ["device", "x"]
    assert list(message.outputs) == ["y", "z"]
    assert list(message.wrt) == ["x", "w"]
    assert message.cotangents["y"] == tensor([1.0, 0.0])
    assert message.WhichOneof("derivative") == "value_only"
    assert message.return_graph
    assert message.device == pb.DEVICE_CUDA
    assert message.timeout.ToNanoseconds() == 1_500_000_000
    assert message.seed == 2**64 - 1


def test_one_name_is_not_a_list_of_letters() -> None:
    """A bare string is one name."""
    message = evaluation("y = weight", outputs="out", wrt="weight", weight=1.0)
    assert list(message.outputs) == ["out"]
    assert list(message.wrt) == ["weight"]


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_is_an_unsigned_integer_of_64_bits(seed: int) -> None:
    """Anything else is refused before it is sent, under its field's name."""
    with pytest.raises(InvalidArgument) as raised:
        evaluation("y = x", seed=seed)
    assert raised.value.field == "seed"


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf")])
def test_a_time_limit_is_a_time(timeout: float) -> None:
    """A limit that no evaluation could meet, or none, is refused."""
    with pytest.raises(InvalidArgument, match="timeout"):
        evaluation("y = x", timeout=timeout)


def test_an_unknown_device_is_refused() -> None:
    """The error lists the devices there are."""
    with pytest.raises(InvalidArgument, match="auto, cpu, cuda"):
        evaluation("y = x", device="tpu")  # type: ignore[arg-type]


def test_an_input_is_given_once() -> None:
    """A name in the mapping and in the keywords is refused, not chosen between."""
    with pytest.raises(InvalidArgument, match=r'inputs\["x"\]'):
        evaluation("y = x", {"x": 1.0}, x=2.0)


def test_a_wrong_cotangent_is_named() -> None:
    """The error names the cotangent."""
    with pytest.raises(InvalidArgument, match=r'cotangents\["y"\]'):
        evaluation("y = x", x=1.0, cotangents={"y": "one"})
