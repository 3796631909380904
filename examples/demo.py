"""Starts a whole Pullback on this machine, sends it the course notebook, and compares what comes back.

The programs and the expected figures are in notebook.toml. The exit status is 0 where all agree.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import tomllib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pullback.client import Client, Evaluated, PullbackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pullback.v1.graph_pb2 import AutogradGraph

NOTEBOOK = Path(__file__).with_name("notebook.toml")
PULLBACK = Path(sys.executable).with_name("pullback")
READY = "pullback is up on "

# How long a stop may take, in seconds, before the processes are killed.
STOP_SECONDS = 60

# Columns of the table where the output is no terminal.
PLAIN_WIDTH = 160


@contextmanager
def service() -> Iterator[str]:
    """Runs Redis, a worker and a gateway, all fresh, and gives the gateway's address."""
    with tempfile.TemporaryDirectory(prefix="pullback-demo-") as data:
        command = [str(PULLBACK), "up", "--port", "0", "--data-dir", data, "--workers", "1"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            yield _address(process)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Reads what `pullback up` says until it is up, and goes on reading after that, so that it never blocks."""
    output = cast("IO[str]", process.stdout)
    said = []
    for line in output:
        said.append(line)
        if line.startswith(READY):
            threading.Thread(target=output.read, daemon=True).start()
            return line.removeprefix(READY).strip()
    sys.exit("".join(said) + "pullback up ended before it was ready")


def _made_by(graph: AutogradGraph) -> dict[str, str]:
    return {output.name: graph.nodes[output.node].name for output in graph.outputs if output.HasField("node")}


#: What can be read from a result, by the names that notebook.toml gives it.
READERS: dict[str, Callable[[Evaluated], Any]] = {
    "values": lambda result: {name: array.tolist() for name, array in result.values.items()},
    "gradients": lambda result: {name: array.tolist() for name, array in result.gradients.items()},
    "absent": lambda result: result.absent_gradients,
    "printed": lambda result: result.printed,
    "made_by": lambda result: _made_by(_graph(result)),
    "functions": lambda result: [node.name for node in _graph(result).nodes if not node.HasField("leaf")],
    "leaves": lambda result: [node.leaf.name for node in _graph(result).nodes if node.HasField("leaf")],
}


def _graph(result: Evaluated) -> AutogradGraph:
    return cast("AutogradGraph", result.graph)  # every evaluation here asks for it


def compare(client: Client, row: dict[str, Any]) -> Iterator[tuple[str, Any, Any, bool]]:
    """Sends one row of the notebook and gives, for each thing expected of it: name, expected, got, agreed."""
    expected = dict(row["expected"])
    said = expected.pop("error", None)
    try:
        result = client.evaluate(
            row["program"].strip(), row.get("inputs"), outputs=row.get("outputs", ()), return_graph=True
        )
    except PullbackError as error:
        yield "error", said or "none", str(error), said is not None and said in str(error)
        return
    if said is not None:
        yield "error", said, "none", False
    for name, wanted in expected.items():
        got = READERS[name](result)
        yield name, wanted, got, got == wanted


def _show(value: object) -> Text:
    if isinstance(value, dict):
        return Text("\n".join(f"{name} = {_number(item)}" for name, item in value.items()))
    if isinstance(value, list):
        return Text(", ".join(map(str, value)))
    return Text(str(value).rstrip("\n"))


def _number(value: object) -> str:
    """Writes 10 for 10.0, at any depth of lists."""
    if isinstance(value, list):
        return f"[{', '.join(map(_number, value))}]"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def main() -> int:
    """Prints the table and gives the exit status."""
    rows = tomllib.loads(NOTEBOOK.read_text())["row"]
    table = Table("what", "of it", "expected: the notebook", "got: from the processes", "ok", box=box.SIMPLE)
    differing = total = 0
    with service() as address, Client(address) as client:
        for row in rows:
            what = row["what"]
            for name, wanted, got, agreed in compare(client, row):
                total += 1
                differing += not agreed
                table.add_row(what, name, _show(wanted), _show(got), "yes" if agreed else "NO")
                what = ""
            table.add_section()
    console = Console()
    (console if console.is_terminal else Console(width=PLAIN_WIDTH)).print(table)
    print(f"{total - differing} of {total} agree.")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
