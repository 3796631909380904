"""How callers read where NaN came up."""

from __future__ import annotations

import json

from pullback.cli.rendering import as_json_text, as_text
from pullback.client import Evaluated, evaluation
from pullback.v1 import evaluation_pb2 as pb

ANOMALY = pb.Anomaly(
    kind=pb.ANOMALY_KIND_INFINITY, line=2, column=5, op="torch.log", index=[1, 0], value=float("-inf"),
    message="line 2, column 5: `torch.log` gave infinity\n    y = torch.log(x)\n        ^",
    **{"pass": pb.ANOMALY_PASS_FORWARD},  # type: ignore[arg-type] # a word of Python's
)  # fmt: skip


def test_an_anomaly_is_read_and_says_itself() -> None:
    """All fields of it; as text it is its message."""
    (found,) = Evaluated(pb.Result(anomalies=[ANOMALY]), None).anomalies
    assert (found.kind, found.where, found.line, found.column) == ("infinity", "forward", 2, 5)
    assert (found.op, found.index, found.value) == ("torch.log", (1, 0), float("-inf"))
    assert str(found) == ANOMALY.message


def test_the_command_line_prints_it_with_its_line() -> None:
    """And JSON has its fields."""
    found = Evaluated(pb.Result(anomalies=[ANOMALY]), None)
    assert as_text(found).endswith(f"first infinity: {ANOMALY.message}\n")
    (document,) = json.loads(as_json_text(found))["anomalies"]
    assert document["where"] == "forward"
    assert document["value"] == "-Infinity"
    assert document["index"] == [1, 0]


def test_it_is_asked_for_by_a_flag() -> None:
    """Which is all that it adds."""
    asked = evaluation("y = x", x=1.0, detect_anomaly=True)
    assert asked.detect_anomaly
    asked.detect_anomaly = False
    assert asked == evaluation("y = x", x=1.0)
