"""`make bench-identity`: every contender on every set, in one run.

    python -m bench.identity [SET ...] [--left N --right N] [--seed N] [--out DIR] [--no-splink] [--csv]
                             [--links CSV [--review CSV]]

Without sets: the tuning sets, the judging sets and the public data. Of judging sets only sums are printed or written
(`settings` says why). `--seed` is for trying the generator; figures with it are not those of the set.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.identity import contenders, measure, report, settings
from bench.identity.crm import Made, made
from bench.identity.public import ABSENT, PUBLIC, columns


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.identity", description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", metavar="SET", help="sets by name; all when none is named")
    parser.add_argument("--left", type=int, default=12_000, help="records in Salesforce")
    parser.add_argument("--right", type=int, default=8_000, help="records in HubSpot")
    parser.add_argument("--seed", type=int, default=None, help="another seed than the set's own")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "out", help="where details are written")
    parser.add_argument("--no-splink", action="store_true", help="leave out the slow one")
    parser.add_argument("--csv", action="store_true", help="also write left.csv, right.csv and truth.csv of each set")
    parser.add_argument("--links", type=Path, help="judge this links.csv of `concord match` too (with one set)")
    parser.add_argument("--review", type=Path, help="and its review.csv")
    parser.add_argument("--json", action="store_true", help="one line for each contender and set on standard output")
    return parser.parse_args()


def _made(name: str, chosen: argparse.Namespace) -> Made:
    if name in PUBLIC:
        return PUBLIC[name]()
    return made(settings.named(name, chosen.left, chosen.right, chosen.seed))


def _splink(name: str, data: Made) -> list[contenders.Found]:
    from bench.identity import splinked

    if name not in PUBLIC:
        return splinked.splink(data, splinked.CRM)
    names = splinked.splink(data, splinked.NAMES_ONLY, note=", names only") if name.startswith("febrl") else []
    model = {"fake_1000": splinked.FAKE, "w2": splinked.W2}.get(name, splinked.FEBRL)
    return names + splinked.splink(data, model, note=", all columns" if names else "")


def run(name: str, chosen: argparse.Namespace) -> list[measure.Bin]:
    """One set: print its figures, write its details where it may be looked at; the calibration of core."""
    data = _made(name, chosen)
    truth = measure.Truth.of(data)
    found, lefts, rights = contenders.core(data)
    all_ = [found, contenders.email_only(data)]
    if chosen.links:
        all_.append(contenders.answer(chosen.links, chosen.review))
    if not chosen.no_splink:
        theirs = _splink(name, data)
        all_ += theirs
        all_ += [
            measure.at_precision(one, truth, wanted)
            for one in theirs
            if one.name.endswith(" at 0.5")
            for wanted in (0.99, 0.995)
        ]
    sums = [measure.sums(one, truth) for one in all_]
    misses, scores = measure.misses(found, truth, lefts, rights)
    bins = measure.bins((one.value, truth.same(pair), one.barred) for pair, one in scores.items())
    if chosen.json:
        for one in sums:
            print(json.dumps({"set": name, **asdict(one)}))
    else:
        _print(name, data, truth, sums, found, misses, bins)
    if not settings.is_judging(name):
        _details(chosen.out / name, data, truth, found, misses, scores)
    if chosen.csv:
        _csv(chosen.out / name, data)
    return bins


def _print(
    name: str,
    data: Made,
    truth: measure.Truth,
    sums: Sequence[measure.Sums],
    found: contenders.Found,
    misses: Sequence[measure.Miss],
    bins: Sequence[measure.Bin],
) -> None:
    print(f"\n## {name}\n")
    full = ", ".join(f"{one} {share:.0%}" for one, share in columns((*data.lefts, *data.rights)).items())
    print(f"{len(data.lefts)} x {len(data.rights)} records, {len(truth.both)} people in both. Filled: {full}.\n")
    print(report.figures(sums), "\n")
    print(report.calibration(bins), "\n")
    common = [one for one in measure.by_kind(found, truth, data) if one[0].startswith("in common")]
    print(report.kinds(common), "\n")
    print(report.stages(misses, len(truth.both)), "\n")
    wrong = Counter(cause for cause, _ in measure.false_links(found, truth, data))
    print(report.table(("linked, and two people", "links"), wrong.most_common()), "\n")


def _details(
    folder: Path,
    data: Made,
    truth: measure.Truth,
    found: contenders.Found,
    misses: Sequence[measure.Miss],
    scores: dict[tuple[str, str], measure.Score],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    false = measure.false_links(found, truth, data)
    (folder / "examples.md").write_text(report.examples(misses, false, found, truth), encoding="utf-8")
    parts = (
        ("Kinds of case", report.kinds(measure.by_kind(found, truth, data))),
        ("What the likeliest pair of those not linked had", report.signatures(misses)),
        ("Compared, not surely one: how many are", report.would_be(scores, truth)),
        ("Asked in vain", report.asked_wrongly(found, truth, data)),
    )
    text = "\n\n".join(f"# {head}\n\n{body}" for head, body in parts)
    (folder / "causes.md").write_text(text + "\n", encoding="utf-8")


def _csv(folder: Path, data: Made) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for side, rows, firms in (("left", data.lefts, data.accounts), ("right", data.rights, data.companies)):
        report.write_csv(folder / f"{side}.csv", rows, {one.id: (one.name, one.website) for one in firms})
    pairs = measure.Truth.of(data).pairs()
    (folder / "truth.csv").write_text("left_id,right_id\n" + "".join(f"{a},{b}\n" for a, b in pairs), encoding="utf-8")


def main() -> None:
    """Run what was asked for."""
    chosen = _arguments()
    known = (*settings.TUNING, *settings.JUDGING, *PUBLIC)
    unknown = [one for one in chosen.sets if one not in known]
    if unknown:
        raise SystemExit(f"no set is called {', '.join(unknown)}; there are: {', '.join(known)}")
    if chosen.links and len(chosen.sets) != 1:
        raise SystemExit("--links is the answer to one set: name that set")
    if ABSENT and not chosen.json:
        print(f"left out, because their data are not here (bench/identity/data/README.md): {', '.join(ABSENT)}")
    began = time.perf_counter()
    bins = {name: run(name, chosen) for name in chosen.sets or known}
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "calibration.svg").write_text(report.plot(bins), encoding="utf-8")
    with (chosen.out / "calibration.csv").open("w", encoding="utf-8") as file:
        file.write("set,low,high,pairs,true,barred\n")
        for name, some in bins.items():
            file.writelines(f"{name},{one.low},{one.high},{one.pairs},{one.true},{one.barred}\n" for one in some)
    if not chosen.json:
        print(f"{time.perf_counter() - began:.0f} s in all; details, plot and its data in {chosen.out}")


if __name__ == "__main__":
    main()
