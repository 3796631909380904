"""What may stand in a batch file. Pure: no file is opened here.

Strategy: what has several spellings is a union told apart by what is there, so that a fault is told of the spelling
that was meant. A pydantic error's path then holds the spelling's tag, in angle brackets, which `validating` takes out
again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    Tag,
    WithJsonSchema,
)

from pullback.cli.batch.literals import Numbers
from pullback.cli.batch.words import LABEL_KEY, read_moment, read_span

DTypeName = Literal[
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
    "complex128",
]  # fmt: skip

DerivativeName = Literal[
    "gradient", "jvp", "jacobian", "hessian", "hessian-vector-product", "nth-derivative", "laplacian"
]

#: Most labels of a job in a file: the wire has two more, which name the batch and when it was begun.
MOST_LABELS = 14

#: What label keys begin with that are the service's and the command's.
OWN_LABELS = "pullback/"

_SPAN_SCHEMA = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|[smhd]))+$"},
    ]
}


class _Strict(BaseModel):
    """Refuses keys that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _plain_number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("is not a number")  # noqa: TRY004 - pydantic takes no other
    return value


Number = Annotated[float, BeforeValidator(_plain_number)]
Count = Annotated[StrictInt, Field(ge=1, le=100_000_000)]


class Typed(_Strict):
    """What each spelling of an array may have."""

    dtype: DTypeName | None = Field(None, description="the data type to convert to")


class ValueArray(Typed):
    """Numbers, with a data type of their own."""

    value: Numbers = Field(description="a number, or a nested list of numbers")


class Linspace(Typed):
    """Numbers at equal distances."""

    linspace: tuple[Number, Number, Count] = Field(description="first, last, how many")


class Geomspace(Typed):
    """Numbers of equal ratio."""

    geomspace: tuple[Number, Number, Count] = Field(description="first, last, how many")


class Logspace(Typed):
    """Powers of ten whose exponents are at equal distances."""

    logspace: tuple[Number, Number, Count] = Field(description="first exponent, last exponent, how many")


def _as_bounds(value: object) -> object:
    return value if isinstance(value, list) else [value]


Bounds = Annotated[
    list[Annotated[int | float, BeforeValidator(_plain_number)]],
    BeforeValidator(_as_bounds),
    Field(min_length=1, max_length=3),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number"},
                {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 3},
            ]
        }
    ),
]


class Range(Typed):
    """Numbers one step apart; the end is not among them."""

    range: Bounds = Field(description="end; or start and end; or start, end and step")


class FileArray(Typed):
    """An array that lies in a file."""

    file: StrictStr = Field(
        min_length=1, description=".npy, .npz, .safetensors, .csv, .tsv or .parquet; relative to this file"
    )
    key: StrictStr | None = Field(None, description="which array of an .npz or .safetensors file")
    column: StrictStr | None = Field(None, description="which column of a table")
    delimiter: StrictStr | None = Field(
        None, min_length=1, max_length=1, description="between cells of a .csv"
    )


_SPELLINGS = ("value", "linspace", "geomspace", "logspace", "range", "file")


def _array_tag(value: object) -> str | None:
    if not isinstance(value, dict):
        return "<numbers>"
    return next((f"<{key}>" for key in _SPELLINGS if key in value), None)


#: An array: in `inputs` it is bound whole; in `grid` and `zip` its first axis is taken apart, one job for each item.
Array = Annotated[
    Annotated[Numbers, Tag("<numbers>")]
    | Annotated[ValueArray, Tag("<value>")]
    | Annotated[Linspace, Tag("<linspace>")]
    | Annotated[Geomspace, Tag("<geomspace>")]
    | Annotated[Logspace, Tag("<logspace>")]
    | Annotated[Range, Tag("<range>")]
    | Annotated[FileArray, Tag("<file>")],
    Discriminator(
        _array_tag,
        custom_error_type="no_spelling",
        custom_error_message=f"is neither numbers nor one of {', '.join(_SPELLINGS)}",
    ),
]

