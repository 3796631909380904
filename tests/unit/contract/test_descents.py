"""What a descent may be asked for: every rule broken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pullback.contract.descents import check_descent, copies_kept, interval_of, parameters_of
from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import Limits
from pullback.contract.optimization import check_optimizer, check_schedule
from pullback.contract.tensors import encode
from pullback.v1 import evaluation_pb2, tensor_pb2
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[evaluation_pb2.Evaluation, pb.OptimizationPlan], object]

SGD = pb.Optimizer(sgd=pb.Sgd())


def given() -> tuple[evaluation_pb2.Evaluation, pb.OptimizationPlan]:
    """Gives a descent without a fault, with a bit of everything."""
    evaluation = evaluation_pb2.Evaluation(program="y = ((data @ x - t)**2).sum()", wrt=["x"])
    for name, array in (
        ("x", np.zeros(3)),
        ("data", np.zeros((8, 3))),
        ("t", np.zeros(8)),
        ("n", np.zeros(1, int)),
    ):
        evaluation.inputs[name].CopyFrom(encode(array))
    plan = pb.OptimizationPlan(
        optimizer=SGD,
        stop=pb.Stop(steps=10),
        mini_batches=pb.MiniBatches(inputs=["data", "t"], size=4),
        watched=["x"],
    )
    plan.bounds["x"].lower.CopyFrom(encode(np.asarray(0.0)))
    plan.bounds["x"].upper.CopyFrom(encode(np.ones(3)))
    return evaluation, plan


def put(message: object, **fields: object) -> None:
    """Sets fields."""
    for name, value in fields.items():
        setattr(message, name, value)


WRONG: list[tuple[str, Change]] = [
    ("jacobian", lambda evaluation, _: evaluation.jacobian.SetInParent()),
    ("return_graph", lambda evaluation, _: put(evaluation, return_graph=True)),
    ("batched_inputs", lambda evaluation, _: evaluation.batched_inputs.append("x")),
    ("cotangents", lambda evaluation, _: evaluation.cotangents["y"].CopyFrom(encode(np.zeros(1)))),
    ("export", lambda evaluation, _: put(evaluation, export=1)),
    ("plan.optimizer.kind", lambda _, plan: plan.ClearField("optimizer")),
    ("plan.schedule.kind", lambda _, plan: plan.schedule.SetInParent()),
    ("plan.stop.steps", lambda _, plan: plan.ClearField("stop")),
    ("plan.stop.steps", lambda _, plan: put(plan.stop, steps=-1)),
    ("plan.stop.loss_target", lambda _, plan: put(plan.stop, loss_target=float("nan"))),
    ("plan.stop.gradient_tolerance", lambda _, plan: put(plan.stop, gradient_tolerance=-1e-9)),
    ("plan.stop.loss_tolerance", lambda _, plan: put(plan.stop, loss_tolerance=1e-9)),
    ("plan.stop.time", lambda _, plan: plan.stop.time.FromSeconds(-1)),
    ("plan.progress_interval", lambda _, plan: put(plan, progress_interval=-1)),
    ("plan.mini_batches.size", lambda _, plan: put(plan.mini_batches, size=0)),
    ("plan.mini_batches.inputs", lambda _, plan: plan.mini_batches.ClearField("inputs")),
    ("plan.mini_batches.inputs[2]", lambda _, plan: plan.mini_batches.inputs.append("z")),
    ("plan.mini_batches.inputs[2]", lambda _, plan: plan.mini_batches.inputs.append("t")),
    ("plan.mini_batches.inputs[2]", lambda _, plan: plan.mini_batches.inputs.append("n")),
    ("wrt[0]", lambda _, plan: plan.mini_batches.inputs.__setitem__(0, "x") or plan.mini_batches.inputs.pop()),
    ("wrt[1]", lambda evaluation, _: evaluation.wrt.append("y")),
    ("wrt[1]", lambda evaluation, _: evaluation.wrt.append("n")),
    ("plan.watched[1]", lambda _, plan: plan.watched.append("t")),
    ("plan.watched[1]", lambda _, plan: plan.watched.append("x")),
    ('plan.bounds["t"]', lambda _, plan: plan.bounds["t"].SetInParent()),
    ('plan.bounds["x"].lower', lambda _, plan: plan.bounds["x"].lower.CopyFrom(encode(np.zeros(2)))),
    ('plan.bounds["x"].lower', lambda _, plan: plan.bounds["x"].lower.CopyFrom(encode(np.zeros(3, "f4")))),
    ('plan.bounds["x"].lower', lambda _, plan: plan.bounds["x"].lower.CopyFrom(encode(np.asarray(np.nan)))),
    ('plan.bounds["x"].upper', lambda _, plan: plan.bounds["x"].upper.CopyFrom(encode(np.asarray(-1.0)))),
]  # fmt: skip


def test_one_without_a_fault_passes() -> None:
    """All that the others break."""
    evaluation, plan = given()
    check_descent(evaluation, plan, None)
    assert parameters_of(evaluation, plan) == ("x",)
    del evaluation.wrt[:]
    assert parameters_of(evaluation, plan) == ("x",)


@pytest.mark.parametrize(
    ("field", "change"), WRONG, ids=[f"{n} {field}" for n, (field, _) in enumerate(WRONG)]
)
def test_each_rule_names_its_field(field: str, change: Change) -> None:
    """What breaks it is refused, there."""
    evaluation, plan = given()
    change(evaluation, plan)
    with pytest.raises(InvalidArgument) as caught:
        check_descent(evaluation, plan, None)
    assert caught.value.field == field


def state() -> pb.DescentState:
    """Gives a state without a fault."""
    made = pb.DescentState(step=3, optimizer="sgd")
    made.parameters["x"].CopyFrom(encode(np.ones(3)))
    return made


def cut_short() -> tensor_pb2.Tensor:
    """Gives a tensor that lacks its elements."""
    return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=[2])


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("state.optimizer", lambda wrong: put(wrong, optimizer="adam")),
        ("state.step", lambda wrong: put(wrong, step=-1)),
        ("state.parameters", lambda wrong: wrong.parameters.clear()),
        ('state.parameters["x"]', lambda wrong: wrong.parameters["x"].CopyFrom(encode(np.ones(2)))),
        ('state.parameters["x"].data', lambda wrong: put(wrong.parameters["x"], data=b"")),
        ('state.tensors["a"].data', lambda wrong: wrong.tensors["a"].MergeFrom(cut_short())),
        ("state.tensors", lambda wrong: wrong.numbers.update({str(n): 0.0 for n in range(5_000)})),
    ],
)  # fmt: skip
def test_each_rule_on_states_names_its_field(field: str, change: Callable[[pb.DescentState], object]) -> None:
    """What breaks it is refused, there; one without a fault passes."""
    evaluation, plan = given()
    wrong = state()
    check_descent(evaluation, plan, wrong)
    change(wrong)
    with pytest.raises(InvalidArgument) as caught:
        check_descent(evaluation, plan, wrong)
    assert caught.value.field == field


def test_lbfgs_takes_one_vector() -> None:
    """So parameters of two data types are refused, and those without an element."""
    evaluation, plan = given()
    plan.ClearField("bounds")
    plan.optimizer.lbfgs.SetInParent()
    evaluation.inputs["z"].CopyFrom(encode(np.zeros(2, "f4")))
    evaluation.wrt.append("z")
    with pytest.raises(InvalidArgument, match="one data type"):
        check_descent(evaluation, plan, None)
    del evaluation.wrt[1]
    evaluation.inputs["x"].CopyFrom(encode(np.zeros(0)))
    with pytest.raises(InvalidArgument, match="have none"):
        check_descent(evaluation, plan, None)


def test_what_the_optimiser_keeps_counts() -> None:
    """L-BFGS with a long memory is refused where one with a short one fits."""
    evaluation, plan = given()
    evaluation.inputs["x"].CopyFrom(encode(np.zeros(2**15)))
    plan.ClearField("bounds")
    plan.optimizer.lbfgs.SetInParent()
    limits = Limits(input_bytes=2**22)
    with pytest.raises(LimitExceeded, match="what the optimiser keeps"):
        check_descent(evaluation, plan, None, limits)
    plan.optimizer.lbfgs.history_size = 5
    check_descent(evaluation, plan, None, limits)


@pytest.mark.parametrize(
    ("optimizer", "copies"),
    [
        (pb.Optimizer(sgd=pb.Sgd()), 0),
        (pb.Optimizer(sgd=pb.Sgd(momentum=0.9)), 1),
        (pb.Optimizer(adam=pb.Adam()), 2),
        (pb.Optimizer(adamw=pb.AdamW(amsgrad=True)), 3),
        (pb.Optimizer(rmsprop=pb.RmsProp(momentum=0.9, centered=True)), 3),
        (pb.Optimizer(adagrad=pb.Adagrad()), 1),
        (pb.Optimizer(lbfgs=pb.Lbfgs()), 202),
    ],
)
def test_each_optimiser_keeps_so_many_copies(optimizer: pb.Optimizer, copies: int) -> None:
    """As torch's have entries of the parameter's size in their state."""
    assert copies_kept(optimizer) == copies


@pytest.mark.parametrize(
    ("steps", "interval", "found"), [(1_000, 0, 10), (99, 0, 1), (0, 0, 1), (1_000, 7, 7)]
)
def test_points_come_at_a_hundredth_unless_asked_otherwise(steps: int, interval: int, found: int) -> None:
    """And at least every step."""
    plan = pb.OptimizationPlan(stop=pb.Stop(steps=steps), progress_interval=interval)
    assert interval_of(plan) == found


@pytest.mark.parametrize("kind", [field.name for field in pb.Optimizer.DESCRIPTOR.fields])
def test_every_number_of_an_optimiser_has_a_range(kind: str) -> None:
    """A negative one is refused, by its name; dampening alone may be negative, and not infinite."""
    fields = [
        field for field in getattr(pb.Optimizer(), kind).DESCRIPTOR.fields if field.type != field.TYPE_BOOL
    ]
    for field in fields:
        optimizer = pb.Optimizer()
        setattr(getattr(optimizer, kind), field.name, float("-inf") if field.name == "dampening" else -1)
        with pytest.raises(InvalidArgument) as caught:
            check_optimizer(optimizer)
        assert caught.value.field == f"plan.optimizer.{kind}.{field.name}"


@pytest.mark.parametrize("kind", [field.name for field in pb.Schedule.DESCRIPTOR.fields])
def test_every_number_of_a_schedule_has_a_range(kind: str) -> None:
    """A negative one is refused, by its name."""
    for field in getattr(pb.Schedule(), kind).DESCRIPTOR.fields:
        schedule = pb.Schedule(
            step=pb.StepSchedule(step_size=1) if kind == "step" else None,
            cosine=pb.CosineSchedule(t_max=1) if kind == "cosine" else None,
            cosine_warm_restarts=pb.CosineWarmRestartsSchedule(t_0=1)
            if kind == "cosine_warm_restarts"
            else None,
        )
        message = getattr(schedule, kind)
        if field.is_repeated:
            getattr(message, field.name).append(-1)
        else:
            setattr(message, field.name, -1)
        with pytest.raises(InvalidArgument) as caught:
            check_schedule(schedule)
        assert caught.value.field == f"plan.schedule.{kind}.{field.name}"


@pytest.mark.parametrize("milestones", [[], [0, 1], [3, 3], [5, 4], [*range(1, 1_002)]])
def test_milestones_rise(milestones: list[int]) -> None:
    """From 1, and there are not too many."""
    with pytest.raises(InvalidArgument):
        check_schedule(pb.Schedule(multi_step=pb.MultiStepSchedule(milestones=milestones)))
