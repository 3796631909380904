from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["batch-file.schema.json", "errors.md", "ops.md", "settings.md"])
def test_a_page_of_tables_is_what_the_code_says(name: str, root: Path) -> None:
    """`make gen` would change nothing in docs/."""
    spec = importlib.util.spec_from_file_location("pages", root / "tools/pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert root.joinpath("docs", name).read_text() == module.pages()[name]


def test_every_link_between_pages_leads_somewhere(root: Path, files: list[Path]) -> None:
    """A relative link in a page names a file or folder of the repository."""
    pages = [file for file in files if file.suffix == ".md"]
    broken = [
        f"{page}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", root.joinpath(page).read_text())
        if "://" not in target and not root.joinpath(page.parent, target).exists()
    ]
    assert broken == []


def test_every_make_target_is_explained(root: Path) -> None:
    """The Makefile's head and CONTRIBUTING name each verb."""
    makefile = root.joinpath("Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    explained = set(re.findall(r"^#   make (\w+)", makefile, re.MULTILINE)) | {"setup"}
    contributing = root.joinpath("CONTRIBUTING.md").read_text()
    assert set(phony.split()) == explained
    assert [verb for verb in phony.split() if f"make {verb}" not in contributing] == []


def test_decisions_are_numbered_without_gaps(root: Path) -> None:
    """Each decision has the next number, and a heading that repeats it."""
    found = sorted(root.joinpath("docs/decisions").glob("*.md"))
    assert [path.name[:4] for path in found] == [f"{number:04}" for number in range(1, len(found) + 1)]
    assert all(path.read_text().startswith(f"# {int(path.name[:4])}. ") for path in found)
