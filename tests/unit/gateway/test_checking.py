from __future__ import annotations

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from pullback.contract.errors import InvalidArgument, LimitExceeded, ProgramError, PullbackError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.tensors import encode
from pullback.gateway.checking import VERDICTS, Checker, check_request_id, shown, timeout_ms
from pullback.v1.evaluation_pb2 import Evaluation
from pullback.v1.tensor_pb2 import DATA_TYPE_BOOL, Tensor

X = encode(np.array(1.0))


def test_nothing_oversized_is_remembered() -> None:
    """Programs, names and counts beyond the limits are refused before they become keys of a cache."""
    checker = Checker(DEFAULT_LIMITS)
    long = "a" * (DEFAULT_LIMITS.name_chars + 1)
    for evaluation in (
        Evaluation(program="#" * (DEFAULT_LIMITS.program_bytes + 1), inputs={"x": X}),
        Evaluation(program="y = x", inputs={long: X}),
        Evaluation(program="y = x", inputs={"x": X}, outputs=[long]),
        Evaluation(program="y = x", inputs={"x": X}, wrt=[long]),
        Evaluation(program="y = x", inputs={"x": X}, cotangents={f"c{n}": X for n in range(65)}),
    ):
        with pytest.raises((InvalidArgument, LimitExceeded)):
            checker.check(evaluation)
    assert checker._verdicts == {}


def test_verdicts_are_remembered_and_the_oldest_forgotten() -> None:
    """A program is judged once, and no more verdicts are kept than the bound."""
    checker = Checker(DEFAULT_LIMITS)
    for number in range(VERDICTS + 5):
        checker.check(Evaluation(program=f"y = x + {number}", inputs={"x": X}))
    assert len(checker._verdicts) == VERDICTS


def test_an_evaluation_that_passed_vouches_for_its_likes_only() -> None:
    """After one has passed, whatever differs from it in more than the bytes of its numbers is checked by itself."""
    checker = Checker(DEFAULT_LIMITS)
    good = Evaluation(program="y = x", inputs={"x": X}, outputs=["y"])
    checker.check(good)
    checker.check(Evaluation(program="y = x", inputs={"x": encode(np.array(2.0))}, outputs=["y"]))
    short = Tensor(dtype=X.dtype, data=X.data[:4])
    for wrong in (
        Evaluation(program="y = z", inputs={"x": X}, outputs=["y"]),
        Evaluation(program="y = x", inputs={"z": X}, outputs=["y"]),
        Evaluation(program="y = x", inputs={"x": short}, outputs=["y"]),
        Evaluation(
            program="y = x", inputs={"x": Tensor(dtype=X.dtype, shape=[2], data=X.data)}, outputs=["y"]
        ),
        Evaluation(program="y = x", inputs={"x": Tensor(dtype=99, data=X.data)}, outputs=["y"]),  # type: ignore[arg-type]  # unknown
        Evaluation(program="y = x", inputs={"x": X}, outputs=["z"]),
        Evaluation(program="y = x", inputs={"x": X}, outputs=["y"], wrt=["z"]),
        Evaluation(program="y = x", inputs={"x": X}, outputs=["y"], device=9),  # type: ignore[arg-type]  # unknown
        Evaluation(program="y = x", inputs={"x": X}, outputs=["y"], export=9),  # type: ignore[arg-type]  # unknown
        Evaluation(program="y = x", inputs={"x": X}, outputs=["y"], cotangents={"y": short}),
    ):
        with pytest.raises(PullbackError):
            checker.check(wrong)
    checker.check(good)


def test_the_bytes_of_a_bool_are_always_looked_at() -> None:
    """A bool that is neither 0 nor 1 is refused, also after one like it has passed."""
    checker = Checker(DEFAULT_LIMITS)
    for data, fits in ((b"\x01", True), (b"\x02", False)):
        mask = Tensor(dtype=DATA_TYPE_BOOL, data=data)
        evaluation = Evaluation(program="y = x", inputs={"x": mask})
        if fits:
            checker.check(evaluation)
        else:
            with pytest.raises(InvalidArgument):
                checker.check(evaluation)


def test_no_more_outlines_are_kept_than_the_bound() -> None:
    """Evaluations of ever new shapes make the oldest forgotten."""
    checker = Checker(DEFAULT_LIMITS)
    for number in range(VERDICTS + 5):
        checker.check(Evaluation(program="y = x", inputs={"x": encode(np.zeros(number))}))
    assert len(checker._passed) == VERDICTS


def test_a_long_program_takes_long_until_it_has_a_verdict() -> None:
    """Only the first check of a long program is made in a thread, whatever its verdict."""
    checker = Checker(DEFAULT_LIMITS)
    evaluation = Evaluation(program="y = x\n" * 200 + "z = nothing", inputs={"x": X})
    assert checker.takes_long(evaluation)
    with pytest.raises(ProgramError):
        checker.check(evaluation)
    assert not checker.takes_long(evaluation)


