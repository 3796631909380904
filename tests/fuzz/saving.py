"""Where what was found is kept, so that it can be run again."""

from __future__ import annotations

import hashlib
from pathlib import Path

#: Below the checkout, and removed by `make clean`.
FOLDER = Path(__file__).parents[2] / ".cache" / "fuzz"


def save(kind: str, data: bytes) -> Path:
    """Keeps an input under a name made of its content."""
    folder = FOLDER / "findings"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path
