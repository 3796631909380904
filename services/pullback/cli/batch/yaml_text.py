"""YAML to plain data with line numbers.

Strategy: the parser's events are put together here, since its own data forget their lines, take the last of two equal
keys in silence, and follow YAML 1.1, where ``1e-3`` is text, ``on`` is true and ``1:30`` is ninety. Plain words mean
here what YAML 1.2's core schema says. There are no tags, so nothing is ever made but mappings, lists and scalars.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, final

import yaml

from pullback.cli.batch.documents import Document, Lines, Path, path_text
from pullback.cli.batch.faults import BatchError, Fault

# Mappings and lists within each other: far more than any batch has, far less than Python's stack.
_DEPTH = 64

# Parts of a document, those of aliases counted each time: an alias of an alias of an alias is short and huge.
_PARTS = 20_000_000

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_OTHER_INTEGER = re.compile(r"0o[0-7]{1,400}|0x[0-9a-fA-F]{1,400}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}

# The parser in C is ten times as fast, where PyYAML was built with it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Part(NamedTuple):
    """A piece of data, its lines, and how many parts it has."""

    data: Any
    lines: Lines
    size: int


def read_yaml(text: str, file: str) -> Document:
    """Reads the one document of a text.

    Raises:
        BatchError: it is no YAML, a key is there twice, or it has what is not taken here.
    """
    reader = _Reader(text, file)
    try:
        part = reader.document()
    except yaml.YAMLError as error:
        raise BatchError([_syntax_fault(error, text, file)]) from error
    except _Refused as error:
        raise BatchError([*reader.faults, Fault(file, error.line, "", error.message)]) from None
    if reader.faults:
        raise BatchError(reader.faults)
    return Document(file, part.data, part.lines)


class _Refused(Exception):
    """The text has what is not taken; there is no going on behind it."""

    def __init__(self, event: Any, message: str) -> None:
        super().__init__(message)
        self.line = event.start_mark.line + 1
        self.message = message


@final
class _Reader:
    """Puts the events of one text together."""

    def __init__(self, text: str, file: str) -> None:
        self.faults: list[Fault] = []
        self._events: Any = iter(yaml.parse(text, Loader=_LOADER))
        self._file = file
        self._anchors: dict[str | None, _Part] = {}
        self._size = 0

    def document(self) -> _Part:
        """Reads the whole text."""
        next(self._events)
        event: Any = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return _Part(None, Lines(1), 1)
        part = self._part(next(self._events), ())
        next(self._events)
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _Refused(event, "a second document begins here; a batch is one")
        return part

    def _part(self, event: Any, at: Path) -> _Part:
        if isinstance(event, yaml.AliasEvent):
            part = self._anchors.get(event.anchor)
            if part is None:
                raise _Refused(
                    event, f"*{event.anchor} stands for nothing; there is no &{event.anchor} before it"
                )
        else:
            part = self._made(event, at)
            if event.anchor:
                self._anchors[event.anchor] = part
        return part

    def _made(self, event: Any, at: Path) -> _Part:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise _Refused(event, f"{tag} is a tag, which is not taken here")
        if len(at) > _DEPTH:
            raise _Refused(event, f"more than {_DEPTH} mappings and lists within each other")
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            text = line + 1 if event.style == "|" else None
            return _Part(_scalar(event), Lines(line, text=text), self._counted(event, 1))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(event, at)
        return self._mapping(event, at)

    def _counted(self, event: Any, size: int) -> int:
        self._size += size
        if self._size > _PARTS:
            raise _Refused(event, f"more than {_PARTS:,} parts, those behind aliases counted each time")
        return size

    def _list(self, start: Any, at: Path) -> _Part:
        data: list[Any] = []
        lines: list[Lines] = []
        size = self._counted(start, 1)
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            part = self._part(event, (*at, len(data)))
            data.append(part.data)
            lines.append(part.lines)
            size += self._size_of(event, part)
        return _Part(data, Lines(start.start_mark.line + 1, lines), size)

    def _mapping(self, start: Any, at: Path) -> _Part:
        data: dict[str, Any] = {}
        lines: dict[str, Lines] = {}
        size = self._counted(start, 1)
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key, line = self._key(event), event.start_mark.line + 1
            value = next(self._events)
            part = self._part(value, (*at, key))
            size += self._size_of(value, part)
            if key in data:
                message = f"is here twice; it is in line {lines[key].line} already"
                self.faults.append(Fault(self._file, line, path_text((*at, key)), message))
                continue
            data[key] = part.data
            # A value may stand below its key; whoever looks for it looks for the key.
            lines[key] = part.lines._replace(line=line)
        return _Part(data, Lines(start.start_mark.line + 1, lines), size)

    def _size_of(self, event: Any, part: _Part) -> int:
        return self._counted(event, part.size) if isinstance(event, yaml.AliasEvent) else part.size

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent) or event.tag is not None:
            raise _Refused(event, "a key has to be a word")
        if event.value == "<<" and event.implicit[0]:
            raise _Refused(event, "<< is not taken here; what jobs share stands once, at the top")
        return str(event.value)


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0]:  # in quotes, or a block of text
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _OTHER_INTEGER.fullmatch(text):
        return int(text, 0)
    return text


def _syntax_fault(error: yaml.YAMLError, text: str, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        position = getattr(error, "position", None)  # of a character that no YAML has
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        return Fault(file, line, "", "is not YAML: a character in it is not allowed")
    message = f"is not YAML: {getattr(error, 'problem', None) or 'it breaks off'}"
    context, began = getattr(error, "context", None), getattr(error, "context_mark", None)
    if context and began is not None and began.line != mark.line:
        message += f", {context} that begins in line {began.line + 1}"
    quoted = text.split("\n")[mark.line : mark.line + 1]
    if quoted and quoted[0][: mark.column + 1].strip(" ") == "\t":
        message += "; a tab cannot indent"
    if "mapping values" in message:
        message += "; a text with a colon in it stands in quotes, or below a |"
    return Fault(file, mark.line + 1, "", message)
