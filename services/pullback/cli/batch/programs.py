"""The programs of a batch: their text, and what is wrong with it, before a service is asked."""

from __future__ import annotations

from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, final

from pullback.cli.batch.files import TABLES
from pullback.cli.batch.model import ProgramFile
from pullback.cli.batch.scopes import Scope, Scopes, entry_of, sayer
from pullback.client import InvalidArgument, LimitExceeded, ProgramError, PullbackError
from pullback.contract.program import check_names, compile_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.cli.batch.faults import Fault, Faults
    from pullback.cli.batch.files import Files

# Programs that are kept compiled. A file with more has one in each of its lines.
_KEPT = 256


@lru_cache(_KEPT)
def _verdict(
    text: str, names: tuple[str, ...], outputs: tuple[str, ...], wrt: tuple[str, ...]
) -> PullbackError | tuple[str, ...]:
    """Gives the first fault of a program with its names, or else what it returns."""
    try:
        return check_names(compile_program(text), names, outputs, wrt)
    except PullbackError as error:
        return error


@final
class Programs:
    """Reads and judges programs."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._texts: dict[str, str] = {}

    def text(self, scopes: Scopes, faults: Faults) -> str:
        """Gives the program of a job; empty, with a fault, where it has none."""
        scope = sayer(scopes, "program")
        if scope is None:
            if not all(scope.whole for scope in scopes):
                return ""
            entry = entry_of(scopes)
            table = PurePath(entry.document.file).suffix in TABLES
            faults.add(entry.fault((), "has no program; --program gives it" if table else "has no program"))
            return ""
        text = self._text(scope, faults)
        if text is not None and not text.strip():
            faults.add(scope.fault(("program",), "is empty"))
        return text or ""

    def _text(self, scope: Scope, faults: Faults) -> str | None:
        program = scope.fields.program
        if not isinstance(program, ProgramFile):
            return program
        if program.file not in self._texts:
            try:
                self._texts[program.file] = self._files.text(program.file)
            except ValueError as error:
                faults.add(scope.fault(("program",), str(error)))
                return None
        return self._texts[program.file]

    def check(
        self, scopes: Scopes, text: str, names: Sequence[str], chosen: dict[str, list[str]], faults: Faults
    ) -> tuple[str, ...]:
        """Judges a program with the names of a job; gives the outputs.

        A program beyond a limit is left to the service, whose limits may be others.
        """
        if not all(scope.whole for scope in scopes):
            return ()
        outputs, wrt = tuple(chosen["outputs"]), tuple(chosen["wrt"])
        verdict = _verdict(text, tuple(sorted(names)), outputs, wrt)
        if not isinstance(verdict, PullbackError):
            return verdict
        if not isinstance(verdict, LimitExceeded):
            _add(verdict, scopes, faults)
        return ()


def _add(error: PullbackError, scopes: Scopes, faults: Faults) -> None:
    field = error.field.partition("[")[0] if isinstance(error, InvalidArgument) else "program"
    scope = sayer(scopes, field) or sayer(scopes, "program") or scopes[-1]
    if isinstance(error, ProgramError):
        faults.add(_in_text(error, scope))
    else:
        faults.add(scope.fault((field,), error.message))


def _in_text(error: ProgramError, scope: Scope) -> Fault:
    """Makes a fault of an error with a place in a program: the place in the file that the program's text stands in."""
    program, line = scope.fields.program, int(error.metadata.get("line", "0"))
    message = error.message.removeprefix(f"line {line}, ")
    if isinstance(program, ProgramFile):
        fault = scope.fault(("program",), message)
        return fault._replace(file=program.file, line=line or None)
    first = scope.document.text_line((*scope.at, "program"))
    if first is None or not line:
        return scope.fault(("program",), error.message)
    return scope.fault(("program",), message)._replace(line=first + line - 1)
