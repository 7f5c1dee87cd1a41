"""Cards of what is pushed: text that a person wrote, below a header that the hub reads, with the figures measured."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import DatasetCardData, EvalResult, ModelCardData

from lofi.gallery import Gallery
from lofi.network.concepts import Concepts

SPACE_HEADER = "---\n"
_HEADER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)
_GROUNDING = ("mean IoU", "IoU≥0.3", "IoU≥0.5", "pointing", "RoDeO total")
_OF_CONCEPTS = {"AUROC": "image-classification", "mean IoU": "zero-shot-object-detection"}
"""Figures of a manifest's concepts that are told, and the hub's name of the task."""
_SETS = {"side": "phrase grounding, with side", "bare": "phrase grounding, bare phrase", "lung": "lungs"}


def model_card(
    text: str, name: str, results: Mapping[str, Any] | None, licence: str = "other", concepts: Concepts | None = None
) -> str:
    """``text`` (Markdown, a header of its own is replaced) with the model's header.

    ``results`` is metrics.json of train.evaluate; ``concepts`` what the manifest says was measured, finding by finding.
    """
    found = [*evaluated(results or {}), *by_concept(concepts or {})]
    data = ModelCardData(
        model_name=name.rpartition("/")[2],
        license=licence,
        license_name=None if licence != "other" else "research-only-see-card",
        library_name="lofi",
        pipeline_tag="zero-shot-object-detection",
        tags=["chest-x-ray", "radiology", "phrase-grounding", "image-retrieval", "research-only"],
        eval_results=found or None,
    )
    use = (
        f'\n## Use\n\n```python\nimport lofi\n\nmodel = lofi.load("{name}")  # or "{name}@COMMIT", pinned\n```\n\n'
        "`lofi.load` checks every file against the SHA-256 in `manifest.json`. Weights are safetensors, never pickle.\n"
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_HEADER.sub('', text).rstrip()}\n{use}"


def gallery_card(name: str, gallery: Gallery, records: str, licence: str = "mit") -> str:
    """The card of a gallery as a data set; ``records`` is the file that holds them, which the hub shows as a table."""
    simulated = sum(study.simulated for study in gallery.studies)
    data = DatasetCardData(
        license=licence,
        pretty_name=name.rpartition("/")[2],
        tags=["chest-x-ray", "radiology", "retrieval", "research-only"],
        configs=[{"config_name": "default", "data_files": records}],
    )
    short, many = name.rpartition("/")[2], len(gallery.studies)
    return (
        f"---\n{data.to_yaml()}\n---\n\n# {short}\n\nA gallery for LoFi: {many} studies with reports, films and "
        f"embeddings, {simulated} of them simulated. **Research use only. Not for diagnosis.**\n\n"
        f"It works with the model that embedded it: {gallery.model}, fingerprint `{gallery.fingerprint}`. Fetch the "
        "folder and name it in `LOFI_GALLERY`; every file is checked against `gallery.json`.\n"
    )


def evaluated(results: Mapping[str, Any]) -> Iterator[EvalResult]:
    """The figures of train.evaluate that describe a model in short; intervals stand beside each value."""
    if not results:
        return
    about = results["about"]
    for name, task in _SETS.items():
        figures = results["grounding"].get(name, {}).get("model", {})
        for figure in _GROUNDING:
            if figure in figures:
                yield _result(about, task, figure, figures[figure])
    for pool, figures in results.get("zero-shot AUROC", {}).items():
        means = {key: value for key, value in figures.items() if key.startswith("mean of")}
        for figure, estimate in means.items():
            yield _result(about, f"zero-shot classification, {pool}", f"AUROC, {figure}", estimate)
    for pool, figures in results.get("label retrieval", {}).items():
        for figure in ("precision@5", "mAP"):
            if figure in figures:
                yield _result(about, f"retrieval by label, {pool}", figure, figures[figure])


def by_concept(concepts: Concepts) -> Iterator[EvalResult]:
    """What a checkpoint's own manifest says was measured of each finding; on which films, the card's text says."""
    for concept in concepts.values():
        for figure, task in _OF_CONCEPTS.items():
            if figure in concept.figures:
                value, low, high, cases = concept.figures[figure]
                yield EvalResult(
                    task_type=task,
                    task_name=concept.name,
                    dataset_type="records",
                    dataset_name="validation films, see the card",
                    dataset_config=_plain(concept.name),
                    metric_type=_plain(figure),
                    metric_name=f"{figure} ({_interval(low, high, cases)})",
                    metric_value=value,
                )


def _plain(figure: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", figure.lower().replace("≥", "_at_least_")).strip("_")


def _interval(low: float, high: float, cases: float) -> str:
    return f"95 % patient bootstrap [{low}, {high}], n {cases:.0f}"


def _result(about: Mapping[str, Any], task: str, figure: str, estimate: Mapping[str, Any]) -> EvalResult:
    return EvalResult(
        task_type="zero-shot-object-detection"
        if "grounding" in task or task == "lungs"
        else "image-feature-extraction",
        task_name=task,
        dataset_type="records",
        dataset_name=f"records {about['records_sha256'][:8]}, {about['films']} films of {about['patients']} patients",
        # The hub's index has one entry for each task's type, set, config and split: without a config of their own
        # phrases with side and bare ones would stand under one name.
        dataset_config=_plain(task),
        dataset_split=about["split"],
        metric_type=_plain(figure),
        metric_name=f"{figure} ({_interval(estimate['low'], estimate['high'], estimate['n'])})",
        metric_value=estimate["value"],
    )
