"""Writes what docs/ has of the code: errors.md, metrics.md, ops.md, settings.md, and the schema of batch files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from google.rpc import code_pb2

from pullback.cli.address import DEFAULT_ADDRESS
from pullback.cli.batch.schema import json_schema
from pullback.cli.up.settings import UpSettings
from pullback.contract.errors import TABLE, CallerError, PullbackError
from pullback.contract.limits import ENV_PREFIX as LIMITS_PREFIX
from pullback.contract.limits import Limits
from pullback.contract.metrics import GATEWAY_METRICS, WORKER_METRICS
from pullback.contract.program.ops import CHECKS, KINDS, MAX_INTEGER, OPS, TABLE_VERSION
from pullback.gateway.settings import GatewaySettings
from pullback.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

    from pullback.contract.metrics import Metric
    from pullback.contract.program.ops import Op

DOCS = Path(__file__).parents[1] / "docs"

_ERRORS = """\
# Errors

Every error that the service answers carries a `google.rpc.ErrorInfo` with the domain `pullback.dev` and a reason
from the tables below: in the gRPC status of the call or, on a stream, in the outcome of one evaluation. Reasons
never change their meaning; messages may. The Python client raises the class of the same row.

Where a field is wrong, `google.rpc.BadRequest` names it, as in `inputs["w"].data`. Where trying again can help,
`google.rpc.RetryInfo` says after how long; without it, the same call fails the same way.

A worker that crashed counts as alive for up to 15 seconds. Until then an evaluation for a device that only it served is
accepted and waits; after that it is refused with `DEVICE_NOT_SERVED`.

`make gen` makes this page from `pullback.contract.errors`.
"""

_SETTINGS = """\
# Settings

Each process reads its settings once, from the environment, before it does anything else. A value that cannot be
right stops it there. An unset or empty variable is the default. Gateway and worker of one service are given the same
Redis.

`make gen` makes this page from the settings models of the processes.
"""

_METRICS = """\
# Metrics and probes

Gateways and workers tell of themselves over HTTP where `PULLBACK_METRICS_LISTEN` says so, as `127.0.0.1:9464`:

| path | answer |
| --- | --- |
| `/metrics` | metrics, as Prometheus reads them; in the form of OpenMetrics where that is asked for |
| `/livez` | 200 while the process does its work, with Redis or without; else 503 |
| `/readyz` | 200 when it can take work, else 503 and why: a gateway needs Redis, a worker all its slots |

The endpoint is for the inside of a network: whoever reaches it can read it. `pullback up` gives it to the gateway, and
the next port to the worker.

A gateway also answers `grpc.health.v1.Health`: as a whole it serves while it runs, and each of its services while it
has Redis.

What waits in the queue is read from Redis every two seconds by each gateway, so that all of them tell the same: take
the `max`. While Redis does not answer, there are no such figures, rather than old ones. A worker's figures are those of
all its processes, and stay when one of them dies.

To count costs a gateway 5 microseconds for a call and 0.4 for an evaluation. The look at the queue costs Redis 0.1 ms
for each gateway and device, and 3 ms while a hundred thousand evaluations wait.

Some questions, in PromQL: how much waits, by device; evaluations a second, by how they ended; the time of nine calls in
ten; how busy workers are; jobs in a batch, on average.

```promql
sum by (device) (max by (device, priority) (pullback_queue_jobs))
sum by (code) (rate(pullback_gateway_evaluations_total[1m]))
histogram_quantile(0.9, sum by (le) (rate(pullback_gateway_call_seconds_bucket{method="Evaluate"}[5m])))
sum(pullback_worker_busy_slots) / sum(pullback_worker_slots)
sum(rate(pullback_worker_batch_jobs_sum[5m])) / sum(rate(pullback_worker_batch_jobs_count[5m]))
```

Alerts for these are in `deploy/k8s/components/monitoring`.

`make gen` makes this page from `pullback.contract.metrics`.
"""

_LIMITS = """\
## Limits

Bounds on one evaluation; each bound itself is still allowed. Gateway and worker of one service are given the same: the
gateway refuses what it can tell from the text and the inputs, the worker what it finds while it runs. What is beyond
one is refused with `LIMIT_EXCEEDED`, whose metadata hold `limit`, `estimate` and, as `limit_name`, the variable.
[Limits](limits.md) says how memory and work are estimated.
"""

_OPS = f"""\
# Ops

Everything that a program can call: {len(OPS)} rows, version `{TABLE_VERSION}`. What is not here cannot be reached. The
version follows from the rows, and changes with them.

An argument is written as `name: kind`. Without a kind it is a tensor; `?` marks one that may be left out; those behind
`*` are given by name only; `*size` takes its items one by one or as one list. A receiver comes first, and is written
before the dot. Numbers out of the range in brackets are refused, literal ones before anything runs; a `size` above its
range is refused with `LIMIT_EXCEEDED`. Without a range, whole numbers are at most {MAX_INTEGER:,} either way.

| kind | what it takes |
| --- | --- |
{chr(10).join(f"| `{kind}` | {words} |" for kind, words in KINDS.items())}

| mark | meaning |
| --- | --- |
| grad | a gradient flows through it |
| rows | runs in one batch with like evaluations, with the bits that it gives alone |
| random | draws from the evaluation's own generator, which begins at `Evaluation.seed` or `torch.manual_seed` |
| data | the size of its result depends on what its operands hold |
| cpu | torch has no deterministic algorithm for it on other devices, and refuses it, or its derivative, there |