AnyArray = ValueArray | Linspace | Geomspace | Logspace | Range | FileArray


class ProgramFile(_Strict):
    """A program that lies in a file."""

    file: StrictStr = Field(min_length=1, description="relative to this file")


def _text_tag(value: object) -> str:
    return "<file>" if isinstance(value, dict) else "<text>"


Program = Annotated[
    Annotated[StrictStr, Tag("<text>")] | Annotated[ProgramFile, Tag("<file>")], Discriminator(_text_tag)
]


def _columns_tag(value: object) -> str:
    return "<by-name>" if isinstance(value, dict) else "<names>"


def _column_tag(value: object) -> str:
    return "<several>" if isinstance(value, list) else "<one>"


ColumnNames = Annotated[list[StrictStr], Field(min_length=1)]
Column = Annotated[
    Annotated[StrictStr, Tag("<one>")] | Annotated[ColumnNames, Tag("<several>")], Discriminator(_column_tag)
]
Columns = Annotated[
    Annotated[ColumnNames, Tag("<names>")]
    | Annotated[dict[StrictStr, Column], Field(min_length=1), Tag("<by-name>")],
    Discriminator(_columns_tag),
]


class Rows(_Strict):
    """A table with a job in each row."""

    file: StrictStr = Field(min_length=1, description=".csv, .tsv or .parquet; relative to this file")
    columns: Columns | None = Field(
        None,
        description="the inputs: names of columns, or for each input its column, or the columns that are its vector; "
        "without it, every column is an input",
    )
    delimiter: StrictStr | None = Field(
        None, min_length=1, max_length=1, description="between cells of a .csv"
    )


def _by_name(name: object) -> object:
    return {"file": name}


#: A table, or its name alone.
Table = Annotated[
    Annotated[
        Rows, BeforeValidator(_by_name), WithJsonSchema({"type": "string", "minLength": 1}), Tag("<one>")
    ]
    | Annotated[Rows, Tag("<several>")],
    Discriminator(lambda value: "<one>" if isinstance(value, str) else "<several>"),
]


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _span(value: object) -> timedelta:
    return read_span(value)


def _label_key(key: str) -> str:
    if key.startswith(OWN_LABELS):
        raise ValueError(f"begins with {OWN_LABELS}, which is the command's own")
    if not LABEL_KEY.fullmatch(key):
        raise ValueError("is not 1 to 63 characters from a-z 0-9 . _ / -")
    return key


def _label_text(value: object) -> object:
    # 7 and 2026 are texts here; 0.10 would lose its zero, and true its spelling.
    return str(value) if type(value) is int else value


def _seed_tag(value: object) -> str:
    return "<one>" if isinstance(value, int) else "<several>"


