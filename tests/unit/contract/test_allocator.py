from __future__ import annotations

import subprocess
import sys

# Makes and frees 8 MiB twenty times, and prints how many pages the kernel had to find for it.
_CHURN = """
import resource, sys
from pullback.contract.allocator import keep_freed_memory
if "kept" in sys.argv:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def churn():
    several = [b"x" * 2**23 for _ in range(3)]
churn()
before = faults()
for _ in range(20):
    churn()
print(faults() - before)
"""

PAGES_OF_A_TURN = 3 * 2**23 // 4096


def _faults(*words: str) -> int:
    return int(subprocess.check_output([sys.executable, "-c", _CHURN, *words]))


def test_freed_memory_is_used_again_without_asking_the_kernel() -> None:
    """Tensors of some megabytes, made and freed again and again, are written to the same pages."""
    assert _faults("kept") < PAGES_OF_A_TURN < _faults()