Some look at what their operands hold, and refuse it before torch does worse:

| check | what is asked |
| --- | --- |
{chr(10).join(f"| `{name}` | {words} |" for name, words in CHECKS.items())}

`make gen` makes this page from `pullback.contract.program.ops`.
"""

# What begins a key -> the heading of its rows, in the order of the page.
_OWNERS = {
    "torch": "torch",
    "Tensor": "Methods and attributes of tensors",
    "torch.nn.functional": "torch.nn.functional, or `F`",
    "torch.linalg": "torch.linalg",
    "torch.special": "torch.special",
    "torch.fft": "torch.fft",
    "torch.autograd": "torch.autograd",
    "Tensor.grad": "Methods of `x.grad`",
    "Tuple": "Fields of the named tuples that some return",
    "operator": "Operators",
    "builtins": "Python's own",
    "math": "math, on plain numbers",
}

_COMMAND_LINE = f"""\
## Command line

| variable | default | meaning |
| --- | --- | --- |
| `PULLBACK_ADDRESS` | `{DEFAULT_ADDRESS}` | where the command line finds the gateway |
"""

# Defaults that are read off the machine.
_MACHINES = {"slots": "number of cores", "worker_name": "host name"}


def _error_table(title: str, *, callers: bool) -> str:
    rows = [
        f"| `{row.reason}` | {code_pb2.Code.Name(row.code)} | {'yes' if cls.default_retry_seconds else 'no'} "
        f"| `{cls.__name__}` | {_first_line(cls)} |"
        for cls, row in TABLE.items()
        if issubclass(cls, CallerError) is callers
    ]
    head = "| reason | gRPC status | try again | class | meaning |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"## {title}", "", head, *rows, ""])


def _first_line(cls: type[PullbackError]) -> str:
    return (cls.__doc__ or "").partition("\n")[0].replace("``", "`")


def _setting_table(title: str, model: type[BaseSettings]) -> str:
    prefix = model.model_config["env_prefix"]
    rows = [
        f"| `{field.validation_alias or prefix + name.upper()}` | {_default(name, field)} | {field.description} |"
        for name, field in model.model_fields.items()
        if field.annotation is not Limits
    ]
    return "\n".join([f"## {title}", "", "| variable | default | meaning |\n| --- | --- | --- |", *rows, ""])


def _metric_table(title: str, metrics: Iterable[Metric]) -> str:
    rows = [
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |"
        for metric in metrics
    ]
    return "\n".join(
        [f"## {title}\n", "| metric | kind | labels | what it says |", "| --- | --- | --- | --- |", *rows, ""]
    )


def _limit_table() -> str:
    rows = [
        f"| `{LIMITS_PREFIX}{name.upper()}` | `{field.default}` | {field.description} |"
        for name, field in Limits.model_fields.items()
    ]
    return "\n".join([_LIMITS, "| variable | default | meaning |\n| --- | --- | --- |", *rows, ""])


def _default(name: str, field: FieldInfo) -> str:
    """Writes a default as one would set it, and says where it comes from if it depends on the machine."""
    if field.default_factory:
        return _MACHINES[name]
    return "" if field.default in {"", None} else f"`{field.default}`"


def _op_table(owner: str, title: str) -> str:
    rows = [op for key, op in sorted(OPS.items()) if key.rpartition(".")[0] == owner]
    lines = [f"| {_op_calls(op)} | {', '.join(_op_marks(op))} | {', '.join(op.checks)} |" for op in rows]
    return "\n".join([f"## {title}", "", "| call | marks | checks |\n| --- | --- | --- |", *lines, ""])


def _op_calls(op: Op) -> str:
    texts = [signature.text.replace("|", "\\|") for signature in op.signatures]
    return "<br>".join(f"`{text}`" for text in texts)


def _op_marks(op: Op) -> list[str]:
    marks = {
        "grad": op.differentiable,
        "rows": op.batch_safe,
        "random": op.random,
        "data": op.data_sized,
        "cpu": not op.deterministic,
    }
    return [mark for mark, holds in marks.items() if holds]


def pages() -> dict[str, str]:
    """Gives the text of each page, by its name in docs/."""
    errors = [
        _ERRORS,
        _error_table("What the caller can mend", callers=True),
        _error_table("What the caller cannot mend", callers=False),
    ]
    settings = [
        _SETTINGS,
        _setting_table("Gateway", GatewaySettings),
        _setting_table("Worker", WorkerSettings),
        _limit_table(),
        _setting_table(
            "`pullback up`, which passes its environment on to the gateway and the worker", UpSettings
        ),
        _COMMAND_LINE,
    ]
    ops = [_OPS, *(_op_table(owner, title) for owner, title in _OWNERS.items())]
    return {
        "batch-file.schema.json": json.dumps(json_schema(), indent=2) + "\n",
        "errors.md": "\n".join(errors),
        "metrics.md": "\n".join(
            [_METRICS, _metric_table("Gateway", GATEWAY_METRICS), _metric_table("Worker", WORKER_METRICS)]
        ),
        "ops.md": "\n".join(ops),
        "settings.md": "\n".join(settings),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        DOCS.joinpath(name).write_text(text)