Names = Annotated[
    list[StrictStr],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Span = Annotated[timedelta, BeforeValidator(_span), WithJsonSchema(_SPAN_SCHEMA)]
Moment = Annotated[
    datetime | timedelta, BeforeValidator(read_moment), WithJsonSchema({"type": ["string", "number"]})
]
LabelKey = Annotated[
    StrictStr,
    AfterValidator(_label_key),
    WithJsonSchema({"type": "string", "pattern": f"^{LABEL_KEY.pattern}$"}),
]
LabelText = Annotated[
    StrictStr, BeforeValidator(_label_text), WithJsonSchema({"type": ["string", "integer"], "maxLength": 256})
]
Seed = Annotated[
    Annotated[StrictInt, Field(ge=0, le=2**64 - 1), Tag("<one>")] | Annotated[Array, Tag("<several>")],
    Discriminator(_seed_tag),
]
DTypes = Annotated[
    Annotated[DTypeName, Tag("<one>")] | Annotated[dict[StrictStr, DTypeName], Tag("<by-name>")],
    Discriminator(lambda value: "<by-name>" if isinstance(value, dict) else "<one>"),
]
Arrays = dict[StrictStr, Array]


class JobFields(_Strict):
    """What a job is, or all the jobs of a sweep. Any field may stand at the top, for every job that has none itself."""

    program: Program | None = Field(None, description="the source text, or {file: NAME}")
    inputs: Arrays = Field(
        default_factory=dict, description="the inputs that are the same in each job, by name"
    )
    grid: Arrays = Field(
        default_factory=dict,
        description="inputs of which every combination is a job, by name; the last runs fastest",
    )
    zip: Arrays = Field(
        default_factory=dict, description="inputs that run side by side, by name; all are of one length"
    )
    rows: Table | None = Field(None, description="a table with a job in each row")
    dtype: DTypes | None = Field(
        None,
        description="the data type of numbers that have none of their own (float32), or of inputs by name",
    )
    seed: Seed | None = Field(None, description="where random numbers begin; several: a job for each")
    outputs: Names = Field(
        default_factory=list, description="the names to return; none: the last value that the program makes"
    )
    wrt: Names = Field(
        default_factory=list, description="the inputs to differentiate with respect to; none: all that can be"
    )
    cotangents: Arrays = Field(
        default_factory=dict, description="the seeds of the reverse pass, by output name"
    )
    tangents: Arrays = Field(
        default_factory=dict, description="the directions of jvp and hessian-vector-product, by input name"
    )
    derivative: DerivativeName | None = Field(None, description="which derivative; none: the gradient")
    mode: Literal["auto", "forward", "reverse"] | None = Field(None, description="how a Jacobian is computed")
    order: Annotated[StrictInt, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="the n of an n-th derivative"
    )
    stacked: StrictBool | None = Field(
        None, description="true where each cotangent or tangent is a stack of them, along an axis in front"
    )
    batched_inputs: Names = Field(
        default_factory=list, description="inputs with an axis of rows in front; every row is evaluated"
    )
    value_only: StrictBool | None = Field(None, description="true for no derivative")
    check_gradient: StrictBool | None = Field(
        None, description="true to hold the gradients against finite differences"
    )
    detect_anomaly: StrictBool | None = Field(
        None, description="true to say where the first NaN and the first infinity come from"
    )
    return_program_graph: StrictBool | None = Field(
        None, description="true for the graph of the program's calls too"
    )
    return_graph: StrictBool | None = Field(None, description="true for the autograd graph too")
    device: Literal["auto", "cpu", "cuda"] | None = Field(None, description="the class of device to run on")
    timeout: Span | None = Field(None, description="the longest that an attempt may take")
    labels: dict[LabelKey, LabelText] = Field(
        default_factory=dict,
        description="words to find jobs by; {x} stands for the input, {index} for the job's place in the batch",
    )
    priority: Literal["interactive", "normal", "bulk"] | None = Field(None, description="which jobs go first")
    deadline: Moment | None = Field(
        None, description="when a job is given up: a time, or a span from submission"
    )
    not_before: Moment | None = Field(None, description="when an attempt may begin: a time, or a span")
    time_to_live: Span | None = Field(None, description="how long a finished job stays readable")
    max_attempts: Annotated[StrictInt, Field(ge=1, le=20)] | None = Field(
        None, description="how many attempts may lose their worker"
    )
    allow_reuse: StrictBool | None = Field(
        None, description="true where the stored result of an identical evaluation may be the answer"
    )


def _jobs_tag(value: object) -> str:
    return "<file>" if isinstance(value, str) else "<list>"


class BatchFile(JobFields):
    """A batch: jobs, and what they share."""

    jobs: (
        Annotated[
            Annotated[StrictStr, Field(min_length=1), Tag("<file>")]
            | Annotated[list[JobFields], Field(min_length=1), Tag("<list>")],
            Discriminator(_jobs_tag),
        ]
        | None
    ) = Field(None, description="the jobs: a list, or the name of a file with one in each line, .jsonl")
