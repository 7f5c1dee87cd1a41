"""What the cage costs a usual film: python -m tests.benchmarks.bench_cage [FOLDER OF FILMS].

Films of one to four megapixels as PNG, DICOM plain and deflated, and JPEG, and those of a folder where one is named,
each read in this process and in the cage in turn. Wanted: under 30 ms more, in the median of the differences.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from lofi.errors import LofiError
from lofi.film.cage import Cage
from lofi.film.radiograph import Radiograph
from tests.benchmarks.bench_viewer import enlarged, write_dicom

RUNS = 15
BUDGET_MS = 30


def films(folder: Path) -> dict[str, bytes]:
    """Made-up films by name."""
    found: dict[str, bytes] = {}
    for size_hw in ((1024, 1024), (1500, 1500), (2048, 2048)):
        values = enlarged(size_hw)
        told = f"{size_hw[0] * size_hw[1] / 1e6:.1f} megapixels"
        found[f"PNG, 16 bits, {told}"] = bytes(cv2.imencode(".png", values * np.uint16(16))[1])
        found[f"PNG, 8 bits, {told}"] = bytes(cv2.imencode(".png", values >> 4)[1])
        write_dicom(folder / "film.dcm", values)
        found[f"DICOM, {told}"] = (folder / "film.dcm").read_bytes()
        plain = dcmread(folder / "film.dcm")
        plain.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        plain.save_as(folder / "film.dcm")
        found[f"DICOM, deflated, {told}"] = (folder / "film.dcm").read_bytes()
        found[f"JPEG, {told}"] = bytes(cv2.imencode(".jpg", values >> 4)[1])
    return found


def milliseconds(read: Callable[[bytes], Radiograph], data: bytes) -> float:
    """One reading, and one look at each pixel: the cage's are mapped, and a page is only there once it is touched."""
    start = time.perf_counter()
    read(data).pixels.sum()
    return 1000 * (time.perf_counter() - start)


def compared(cage: Cage, data: bytes) -> tuple[float, float, float]:
    """Median milliseconds in this process and in the cage, and the median of the differences, in alternating runs."""
    pairs = []
    for run in range(RUNS):
        order = (Radiograph.read, cage.read)
        taken = [milliseconds(read, data) for read in (order if run % 2 else order[::-1])]
        pairs.append(tuple(taken if run % 2 else taken[::-1]))
    plain, caged = zip(*pairs, strict=True)
    return median(plain), median(caged), median(after - before for before, after in pairs)


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before the start")
    with TemporaryDirectory() as name:
        measured = films(Path(name))
    for path in sorted(Path(sys.argv[1]).iterdir()) if len(sys.argv) > 1 else ():
        measured[path.name] = path.read_bytes()
    start = time.perf_counter()
    with Cage() as cage:
        cage.start()
        cage.read(next(iter(measured.values())))
        print(f"{'first film, the workers not yet started':48} {1000 * (time.perf_counter() - start):7.0f} ms")
        more = []
        for told, data in measured.items():
            try:
                plain, caged, difference = compared(cage, data)
            except LofiError:
                continue
            more.append(difference)
            print(
                f"{told:48} {plain:7.1f} ms, in the cage {caged:7.1f} ms, ratio {caged / plain:5.2f}, "
                f"{difference:+6.1f} ms   budget {BUDGET_MS} ms more"
            )
        print(f"{'median of all':48} {median(more):+6.1f} ms, most {max(more):+.1f} ms")


if __name__ == "__main__":
    main()
