import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from pullback.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DescentEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESCENT_END_UNSPECIFIED: _ClassVar[DescentEnd]
    DESCENT_END_STEPS: _ClassVar[DescentEnd]
    DESCENT_END_LOSS_TARGET: _ClassVar[DescentEnd]
    DESCENT_END_LOSS_TOLERANCE: _ClassVar[DescentEnd]
    DESCENT_END_GRADIENT_TOLERANCE: _ClassVar[DescentEnd]
    DESCENT_END_TIME: _ClassVar[DescentEnd]
    DESCENT_END_NOT_FINITE: _ClassVar[DescentEnd]
    DESCENT_END_STALLED: _ClassVar[DescentEnd]
DESCENT_END_UNSPECIFIED: DescentEnd
DESCENT_END_STEPS: DescentEnd
DESCENT_END_LOSS_TARGET: DescentEnd
DESCENT_END_LOSS_TOLERANCE: DescentEnd
DESCENT_END_GRADIENT_TOLERANCE: DescentEnd
DESCENT_END_TIME: DescentEnd
DESCENT_END_NOT_FINITE: DescentEnd
DESCENT_END_STALLED: DescentEnd

class OptimizationPlan(_message.Message):
    __slots__ = ("optimizer", "schedule", "stop", "bounds", "mini_batches", "progress_interval", "watched")
    class BoundsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Bounds
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Bounds, _Mapping]] = ...) -> None: ...
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    BOUNDS_FIELD_NUMBER: _ClassVar[int]
    MINI_BATCHES_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    WATCHED_FIELD_NUMBER: _ClassVar[int]
    optimizer: Optimizer
    schedule: Schedule
    stop: Stop
    bounds: _containers.MessageMap[str, Bounds]
    mini_batches: MiniBatches
    progress_interval: int
    watched: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, optimizer: _Optional[_Union[Optimizer, _Mapping]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., bounds: _Optional[_Mapping[str, Bounds]] = ..., mini_batches: _Optional[_Union[MiniBatches, _Mapping]] = ..., progress_interval: _Optional[int] = ..., watched: _Optional[_Iterable[str]] = ...) -> None: ...

class Optimizer(_message.Message):
    __slots__ = ("sgd", "adam", "adamw", "rmsprop", "adagrad", "lbfgs")
    SGD_FIELD_NUMBER: _ClassVar[int]
    ADAM_FIELD_NUMBER: _ClassVar[int]
    ADAMW_FIELD_NUMBER: _ClassVar[int]
    RMSPROP_FIELD_NUMBER: _ClassVar[int]
    ADAGRAD_FIELD_NUMBER: _ClassVar[int]
    LBFGS_FIELD_NUMBER: _ClassVar[int]
    sgd: Sgd
    adam: Adam
    adamw: AdamW
    rmsprop: RmsProp
    adagrad: Adagrad
    lbfgs: Lbfgs
    def __init__(self, sgd: _Optional[_Union[Sgd, _Mapping]] = ..., adam: _Optional[_Union[Adam, _Mapping]] = ..., adamw: _Optional[_Union[AdamW, _Mapping]] = ..., rmsprop: _Optional[_Union[RmsProp, _Mapping]] = ..., adagrad: _Optional[_Union[Adagrad, _Mapping]] = ..., lbfgs: _Optional[_Union[Lbfgs, _Mapping]] = ...) -> None: ...

class Sgd(_message.Message):
    __slots__ = ("learning_rate", "momentum", "dampening", "weight_decay", "nesterov")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    DAMPENING_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    NESTEROV_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    momentum: float
    dampening: float
    weight_decay: float
    nesterov: bool
    def __init__(self, learning_rate: _Optional[float] = ..., momentum: _Optional[float] = ..., dampening: _Optional[float] = ..., weight_decay: _Optional[float] = ..., nesterov: _Optional[bool] = ...) -> None: ...

class Adam(_message.Message):
    __slots__ = ("learning_rate", "beta1", "beta2", "eps", "weight_decay", "amsgrad")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    AMSGRAD_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    amsgrad: bool
    def __init__(self, learning_rate: _Optional[float] = ..., beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., eps: _Optional[float] = ..., weight_decay: _Optional[float] = ..., amsgrad: _Optional[bool] = ...) -> None: ...

class AdamW(_message.Message):
    __slots__ = ("learning_rate", "beta1", "beta2", "eps", "weight_decay", "amsgrad")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    AMSGRAD_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    beta1: float
    beta2: float
    eps: float
    weight_decay: float
    amsgrad: bool
    def __init__(self, learning_rate: _Optional[float] = ..., beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., eps: _Optional[float] = ..., weight_decay: _Optional[float] = ..., amsgrad: _Optional[bool] = ...) -> None: ...

