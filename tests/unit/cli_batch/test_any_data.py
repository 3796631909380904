from __future__ import annotations

import contextlib
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.cli_batch.reading import NOW

from pullback.cli.batch import BatchError, load_batch
from pullback.cli.batch.model import BatchFile

if TYPE_CHECKING:
    from pathlib import Path

numbers = (
    st.integers(-3, 70_000_000) | st.floats() | st.booleans() | st.sampled_from(["nan", "1+2j", "x", "j", ""])
)
plain = st.recursive(numbers | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=6)
dtypes = st.sampled_from(["float32", "int8", "bool", "bfloat16", "complex128", "uint8", "float16", "no"])
small = st.integers(-2, 5) | st.floats(-5, 5) | st.sampled_from([1e300, "x", None])
spelled = st.fixed_dictionaries(
    {},
    optional={
        "value": plain, "linspace": st.lists(small, max_size=4), "geomspace": st.lists(small, max_size=4),
        "logspace": st.lists(small, max_size=4), "range": st.lists(small, max_size=4) | small, "dtype": dtypes,
        "file": st.sampled_from(["weights.npy", "arrays.npz", "points.parquet", "points.csv", "objects.npy", "a\0"]),
        "key": st.sampled_from(["first", "no"]), "column": st.sampled_from(["x", "name"]),
    },
)  # fmt: skip
arrays = st.dictionaries(st.sampled_from(["x", "w", "if", "", "a b"]), plain | spelled, max_size=3)
rows = st.fixed_dictionaries(
    {"file": st.sampled_from(["points.csv", "points.parquet", "no.csv", "weights.npy"])},
    optional={
        "columns": st.lists(st.sampled_from(["x", "name", "no"]), max_size=2)
        | st.dictionaries(
            st.sampled_from(["x", "u"]), st.sampled_from(["x", "name", ["x", "x"], []]), max_size=2
        ),
        "delimiter": st.sampled_from([",", ";", ";;", ""]),
    },
)
spans = st.sampled_from(
    [1, 0, -1, 1e400, "5s", "1h30m", "5 s", "2030-01-31T18:00:00Z", "2030-13-31", True, None]
)
fields: dict[str, Any] = {
    "program": st.sampled_from(["y = x", "y = x * w", "y =", "", 3, {"file": "no.py"}, {"file": "points.csv"}]),
    "inputs": arrays, "grid": arrays, "zip": arrays, "cotangents": arrays,
    "rows": rows | st.just("points.csv"), "dtype": dtypes | st.dictionaries(st.sampled_from(["x", "w"]), dtypes),
    "seed": plain | spelled, "outputs": st.sampled_from(["y", ["y", "y"], [1], "z"]),
    "wrt": st.sampled_from(["x", ["w"]]),
    "labels": st.dictionaries(
        st.sampled_from(["a", "b", "A"]), st.sampled_from(["{x}", "{name}", "{seed}{index}", "{", 1])
    ),
    "timeout": spans, "deadline": spans, "not_before": spans, "time_to_live": spans,
    "max_attempts": st.integers(0, 21), "value_only": st.sampled_from([True, "yes"]),
    "priority": st.sampled_from(["bulk", 1]),
    "derivative": st.sampled_from(["jvp", "jacobian", "hessian-vector-product", "nth-derivative", "slope"]),
    "mode": st.sampled_from(["auto", "forward", 1]), "order": st.integers(-1, 3),
    "batched_inputs": st.sampled_from(["x", ["x", "w"], [1]]),
    "tangents": st.dictionaries(st.sampled_from(["x", "w"]), plain | spelled),
    **dict.fromkeys(("stacked", "check_gradient", "detect_anomaly", "return_program_graph"), st.booleans()),
}  # fmt: skip
jobs = st.fixed_dictionaries({}, optional=fields)
batches = st.fixed_dictionaries(
    {}, optional=fields | {"jobs": st.lists(jobs, max_size=3) | st.just("jobs.jsonl")}
)


@given(batches)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_any_data_is_read_or_refused_and_what_is_read_makes_jobs(folder: Path, data: dict[str, Any]) -> None:
    """No combination of fields makes another error than the one that has places, nor a job that cannot be made."""
    folder.joinpath("points.csv").write_text("x,name\n1,one\n2,two\n")
    folder.joinpath("b.json").write_text(json.dumps(data).replace("Infinity", "9e999").replace("NaN", "0.5"))
    with contextlib.suppress(BatchError):
        batch = load_batch("b.json")
        for job in islice(batch.jobs(), 20):
            request = job.request(f"b.{job.index}", NOW)
            assert request.job.evaluation.program
            assert all(len(text) <= 63 for text in request.job.labels.values())
        assert batch.describe()


def test_every_field_is_tried() -> None:
    """The data above have each field of a batch, but for those that are plain options."""
    assert BatchFile.model_fields.keys() - fields.keys() == {"jobs", "return_graph", "device", "allow_reuse"}
