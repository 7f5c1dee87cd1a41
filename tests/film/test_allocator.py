"""What is freed is kept for the next film, and given back when that is asked for."""

import subprocess
import sys

import pytest

FAULTS = """
import resource
import sys
import numpy as np
from lofi.film import allocator
if "warm" in sys.argv:
    allocator.keep_warm()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        held = [np.ones(2**20) for _ in range(8)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
allocator.trim()
print(faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_a_warm_heap_pays_for_its_pages_once_until_it_is_trimmed() -> None:
    said = subprocess.run([sys.executable, "-c", FAULTS, "warm"], capture_output=True, check=True, text=True).stdout
    warm, trimmed = map(int, said.split())
    assert warm < 500
    assert trimmed > 1_000  # the 64 MB are there again, once