class RmsProp(_message.Message):
    __slots__ = ("learning_rate", "alpha", "eps", "weight_decay", "momentum", "centered")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    EPS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    CENTERED_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    alpha: float
    eps: float
    weight_decay: float
    momentum: float
    centered: bool
    def __init__(self, learning_rate: _Optional[float] = ..., alpha: _Optional[float] = ..., eps: _Optional[float] = ..., weight_decay: _Optional[float] = ..., momentum: _Optional[float] = ..., centered: _Optional[bool] = ...) -> None: ...

class Adagrad(_message.Message):
    __slots__ = ("learning_rate", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    LR_DECAY_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    INITIAL_ACCUMULATOR_VALUE_FIELD_NUMBER: _ClassVar[int]
    EPS_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    lr_decay: float
    weight_decay: float
    initial_accumulator_value: float
    eps: float
    def __init__(self, learning_rate: _Optional[float] = ..., lr_decay: _Optional[float] = ..., weight_decay: _Optional[float] = ..., initial_accumulator_value: _Optional[float] = ..., eps: _Optional[float] = ...) -> None: ...

class Lbfgs(_message.Message):
    __slots__ = ("learning_rate", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size", "strong_wolfe")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    MAX_ITER_FIELD_NUMBER: _ClassVar[int]
    MAX_EVAL_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_GRAD_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    HISTORY_SIZE_FIELD_NUMBER: _ClassVar[int]
    STRONG_WOLFE_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    max_iter: int
    max_eval: int
    tolerance_grad: float
    tolerance_change: float
    history_size: int
    strong_wolfe: bool
    def __init__(self, learning_rate: _Optional[float] = ..., max_iter: _Optional[int] = ..., max_eval: _Optional[int] = ..., tolerance_grad: _Optional[float] = ..., tolerance_change: _Optional[float] = ..., history_size: _Optional[int] = ..., strong_wolfe: _Optional[bool] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("step", "multi_step", "exponential", "cosine", "cosine_warm_restarts", "linear", "polynomial")
    STEP_FIELD_NUMBER: _ClassVar[int]
    MULTI_STEP_FIELD_NUMBER: _ClassVar[int]
    EXPONENTIAL_FIELD_NUMBER: _ClassVar[int]
    COSINE_FIELD_NUMBER: _ClassVar[int]
    COSINE_WARM_RESTARTS_FIELD_NUMBER: _ClassVar[int]
    LINEAR_FIELD_NUMBER: _ClassVar[int]
    POLYNOMIAL_FIELD_NUMBER: _ClassVar[int]
    step: StepSchedule
    multi_step: MultiStepSchedule
    exponential: ExponentialSchedule
    cosine: CosineSchedule
    cosine_warm_restarts: CosineWarmRestartsSchedule
    linear: LinearSchedule
    polynomial: PolynomialSchedule
    def __init__(self, step: _Optional[_Union[StepSchedule, _Mapping]] = ..., multi_step: _Optional[_Union[MultiStepSchedule, _Mapping]] = ..., exponential: _Optional[_Union[ExponentialSchedule, _Mapping]] = ..., cosine: _Optional[_Union[CosineSchedule, _Mapping]] = ..., cosine_warm_restarts: _Optional[_Union[CosineWarmRestartsSchedule, _Mapping]] = ..., linear: _Optional[_Union[LinearSchedule, _Mapping]] = ..., polynomial: _Optional[_Union[PolynomialSchedule, _Mapping]] = ...) -> None: ...

class StepSchedule(_message.Message):
    __slots__ = ("step_size", "gamma")
    STEP_SIZE_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    step_size: int
    gamma: float
    def __init__(self, step_size: _Optional[int] = ..., gamma: _Optional[float] = ...) -> None: ...

class MultiStepSchedule(_message.Message):
    __slots__ = ("milestones", "gamma")
    MILESTONES_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    milestones: _containers.RepeatedScalarFieldContainer[int]
    gamma: float
    def __init__(self, milestones: _Optional[_Iterable[int]] = ..., gamma: _Optional[float] = ...) -> None: ...

class ExponentialSchedule(_message.Message):
    __slots__ = ("gamma",)
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    gamma: float
    def __init__(self, gamma: _Optional[float] = ...) -> None: ...

class CosineSchedule(_message.Message):
    __slots__ = ("t_max", "eta_min")
    T_MAX_FIELD_NUMBER: _ClassVar[int]
    ETA_MIN_FIELD_NUMBER: _ClassVar[int]
    t_max: int
    eta_min: float
    def __init__(self, t_max: _Optional[int] = ..., eta_min: _Optional[float] = ...) -> None: ...

class CosineWarmRestartsSchedule(_message.Message):
    __slots__ = ("t_0", "t_mult", "eta_min")
    T_0_FIELD_NUMBER: _ClassVar[int]
    T_MULT_FIELD_NUMBER: _ClassVar[int]
    ETA_MIN_FIELD_NUMBER: _ClassVar[int]
    t_0: int
    t_mult: int
    eta_min: float
    def __init__(self, t_0: _Optional[int] = ..., t_mult: _Optional[int] = ..., eta_min: _Optional[float] = ...) -> None: ...

class LinearSchedule(_message.Message):
    __slots__ = ("start_factor", "end_factor", "total_iters")
    START_FACTOR_FIELD_NUMBER: _ClassVar[int]
    END_FACTOR_FIELD_NUMBER: _ClassVar[int]
    TOTAL_ITERS_FIELD_NUMBER: _ClassVar[int]
    start_factor: float
    end_factor: float
    total_iters: int
    def __init__(self, start_factor: _Optional[float] = ..., end_factor: _Optional[float] = ..., total_iters: _Optional[int] = ...) -> None: ...

class PolynomialSchedule(_message.Message):
    __slots__ = ("total_iters", "power")
    TOTAL_ITERS_FIELD_NUMBER: _ClassVar[int]
    POWER_FIELD_NUMBER: _ClassVar[int]
    total_iters: int
    power: float
    def __init__(self, total_iters: _Optional[int] = ..., power: _Optional[float] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("steps", "loss_target", "loss_tolerance", "gradient_tolerance", "time")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    LOSS_TARGET_FIELD_NUMBER: _ClassVar[int]
    LOSS_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    steps: int
    loss_target: float
    loss_tolerance: float
    gradient_tolerance: float
    time: _duration_pb2.Duration
    def __init__(self, steps: _Optional[int] = ..., loss_target: _Optional[float] = ..., loss_tolerance: _Optional[float] = ..., gradient_tolerance: _Optional[float] = ..., time: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Bounds(_message.Message):
    __slots__ = ("lower", "upper")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    lower: _tensor_pb2.Tensor
    upper: _tensor_pb2.Tensor
    def __init__(self, lower: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ..., upper: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...

class MiniBatches(_message.Message):
    __slots__ = ("inputs", "size", "seed", "in_order", "drop_last")
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    IN_ORDER_FIELD_NUMBER: _ClassVar[int]
    DROP_LAST_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedScalarFieldContainer[str]
    size: int
    seed: int
    in_order: bool
    drop_last: bool
    def __init__(self, inputs: _Optional[_Iterable[str]] = ..., size: _Optional[int] = ..., seed: _Optional[int] = ..., in_order: _Optional[bool] = ..., drop_last: _Optional[bool] = ...) -> None: ...

class DescentState(_message.Message):
    __slots__ = ("step", "parameters", "optimizer", "tensors", "numbers", "last_loss")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class TensorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    STEP_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    LAST_LOSS_FIELD_NUMBER: _ClassVar[int]
    step: int
    parameters: _containers.MessageMap[str, _tensor_pb2.Tensor]
    optimizer: str
    tensors: _containers.MessageMap[str, _tensor_pb2.Tensor]
    numbers: _containers.ScalarMap[str, float]
    last_loss: float
    def __init__(self, step: _Optional[int] = ..., parameters: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., optimizer: _Optional[str] = ..., tensors: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ..., numbers: _Optional[_Mapping[str, float]] = ..., last_loss: _Optional[float] = ...) -> None: ...

class DescentPoint(_message.Message):
    __slots__ = ("step", "loss", "gradient_norm", "learning_rate", "parameters")
    class ParametersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _tensor_pb2.Tensor
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_tensor_pb2.Tensor, _Mapping]] = ...) -> None: ...
    STEP_FIELD_NUMBER: _ClassVar[int]
    LOSS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_NORM_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    step: int
    loss: float
    gradient_norm: float
    learning_rate: float
    parameters: _containers.MessageMap[str, _tensor_pb2.Tensor]
    def __init__(self, step: _Optional[int] = ..., loss: _Optional[float] = ..., gradient_norm: _Optional[float] = ..., learning_rate: _Optional[float] = ..., parameters: _Optional[_Mapping[str, _tensor_pb2.Tensor]] = ...) -> None: ...

class DescentLeg(_message.Message):
    __slots__ = ("plan", "state", "steps", "is_last")
    PLAN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    plan: OptimizationPlan
    state: DescentState
    steps: int
    is_last: bool
    def __init__(self, plan: _Optional[_Union[OptimizationPlan, _Mapping]] = ..., state: _Optional[_Union[DescentState, _Mapping]] = ..., steps: _Optional[int] = ..., is_last: _Optional[bool] = ...) -> None: ...

class DescentLegResult(_message.Message):
    __slots__ = ("points", "state", "end")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[DescentPoint]
    state: DescentState
    end: DescentEnd
    def __init__(self, points: _Optional[_Iterable[_Union[DescentPoint, _Mapping]]] = ..., state: _Optional[_Union[DescentState, _Mapping]] = ..., end: _Optional[_Union[DescentEnd, str]] = ...) -> None: ...