@pytest.mark.parametrize(
    "program",
    ["for i in range(3):\n    y = x", "def f(a):\n    return a\ny = f(x)", "f = lambda a: a\ny = f(x)"],
)
def test_a_program_that_repeats_takes_long_however_short_its_text(program: str) -> None:
    """A line may become many thousands of instructions."""
    checker = Checker(DEFAULT_LIMITS)
    evaluation = Evaluation(program=program, inputs={"x": X})
    assert checker.takes_long(evaluation)
    checker.check(evaluation)
    assert not checker.takes_long(evaluation)
    assert not checker.takes_long(Evaluation(program="y = x", inputs={"x": X}))


def test_cotangents_count_as_input() -> None:
    """The bytes of inputs and cotangents together are bounded."""
    limits = DEFAULT_LIMITS.model_copy(update={"input_bytes": 12})
    with pytest.raises(LimitExceeded):
        Checker(limits).check(Evaluation(program="y = x", inputs={"x": X}, cotangents={"y": X}))


@pytest.mark.parametrize(
    ("seconds", "nanos", "expected"), [(2, 0, 2_000), (0, 1_000_000, 1), (0, 1, 1), (10**9, 0, 300_000)]
)
def test_a_time_limit_is_its_own_up_to_the_services(seconds: int, nanos: int, expected: int) -> None:
    """Durations become milliseconds, at least one and at most the service's maximum."""
    evaluation = Evaluation(timeout=Duration(seconds=seconds, nanos=nanos))
    assert timeout_ms(evaluation, 30_000, 300_000) == expected


@pytest.mark.parametrize(("seconds", "nanos"), [(0, 0), (-1, 0), (1, -1), (-1, 5), (1, 2_000_000_000)])
def test_what_is_no_duration_is_refused(seconds: int, nanos: int) -> None:
    """Zero, negative, of mixed sign, or with too many nanoseconds."""
    evaluation = Evaluation(timeout=Duration(seconds=seconds, nanos=nanos))
    with pytest.raises(InvalidArgument) as caught:
        timeout_ms(evaluation, 30_000, 300_000)
    assert caught.value.field == "timeout"


def test_callers_text_is_shown_on_one_line_in_ascii() -> None:
    """Line feeds, escapes and other scripts appear as code points, and long text is cut."""
    assert shown("a\nb\x1b[31mé") == r"a\nb\x1b[31m\xe9"
    assert len(shown("x" * 10_000)) < 100


@pytest.mark.parametrize("request_id", ["", "a b", "é", "x" * 129])
def test_a_request_id_has_a_plain_form(request_id: str) -> None:
    """On a stream it is required; everywhere it is short and plain."""
    with pytest.raises(InvalidArgument) as caught:
        check_request_id(request_id, required=True)
    assert caught.value.field == "request_id"


def _asked(kind: str, **fields: object) -> Evaluation:
    evaluation = Evaluation(program="y = x**2", inputs={"x": X}, **fields)  # type: ignore[arg-type]
    getattr(evaluation, kind).SetInParent()
    return evaluation


def test_one_kind_of_derivative_does_not_vouch_for_another() -> None:
    """Nor one order, one mode, or single seeds for stacks."""
    checker = Checker(DEFAULT_LIMITS)
    checker.check(_asked("jvp", tangents={"x": X}))
    with pytest.raises(InvalidArgument, match="takes no tangents"):
        checker.check(_asked("jacobian", tangents={"x": X}))
    with pytest.raises(InvalidArgument, match="axis more"):
        checker.check(_asked("jvp", tangents={"x": X}, stacked=True))
    nth = _asked("nth_derivative")
    nth.nth_derivative.order = 2
    checker.check(nth)
    nth.nth_derivative.order = 0
    with pytest.raises(InvalidArgument, match="0 is not 1 or more"):
        checker.check(nth)
    jacobian = _asked("jacobian")
    checker.check(jacobian)
    jacobian.jacobian.mode = 9  # type: ignore[assignment] # any number travels
    with pytest.raises(InvalidArgument, match="9 is not a known mode"):
        checker.check(jacobian)


def test_tangents_count_as_input_and_are_bounded_in_number() -> None:
    """Their bytes beside those of the inputs; a name of each that can move."""
    big = encode(np.zeros(2**22))
    evaluation = Evaluation(program="y = x", inputs={"x": big}, tangents={"x": big})
    evaluation.jvp.SetInParent()
    with pytest.raises(LimitExceeded, match="inputs: 67,108,864 bytes"):
        Checker(DEFAULT_LIMITS.model_copy(update={"input_bytes": 2**25})).check(evaluation)
    with pytest.raises(LimitExceeded, match="tangents: 65 names"):
        Checker(DEFAULT_LIMITS).check(_asked("jvp", tangents={f"t{n}": X for n in range(65)}))
