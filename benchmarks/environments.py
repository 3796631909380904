"""A virtual environment for each peer, made once from its pinned requirements."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_CACHE = ROOT / ".cache" / "benchmarks"


def python_of(peer: str) -> Path:
    """Returns the interpreter of a peer's environment, and makes the environment where there is none yet.

    Raises:
        subprocess.CalledProcessError: the requirements could not be installed.
    """
    requirements = ROOT / "benchmarks" / "peers" / peer / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = _CACHE / f"{peer}-{digest}"
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        print(f"making the environment of {peer}, once", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        complete.touch()
    return python


def versions_of(peer: str) -> dict[str, str]:
    """Returns the peer's pinned requirements."""
    lines = (ROOT / "benchmarks" / "peers" / peer / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)
