"""How big an evaluation may be. Every process that checks one is given the same model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

#: Longest gRPC message, in bytes, either way: the biggest inputs or result, with room to spare.
MAX_MESSAGE_BYTES = 80 * 2**20


class Limits(BaseModel):
    """Upper bounds on one evaluation; each bound itself is still allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    program_bytes: PositiveInt = Field(65_536, description="UTF-8 bytes of the source text")
    bracket_depth: PositiveInt = Field(
        80, description="open brackets at any place; the C parser's own limit is 200"
    )
    tree_depth: PositiveInt = Field(120, description="nested nodes of the syntax tree")
    tree_nodes: PositiveInt = Field(20_000, description="nodes of the syntax tree")
    statements: PositiveInt = Field(2_000, description="statements, those inside blocks included")
    unrolled_nodes: PositiveInt = Field(
        50_000, description="nodes of the syntax tree once loops are unrolled and functions written out"
    )
    call_arguments: PositiveInt = Field(64, description="arguments of one call, and items of one list in it")
    literal_elements: PositiveInt = Field(10_000, description="numbers in one nested list literal")
    string_chars: PositiveInt = Field(256, description="characters of one string literal")
    name_chars: PositiveInt = Field(64, description="characters of one name")
    inputs: PositiveInt = Field(64, description="inputs of one evaluation")
    outputs: PositiveInt = Field(64, description="outputs of one evaluation")
    wrt: PositiveInt = Field(64, description="gradients asked for in one evaluation")
    seeds: PositiveInt = Field(4_096, description="seeds in one stack of cotangents or tangents")
    rows: PositiveInt = Field(2**20, description="rows of batched inputs")
    rank: PositiveInt = Field(16, description="dimensions of a tensor")
    dim: PositiveInt = Field(
        2**31 - 1, description="size of one dimension, and product of those that are not 0"
    )
    elements: PositiveInt = Field(
        2**26, description="elements of any tensor that a program makes, views included"
    )
    live_bytes: PositiveInt = Field(
        2**30,
        description="bytes that inputs, values, what autograd saves and its gradients take at any one time",
    )
    work: PositiveInt = Field(
        2 * 10**10,
        description="multiplications and element visits of one evaluation, its backward passes included",
    )
    dispatched_ops: PositiveInt = Field(
        50_000, description="calls of torch in one evaluation, its backward passes included"
    )
    graph_nesting: PositiveInt = Field(
        4, description="derivatives of derivatives: `create_graph=True`, one behind another"
    )
    input_bytes: PositiveInt = Field(
        64 * 2**20,
        le=MAX_MESSAGE_BYTES,
        description="bytes of all inputs of one evaluation together; a message has 80 MiB",
    )
    result_bytes: PositiveInt = Field(
        72 * 2**20,
        le=MAX_MESSAGE_BYTES,
        description="bytes of all values and gradients of one evaluation together; a message has 80 MiB",
    )
    graph_nodes: PositiveInt = Field(10_000, description="nodes of a returned autograd graph")
    export_ops: PositiveInt = Field(
        2_000, description="calls of an exported program; the exporters take milliseconds for each"
    )
    descent_steps: PositiveInt = Field(10_000_000, description="steps of one descent")
    printed_chars: PositiveInt = Field(
        65_536, description="characters that `print` may make, before the text is cut"
    )


DEFAULT_LIMITS = Limits()

#: The variables that set limits begin with this, as in ``PULLBACK_LIMITS_LIVE_BYTES``.
ENV_PREFIX = "PULLBACK_LIMITS_"


def limit_metadata(limit: int, estimate: int, name: str = "") -> dict[str, str]:
    """Gives the metadata of an error about a limit.

    Args:
        limit: the limit.
        estimate: what there is, or would be.
        name: the limit's field in `Limits`; empty where it cannot be set.
    """
    found = {"limit": str(limit), "estimate": str(estimate)}
    return found | {"limit_name": ENV_PREFIX + name.upper()} if name else found
