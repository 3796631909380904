"""Standard input as a file, since a batch is read twice."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp


def spooled() -> Path:
    """Keeps what standard input gives in a file; its folder is the caller's to remove.

    Its suffix says what it is: JSON Lines where the first line is an object of its own, else YAML.
    """
    path = Path(mkdtemp(prefix="pullback-batch-"), "batch")
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with path.open("rb") as file:
        first = file.readline().strip()
    suffix = ".jsonl" if first.startswith(b"{") and first.endswith(b"}") else ".yaml"
    return path.rename(path.with_suffix(suffix))
