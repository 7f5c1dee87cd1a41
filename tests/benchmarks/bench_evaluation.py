"""What answering side by side saves an evaluation: python -m tests.benchmarks.bench_evaluation [--records FILE].

The bundled model and films of a validation split (default: those of ../shared), everything that train.evaluate asks of
them but the controls. First phrase by phrase, film by film, as it was done once; then together, as it is done. Encoding
the films costs both the same and stands apart.
"""

import argparse
import time
from pathlib import Path

import torch

from lofi.boxes import as_boxes
from lofi.film.radiograph import Radiograph
from lofi.network.checkpoint import load
from lofi.settings import Settings
from train.evaluation.asking import TOGETHER, always_answering
from train.evaluation.language_figures import regions_of
from train.evaluation.presence import label_questions
from train.evaluation.questions import absent_questions, present_questions, read_films, sample
from train.evaluation.sections import phrases_asked
from train.evaluation.wordings import WordTables


def main() -> None:
    """Print seconds of both ways and their ratio."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--records", type=Path, default=Path("../shared/cxr/records.jsonl"))
    options.add_argument("--films", type=int, default=24)
    given = options.parse_args()
    if not given.records.is_file():
        raise SystemExit(f"No records at {given.records}: name a file of films with --records.")
    torch.set_num_threads(1)
    model = load(Settings.from_environment().model)
    bold = always_answering(model)
    films = sample(read_films(given.records, ["val"]), given.films, 0)
    sets = {name: asked for name, asked in present_questions(films).items() if asked}
    words = WordTables(bold, model.threshold, films, [*sets.get("bare", []), *sets.get("side", [])])
    asked = [pair for pairs in phrases_asked(sets, absent_questions(films), films, 0).values() for pair in pairs]
    asked += [(one.film, one.phrase) for one in label_questions(films)] + words.phrases()
    asked = sorted(dict.fromkeys(asked))
    regions = [(number, as_boxes(boxes)) for number, _, _, boxes in regions_of(films)]
    reports = [number for number, film in enumerate(films) if film.text]

    begun = time.perf_counter()
    seen = [bold.encode(Radiograph.read(film.path)) for film in films]
    encoding, begun = time.perf_counter() - begun, time.perf_counter()
    one = [bold.locate(seen[number], phrase) for number, phrase in asked]
    _ = [bold.describe_together(seen[number], boxes) for number, boxes in regions]
    _ = [bold.report(seen[number]) for number in reports]
    alone, begun = time.perf_counter() - begun, time.perf_counter()
    other = []
    for start in range(0, len(films), TOGETHER):
        group = range(start, start + TOGETHER)
        other += bold.locate_each([(seen[number], phrase) for number, phrase in asked if number in group])
        bold.describe_each([(seen[number], boxes) for number, boxes in regions if number in group])
        bold.report_each([seen[number] for number in reports if number in group])
    together = time.perf_counter() - begun
    apart = max(abs(a - b) for a, b in zip(scores(one), scores(other), strict=True))
    print(f"{len(films)} films, {len(asked)} phrases, {len(regions)} descriptions, {len(reports)} reports")
    print(
        f"encoding {encoding:.0f} s; one by one {alone:.0f} s; together {together:.0f} s: {alone / together:.1f} times"
    )
    print(f"largest difference of a confidence or an edge: {apart:.1e}")


def scores(answers: list) -> list[float]:
    """Confidence and edges of the first box of each answer."""
    return [value for answer in answers for value in (answer.confidence, *(answer.boxes or ((0.0,) * 4,))[0])]


if __name__ == "__main__":
    main()
