"""The JSON Schema of batch files, for editors."""

from __future__ import annotations

from typing import Any

from pullback.cli.batch.model import BatchFile


def json_schema() -> dict[str, Any]:
    """Makes the schema of a .yaml or .json file.

    It says what can be said of one part without looking at others, and refuses nothing that `load_batch` takes.
    """
    schema: dict[str, Any] = _simpler(BatchFile.model_json_schema())
    parts: dict[str, Any] = schema.pop("$defs")
    fields = parts["JobFields"]["properties"]
    # What pydantic writes out at each place, written once.
    named = {
        "DType": parts["ValueArray"]["properties"]["dtype"]["anyOf"][0],
        "Array": fields["inputs"]["additionalProperties"],
    }
    for name, part in named.items():
        schema, parts = _referring(schema, part, name), _referring(parts, part, name)
        parts[name] = part
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Pullback batch file"}
    return head | schema | {"$defs": dict(sorted(parts.items()))}


def _referring(whole: Any, part: Any, name: str) -> Any:
    """Puts a reference in each place of a part."""
    if whole == part:
        return {"$ref": f"#/$defs/{name}"}
    if isinstance(whole, list):
        return [_referring(item, part, name) for item in whole]
    if isinstance(whole, dict):
        return {key: _referring(value, part, name) for key, value in whole.items()}
    return whole


def _simpler(part: Any) -> Any:
    """Leaves out titles, which repeat names, and defaults, and takes any of what pydantic takes one of.

    A seed that is a number fits the spelling of several too, which is no fault.
    """
    if isinstance(part, list):
        return [_simpler(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: value
        for key, value in part.items()
        if key not in {"title", "default"} or isinstance(value, dict)
    }
    simple = {"anyOf" if key == "oneOf" else key: _simpler(value) for key, value in kept.items()}
    if "anyOf" in simple:
        simple["anyOf"] = [inner for choice in simple["anyOf"] for inner in _choices(choice)]
    return simple


def _choices(choice: dict[str, Any]) -> list[dict[str, Any]]:
    """Gives the choices within a choice that is nothing else."""
    found: list[dict[str, Any]] = choice["anyOf"] if choice.keys() <= {"anyOf", "description"} else [choice]
    return found
