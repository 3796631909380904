from __future__ import annotations

import pytest

from pullback.contract import names
from pullback.v1 import evaluation_pb2


@pytest.mark.parametrize("name", ["a", "A-b_c.d:9", "0" * 128, "6f9619ff-8b86-d011-b42d-00c04fc964ff"])
def test_a_request_id_may_be_a_plain_word(name: str) -> None:
    """Letters, digits and a few marks, up to 128 of them, are a request id."""
    assert names.REQUEST_ID.fullmatch(name)


@pytest.mark.parametrize("name", ["", "0" * 129, "a b", "a/b", "a\n", "é", "{a}", "a*", "\u0661"])
def test_a_request_id_may_not_hold_anything_else(name: str) -> None:
    """What could reach across keys, or is not ASCII, is refused."""
    assert not names.REQUEST_ID.fullmatch(name)


def test_no_two_things_share_a_key() -> None:
    """Every kind of key differs from every other, for the same name inside."""
    keys = [
        names.lane_key("cpu"),
        names.lane_key("cuda"),
        names.lane_key("cpu", "batch"),
        names.drains_key(names.lane_key("cpu")),
        names.job_key("cpu"),
        names.results_key("cpu"),
        names.nodes_key("cpu"),
        names.queue_name("cpu"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith(names.PREFIX) for key in keys)


def test_every_device_has_a_class_but_the_unspecified_one() -> None:
    """Each device that can be asked for names one lane."""
    wanted = [code for code in evaluation_pb2.Device.values() if code != evaluation_pb2.DEVICE_UNSPECIFIED]
    assert list(names.DEVICE_CLASSES) == wanted
    assert len(set(names.DEVICE_CLASSES.values())) == len(wanted)
