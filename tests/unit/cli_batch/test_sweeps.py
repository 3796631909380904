from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.cli_batch.reading import NOW, dtypes, each, inputs, jobs_of, messages

from pullback.cli.batch import BatchError, load_batch
from pullback.cli.batch.axes import ListedAxis
from pullback.cli.batch.columns import stacked
from pullback.cli.batch.families import Family
from pullback.client import tensor
from pullback.v1.job_pb2 import Job

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("folder")


def test_one_job_needs_a_program_alone() -> None:
    """A file with nothing else makes one job, with nothing else in it."""
    (job,) = jobs_of("program: y = torch.ones(3).sum()")
    expected = Job()
    expected.evaluation.program = "y = torch.ones(3).sum()"
    assert job == expected


def test_a_grid_makes_every_combination_and_the_last_name_runs_fastest() -> None:
    """The order is that of nested loops, written as the grid is."""
    jobs = jobs_of("program: y = x * w + b\ngrid:\n  w: [1, 2]\n  b: [3]\n  x: [4, 5, 6]\n")
    assert [tuple(inputs(job).values()) for job in jobs] == [
        (3, w, x) for w, x in itertools.product([1, 2], [4, 5, 6])
    ]


def test_what_is_zipped_runs_side_by_side_outside_the_grid() -> None:
    """The rows of a table run slowest, then what is zipped, then the grid, then seeds."""
    text = """\
program: y = r + z + u + g + torch.rand(1)
seed: {range: [5, 7]}
grid: {g: [1, 2]}
zip: {z: [10, 20], u: [30, 40]}
rows: rows.csv
"""
    with open("rows.csv", "w") as file:  # noqa: PTH123 - shorter
        file.write("r\n100\n200\n")
    jobs = jobs_of(text)
    found = [(*(inputs(job)[name] for name in "rzug"), job.evaluation.seed) for job in jobs]
    pairs = [(10, 30), (20, 40)]
    assert found == [
        (r, z, u, g, seed) for r in (100, 200) for z, u in pairs for g in (1, 2) for seed in (5, 6)
    ]


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("{linspace: [0, 1, 5]}", [0, 0.25, 0.5, 0.75, 1]),
        ("{geomspace: [0.25, 4, 5]}", [0.25, 0.5, 1, 2, 4]),
        ("{logspace: [-1, 2, 4]}", [np.float32(0.1), 1, 10, 100]),
        ("{range: 3}", [0, 1, 2]),
        ("{range: [2, 4]}", [2, 3]),
        ("{range: [1, 0, -0.25]}", [1, 0.75, 0.5, 0.25]),
        ("{value: [1, 2]}", [1, 2]),
        ("[nan, inf, -inf]", [float("nan"), float("inf"), float("-inf")]),
        ("[.nan, .inf, -.inf]", [float("nan"), float("inf"), float("-inf")]),
        ("[1e-3, 0x10, 1_0j]", [np.float32(1e-3), 16, 10j]),
    ],
)
def test_a_spelling_gives_its_numbers_one_a_job_in_a_grid_and_whole_in_inputs(
    spelling: str, expected: list[float]
) -> None:
    """What is taken apart in a grid is bound as a vector in inputs."""
    swept = each(jobs_of(f"program: y = x\ngrid:\n  x: {spelling}\n"), "x")
    (whole,) = each(jobs_of(f"program: y = x\ninputs:\n  x: {spelling}\n"), "x")
    np.testing.assert_array_equal(np.asarray(swept), np.asarray(expected))
    np.testing.assert_array_equal(np.asarray(whole), np.asarray(expected))


def test_items_of_a_grid_may_differ_in_shape() -> None:
    """Each is a tensor of its own."""
    jobs = jobs_of("program: y = x.sum()\ngrid: {x: [1, [2, 3], [[4], [5]]]}")
    assert each(jobs, "x") == [1, [2, 3], [[4], [5]]]


