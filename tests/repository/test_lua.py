from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def _scripts(root: Path) -> dict[str, tuple[str, str]]:
    """The head (its comments) and the code of each script, by name."""
    scripts = {}
    for path in sorted(root.joinpath("services/pullback/broker/lua").glob("*.lua")):
        lines = path.read_text().splitlines()
        start = next(n for n, line in enumerate(lines) if line and not line.startswith(("--", "#!")))
        scripts[path.name] = ("\n".join(lines[:start]), "\n".join(lines[start:]))
    return scripts


def test_the_head_of_a_script_lists_its_keys_arguments_and_answer(root: Path) -> None:
    """Each script says what it does, which keys and arguments it takes, and what it returns."""
    scripts = _scripts(root)
    assert scripts
    for name, (head, code) in scripts.items():
        for word in ["KEYS", "ARGV"]:
            assert (word in code) <= (f"-- {word}" in head), f"{name}: {word} is not in the head"
        assert ("\nreturn " in code) <= ("-- Returns" in head), f"{name}: the answer is not in the head"


def test_every_numbered_key_of_a_script_is_in_its_head(root: Path) -> None:
    """A key that the code takes by number is described under that number."""
    missing = [
        f"{name}: KEYS[{number}]"
        for name, (head, code) in _scripts(root).items()
        for number in sorted(set(re.findall(r"KEYS\[(\d+)\]", code)))
        if not re.search(rf"^-- KEYS.*?\b{number} \w", head, re.MULTILINE | re.DOTALL)
    ]
    assert missing == []


def test_a_script_makes_no_key_that_its_head_does_not_name(root: Path) -> None:
    """No Redis key is spelled out in a script: names come in as arguments, from contract.names."""
    spelled = [name for name, (_, code) in _scripts(root).items() if re.search(r"['\"]pullback:", code)]
    assert spelled == []
