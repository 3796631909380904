from __future__ import annotations

import ast
import re
import tempfile
from pathlib import Path

import pytest

#: Longest Python file and longest function, in lines.
FILE_LINES = 500
FUNCTION_LINES = 65

#: Python that we write; the stubs are made.
Sources = dict[Path, ast.Module]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.fixture(scope="module")
def sources(root: Path, files: list[Path]) -> Sources:
    """The syntax tree of every Python file that is not generated."""
    return {
        file: ast.parse(root.joinpath(file).read_text())
        for file in files
        if file.suffix == ".py" and "_pb2" not in file.name
    }


def _functions(sources: Sources) -> list[tuple[Path, Function]]:
    return [
        (file, node)
        for file, tree in sources.items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]


def test_no_file_is_too_long(root: Path, sources: Sources) -> None:
    """A file that outgrows its limit is split by noun."""
    lengths = {file: len(root.joinpath(file).read_text().splitlines()) for file in sources}
    assert {str(file): length for file, length in lengths.items() if length > FILE_LINES} == {}


def test_no_function_is_too_long(sources: Sources) -> None:
    """A function fits on a screen."""
    lengths = {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file, node in _functions(sources)
    }
    assert {place: length for place, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_every_test_states_its_fact_in_one_line(sources: Sources) -> None:
    """Each test function has a docstring of one line that ends like a sentence."""
    tests = [(file, node) for file, node in _functions(sources) if node.name.startswith("test_")]
    silent = [
        f"{file}:{node.lineno} {node.name}"
        for file, node in tests
        if not re.fullmatch(r"\S.*[.:]", ast.get_docstring(node) or "")
    ]
    assert silent == []


def test_no_test_sleeps(sources: Sources) -> None:
    """A test waits for an event, never for a time; sleep(0), which only lets others run, is no wait."""
    calls = [
        f"{file}:{node.lineno}"
        for file, tree in sources.items()
        if file.parts[0] == "tests"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("sleep")
        and [ast.unparse(item) for item in node.args] != ["0"]
    ]
    assert calls == []


def test_text_is_never_run_as_code(sources: Sources) -> None:
    """Nothing calls eval, exec or compile, and nothing unpickles."""
    banned = {"eval", "exec", "compile", "__import__"}
    calls = [
        f"{file}:{node.lineno}"
        for file, tree in sources.items()
        if file.parts[0] != "tests"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in banned
    ]
    imports = [
        f"{file}:{node.lineno}"
        for file, tree in sources.items()
        if file.parts[0] in {"proto", "services", "workers"}
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        # Marks the nodes of exported graphs; that no tenant's name is in those is shown in unit/engine/test_export.py.
        and ast.unparse(node) != "from torch.fx.traceback import annotate, preserve_node_meta"
        and re.search(r"\b(pickle|marshal|torch\.fx)\b", ast.unparse(node))
    ]
    assert calls + imports == []


def test_the_environment_is_read_by_settings_only(sources: Sources) -> None:
    """Only a settings module looks at os.environ; whoever starts a process may hand one on."""
    reads = [
        f"{file}:{node.lineno}"
        for file, tree in sources.items()
        if file.parts[0] in {"proto", "services", "workers"} and "settings" not in file.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}
    ]
    assert reads == []


def test_no_file_names_a_place_on_somebodys_machine(root: Path, files: list[Path]) -> None:
    """Paths below the home folder, or below this checkout, have no business in a file."""
    shared = {Path("/"), Path(tempfile.gettempdir())}
    places = [folder for folder in [Path.home(), root, root.parent] if folder not in shared]
    marks = re.compile("|".join(rf"(?<![\w.]){re.escape(str(place))}/" for place in places))
    found = []
    for file in files:
        try:
            text = root.joinpath(file).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file}:{n}" for n, line in enumerate(text.splitlines(), 1) if marks.search(line)]
    assert found == []


def test_there_is_no_unfinished_business(root: Path, files: list[Path]) -> None:
    """What is to be done is on a list, not in the code."""
    mark = re.compile(rf"\b({'TO' + 'DO'}|{'FIX' + 'ME'}|{'X' * 3})\b")
    code = [file for file in files if file.suffix in {".py", ".lua", ".proto", ".sh", ".yaml", ".toml"}]
    assert [str(file) for file in code if mark.search(root.joinpath(file).read_text())] == []