def test_numbers_become_float32_unless_another_type_is_asked_for() -> None:
    """The nearest wish counts: the array's own, that of the name, the default."""
    text = """\
program: y = a
dtype: {c: int64, d: int32}
inputs:
  a: 1
  b: true
  c: 2
  d: {value: 3, dtype: bfloat16}
  e: 1+2j
"""
    (job,) = jobs_of(text)
    assert dtypes(job) == {"a": "float32", "b": "bool", "c": "int64", "d": "bfloat16", "e": "complex64"}
    assert inputs(job) == {"a": 1, "b": True, "c": 2, "d": 3, "e": 1 + 2j}
    (job,) = jobs_of("program: y = a\ndtype: float64\ninputs: {a: 0.1, b: false, c: 1j}")
    assert dtypes(job) == {"a": "float64", "b": "bool", "c": "complex128"}
    assert inputs(job)["a"] == 0.1


def test_whole_numbers_of_any_size_stay_exact_where_their_type_holds_them() -> None:
    """2**53 + 1 is an int64, and a seed may have 64 bits."""
    (job,) = jobs_of(
        f"program: y = n\ninputs: {{n: {{value: {2**53 + 1}, dtype: int64}}}}\nseed: {2**64 - 1}"
    )
    assert inputs(job) == {"n": 2**53 + 1}
    assert job.evaluation.seed == 2**64 - 1


def test_an_entry_has_what_the_top_says_unless_it_says_so_itself() -> None:
    """Fields are replaced; inputs and labels are joined by name, and an entry's name goes before the top's."""
    text = """\
program: y = x * w
inputs: {x: 1, w: 2}
labels: {a: top, b: top}
priority: bulk
outputs: [y]
jobs:
  - {}
  - inputs: {w: 3}
    labels: {b: own}
  - program: z = x + w
    grid: {x: [5, 6]}
    outputs: z
    priority: interactive
"""
    first, second, *rest = jobs_of(text)
    assert inputs(first) == {"x": 1, "w": 2}
    assert dict(first.labels) == {"a": "top", "b": "top"}
    assert inputs(second) == {"x": 1, "w": 3}
    assert dict(second.labels) == {"a": "top", "b": "own"}
    assert each(rest, "x") == [5, 6]
    assert [job.evaluation.program for job in (first, second, *rest)] == ["y = x * w"] * 2 + ["z = x + w"] * 2
    assert [list(job.evaluation.outputs) for job in (first, *rest)] == [["y"], ["z"], ["z"]]
    assert [job.priority for job in (first, *rest)] == [3, 1, 1]


def test_a_sweep_at_the_top_is_every_entrys() -> None:
    """Several programs are compared over one grid; an entry that fixes a name takes it out of the grid."""
    text = """\
grid: {x: [1, 2], w: [3, 4]}
jobs:
  - program: y = x * w
  - program: y = x - w
    inputs: {w: 0}
"""
    jobs = jobs_of(text)
    assert [tuple(inputs(job).values()) for job in jobs] == [(3, 1), (4, 1), (3, 2), (4, 2), (0, 1), (0, 2)]


def test_what_is_given_on_the_command_line_goes_before_the_file() -> None:
    """Also before an entry."""
    text = "program: y = x\ninputs: {x: 1}\njobs: [{priority: bulk, labels: {a: b}}]"
    (job,) = jobs_of(text, priority="interactive", labels={"c": "d"}, timeout="5s", inputs={"x": 2})
    assert job.priority == 1
    assert dict(job.labels) == {"a": "b", "c": "d"}
    assert job.evaluation.timeout.seconds == 5
    assert inputs(job) == {"x": 2}


