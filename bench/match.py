"""`make bench-match`: how long `concord match` takes, and how much memory, as a process of its own, from CSV to CSV.

    python -m bench.match [12000x8000 100000x100000 ...] [--times N] [--folder DIR] [--threads N] [--json]

Made-up books (tests/bulk/made.py; the same sizes give the same files) with known truth, so that a fast wrong answer is
seen. Time is that of the wall, from the start of the process to its end; the best and the median of N runs. Memory is
the largest resident set of any one process; `together` is what all of its processes hold, shared pages counted once
(Pss, looked at four times a second; Linux only).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bulk.made import write

_USUAL = ("12000x8000", "100000x100000", "1000000x1000000")
_CODE = "import sys; from concord.cli.main import main; sys.exit(main())"


@dataclass(frozen=True)
class Figures:
    """One size. seconds: the best run, the median one; cpu: processor time of the best. right: of the links, those that
    the truth bears out; found: of the people who are in both books, those who are linked."""

    size: str
    seconds: float
    median: float
    cpu: float
    megabytes: float
    together: float
    links: int
    questions: int
    right: float
    found: float


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.match", description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", default=list(_USUAL), metavar="LEFTxRIGHT")
    parser.add_argument("--times", type=int, default=3, help="runs of each size")
    parser.add_argument(
        "--folder", type=Path, help="where the made-up books stay, for the next time; else a passing one"
    )
    parser.add_argument("--threads", type=int, default=0, help="as of `concord match`; 0: all")
    parser.add_argument("--json", action="store_true", help="one line for each size on standard output")
    return parser.parse_args()


def _machine() -> dict[str, str]:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line), cpu
        )
    return {
        "processor": f"{os.cpu_count()} x {cpu}",
        "load before": " ".join(f"{one:.1f}" for one in os.getloadavg()),
        "python": platform.python_version(),
        **{name: version(name) for name in ("polars", "numpy", "rapidfuzz")},
    }


def _together(pid: int) -> float:
    """The memory in MB of a process and its children, shared pages counted once."""
    total = 0
    for one in [pid, *_children(pid)]:
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return total / 1024


def _children(pid: int) -> list[int]:
    found: set[int] = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found |= {int(one) for one in path.read_text().split()}
        except OSError:
            continue
    return sorted(found)


def _run(folder: Path, threads: int, *, look: bool) -> tuple[float, float, float, float]:
    """Seconds, processor seconds, MB of the largest process, MB of all together (looked at only where asked for,
    because looking takes time)."""
    given = ["match", "left.csv", "right.csv", "--links", "links.csv", "--review", "review.csv", "--json"]
    given += ["--threads", str(threads)] if threads else []
    peak = 0.0
    over = threading.Event()
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _CODE, *given], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:

        def watch() -> None:
            nonlocal peak
            while not over.wait(0.25):
                peak = max(peak, _together(process.pid))

        watching = threading.Thread(target=watch) if look else None
        if watching:
            watching.start()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        over.set()
        if watching:
            watching.join()
    if process.returncode:
        raise SystemExit(f"concord match ended with {process.returncode}; run it in {folder} to see why")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, peak


def _judged(folder: Path) -> tuple[int, int, float, float]:
    """Links, questions; the share of links that are right, and of the people in both books who are linked."""
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        whose = {row[0]: row[1] for row in csv.reader(file)}
    both = {one for name, one in whose.items() if name[0] == "L"} & {
        one for name, one in whose.items() if name[0] == "R"
    }
    with (folder / "links.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["left_id"], row["right_id"]) for row in csv.DictReader(file)]
    with (folder / "review.csv").open(encoding="utf-8", newline="") as file:
        questions = sum(1 for _ in csv.reader(file)) - 1
    right = [whose[left] for left, other in pairs if whose[left] == whose[other]]
    return len(pairs), questions, len(right) / max(len(pairs), 1), len(set(right)) / max(len(both), 1)


def measured(size: str, folder: Path, times: int, threads: int) -> Figures:
    """The figures of one size; its books are made where they are not there yet."""
    lefts, rights = (int(one) for one in size.split("x"))
    if not (folder / "truth.csv").exists():
        write(folder, lefts, rights)
    runs = sorted(_run(folder, threads, look=False) for _ in range(times))
    together = _run(folder, threads, look=True)[3]
    best = runs[0]
    links, questions, right, found = _judged(folder)
    return Figures(
        size, round(best[0], 2), round(statistics.median(one[0] for one in runs), 2), round(best[1], 2),
        round(max(one[2] for one in runs)), round(together), links, questions, round(right, 5), round(found, 4),
    )  # fmt: skip


def _print(one: Figures) -> None:
    print(
        f"{one.size:>16}  {one.seconds:6.2f} s (median {one.median:.2f}, processor {one.cpu:.1f} s)  "
        f"{one.megabytes:.0f} MB, together {one.together:.0f} MB  "
        f"{one.links} links, {100 * one.right:.2f} % right, {100 * one.found:.1f} % found, {one.questions} questions"
    )


def main(chosen: argparse.Namespace) -> None:
    machine = _machine()
    if not chosen.json:
        print("; ".join(f"{name} {what}" for name, what in machine.items()))
    with tempfile.TemporaryDirectory() as passing:
        for size in chosen.sizes:
            found = measured(size, (chosen.folder or Path(passing)) / size, chosen.times, chosen.threads)
            if chosen.json:
                print(json.dumps({**asdict(found), "machine": machine}))
            else:
                _print(found)


if __name__ == "__main__":
    main(_arguments())
