"""A worker as ever, whose evaluators are those of `engine.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from pullback.worker.__main__ import main

if __name__ == "__main__":
    sys.exit(main([str(Path(__file__).with_name("engine.py"))]))