def test_every_option_reaches_its_field() -> None:
    """Spans count from when the batch was begun; points in time stand for themselves."""
    text = """\
program: y = 2 * x
inputs: {x: [1, 2]}
cotangents: {y: [1, 0]}
outputs: y
wrt: [x]
return_graph: true
device: cuda
timeout: 1m30s
priority: normal
deadline: 2h
not_before: 2030-01-31T13:30:00+01:00
time_to_live: 7d
max_attempts: 3
allow_reuse: true
seed: 9
"""
    (job,) = jobs_of(text)
    evaluation = job.evaluation
    assert (list(evaluation.outputs), list(evaluation.wrt), evaluation.return_graph) == (["y"], ["x"], True)
    assert (evaluation.device, evaluation.timeout.seconds, evaluation.seed) == (2, 90, 9)
    assert evaluation.cotangents["y"] == tensor([1.0, 0.0])
    assert (job.priority, job.max_attempts, job.allow_reuse) == (2, 3, True)
    assert job.deadline_time.ToDatetime() == NOW.replace(hour=14, tzinfo=None)
    assert job.not_before_time.ToDatetime() == NOW.replace(minute=30, tzinfo=None)
    assert job.time_to_live.seconds == 7 * 86_400
    assert not evaluation.HasField("value_only")
    (job,) = jobs_of("program: y = 1.0\nvalue_only: true")
    assert job.evaluation.HasField("value_only")


def test_labels_are_filled_with_what_the_job_has() -> None:
    """Numbers are written as short as they can be; an exponent's plus has no place in a label."""
    text = """\
program: y = x + n
inputs: {n: {value: 7, dtype: int64}}
grid: {x: [0.1, 1e30]}
seed: [3]
labels: {x: "x-{x}", i: "{index}", n: "{n}.{seed}", run: 2030}
"""
    first, second = jobs_of(text)
    assert dict(first.labels) == {"x": "x-0.1", "i": "0", "n": "7.3", "run": "2030"}
    assert dict(second.labels) == {"x": "x-1e30", "i": "1", "n": "7.3", "run": "2030"}


def test_a_batch_goes_on_from_any_job() -> None:
    """The jobs from an index on are those that a whole reading gives."""
    text = "jobs:\n- {program: y = x, grid: {x: {range: 7}}}\n- {program: y = x, grid: {x: {range: 5}}}\n"
    whole = jobs_of(text)
    batch = load_batch("b.yaml")
    for start in range(14):
        jobs = list(batch.jobs(start))
        assert [job.index for job in jobs] == list(range(start, 12))
        assert [job.request("", NOW).job for job in jobs] == whole[start:]


def test_the_same_job_is_the_same_message() -> None:
    """A second reading of the file gives the bytes of the first, so that nothing is made twice."""
    jobs_of("program: y = x\ngrid: {x: {linspace: [0, 1, 9]}}\nlabels: {a: '{x}', b: c}\ndeadline: 1h")
    runs = [
        [job.request("id", NOW).SerializeToString(deterministic=True) for job in load_batch("b.yaml").jobs()]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_a_file_that_changes_after_it_was_checked_ends_the_reading(folder: Path) -> None:
    """No job is made of what was not checked."""
    path = folder / "points.csv"
    path.write_text("x\n1\n2\n")
    batch = load_batch("points.csv", {"program": "y = x"})
    path.write_text("x\n1\n2\n3\n")
    with pytest.raises(BatchError, match=r"points\.csv: was changed since it was checked"):
        next(batch.jobs())


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 3))
def test_jobs_are_as_many_as_there_are_combinations_in_the_order_of_nested_loops(
    sizes: list[int], seeds: int
) -> None:
    """For any grid, job by job."""
    axes = [
        ListedAxis("grid", {f"x{place}": stacked(tensor([float(item) for item in range(size)]))})
        for place, size in enumerate(sizes)
    ]
    family = Family("", Job(), {}, {}, {}, None, axes, stacked(tensor(list(range(seeds)))))
    jobs = list(family.jobs(10))
    assert len(jobs) == family.inner
    found = [
        (*inputs(message).values(), message.evaluation.seed)
        for message in (job.request("", NOW).job for job in jobs)
    ]
    assert found == list(itertools.product(*map(range, [*sizes, seeds])))
    assert [job.index for job in jobs] == list(range(10, 10 + len(jobs)))


def test_a_batch_from_an_empty_option_is_that_of_the_file() -> None:
    """Options that were not given change nothing."""
    assert jobs_of("program: y = x\ngrid: {x: [1, 2]}") == messages("b.yaml", program=None)
