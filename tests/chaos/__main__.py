"""`make chaos`: many runs of the chaos, each from a seed of its own, on all processors; and one again, by its seed.

    python -m tests.chaos --runs 500            seeds 0 to 499, with progress and a summary
    python -m tests.chaos --seed 17             that run alone; should it fail, its shortest failing part

Ends with 1 when a run ended wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from rich.console import Console
from tests.chaos.many import many, one


def main() -> int:
    summary, _, example = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser("python -m tests.chaos", None, summary, example,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--runs", type=int, default=500, help="how many (500)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a processor)")
    parser.add_argument("--seed", type=int, help="this one run alone")
    parser.add_argument("--shorten", type=float, default=120.0, help="seconds to look for a shorter script (120)")
    asked = parser.parse_args()
    console = Console(stderr=True)
    if asked.seed is not None:
        return 0 if one(asked.seed, asked.shorten, console) else 1
    began = time.monotonic()
    tally = many(asked.first, asked.runs, asked.jobs, console)
    Console().print(tally.table(time.monotonic() - began))
    for outcome in tally.wrong:
        said = "\n  ".join((f"make chaos SEED={outcome.script.seed}", *outcome.wrong))
        Console(soft_wrap=True).print(said, markup=False, highlight=False)
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
