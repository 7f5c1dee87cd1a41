"""What cross-fitted answers are worth, with 95 % intervals over patients."""

from collections.abc import Iterator, Sequence

from lofi.metrics.bootstrap import PatientBootstrap
from train.agreeing.asking import Where, Whether
from train.agreeing.folds import Crossed, concepts_of
from train.densely import concepts as c
from train.densely import figures as f

FEWEST = 5


def told(crossed: Crossed) -> Iterator[str]:
    """One figure a line."""
    yield f"shares of each fold (language's heat, dense heat, dense box): {list(crossed.shares)}"
    nih = [(w, v) for w, v in crossed.odds if w.group == "nih" and w.concept in f.EIGHT and (w.boxed or not w.there)]
    for name, beside in (("no-finding films", False), ("beside another finding", True)):
        some = f.against([_judged(w, v) for w, v in nih], beside)
        yield f"AUROC {name}: {f.area(some)} (n {len(some)})"
        yield f"specificity at sensitivity {f.SENSITIVITY} {name}: {f.specificity(some)}"
    normal = [(w, v) for w, v in nih if not w.there and not w.beside]
    yield f"found on no-finding films: {_share([(w, v >= 0) for w, v in normal])} (n {len(normal)})"
    for name, placed in (
        ("bare", [(w, o) for w, o in crossed.overlaps if w.concept in f.EIGHT and not w.side]),
        ("with side", [(w, o) for w, o in crossed.overlaps if w.concept in f.EIGHT and _sided(w)]),
    ):
        boot = PatientBootstrap([w.patient for w, _ in placed])
        halves = boot.mean([float(o >= 0.5) for _, o in placed])
        yield f"mean IoU {name}: {boot.mean([o for _, o in placed])} (n {len(placed)}); IoU ≥ 0.5: {halves}"
    for concept in c.FINDINGS:
        own = [o for w, o in crossed.overlaps if w.concept == concept and _sided(w)]
        if own:
            right = ", ".join(f"{sum(o >= level for o in own)} of IoU ≥ {level}" for level in (0.5, 0.3))
            yield f"  with side, {concept}: {sum(own) / len(own):.3f} (n {len(own)}; {right})"
    for concept, items in concepts_of(crossed).items():
        yes = [(w, v >= 0) for w, v in items if w.there]
        no = [(w, v < 0) for w, v in items if not w.there]
        if min(len(yes), len(no)) >= FEWEST:
            area = f.area([_judged(w, v) for w, v in items])
            sides = f"sensitivity {_share(yes)} (n {len(yes)}), specificity {_share(no)} (n {len(no)})"
            yield f"  {concept}: AUROC {area}, {sides}"


def _sided(asked: Where) -> bool:
    return bool(asked.side) or asked.concept in c.SIDELESS


def _judged(asked: Whether, value: float) -> f.Judged:
    return f.Judged(asked.patient, asked.concept, value, asked.there, asked.beside, asked.image)


def _share(items: Sequence[tuple[Whether, bool]]) -> str:
    return str(PatientBootstrap([w.patient for w, _ in items]).mean([float(said) for _, said in items]))
