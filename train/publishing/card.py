"""Cards of what is pushed: text that a person wrote, below a header that the hub reads, with the figures measured."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from huggingface_hub import DatasetCardData, EvalResult, ModelCardData

SPACE_HEADER = "---\n"
_HEADER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)
_GROUNDING = ("mean IoU", "IoU≥0.3", "IoU≥0.5", "pointing", "RoDeO total")
_SETS = {"side": "phrase grounding, with side", "bare": "phrase grounding, bare phrase", "lung": "lungs"}


def model_card(text: str, name: str, results: Mapping[str, Any] | None, licence: str = "other") -> str:
    """``text`` (Markdown, a header of its own is replaced) with the model's header; ``results`` is metrics.json."""
    data = ModelCardData(
        model_name=name.rpartition("/")[2],
        license=licence,
        license_name=None if licence != "other" else "research-only-see-card",
        library_name="lofi",
        pipeline_tag="zero-shot-object-detection",
        tags=["chest-x-ray", "radiology", "phrase-grounding", "image-retrieval", "research-only"],
        eval_results=list(evaluated(results)) if results else None,
    )
    use = (
        f'\n## Use\n\n```python\nimport lofi\n\nmodel = lofi.load("{name}")  # or "{name}@COMMIT", pinned\n```\n\n'
        "`lofi.load` checks every file against the SHA-256 in `manifest.json`. Weights are safetensors, never pickle.\n"
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_HEADER.sub('', text).rstrip()}\n{use}"


def gallery_card(name: str, studies: int, simulated: int, model: str, fingerprint: str, licence: str = "mit") -> str:
    """The card of a gallery as a data set."""
    data = DatasetCardData(
        license=licence,
        pretty_name=name.rpartition("/")[2],
        tags=["chest-x-ray", "radiology", "retrieval", "research-only"],
        configs=[{"config_name": "default", "data_files": "records.parquet"}],
    )
    return (
        f"---\n{data.to_yaml()}\n---\n\n# {name.rpartition('/')[2]}\n\nA gallery for LoFi: {studies} studies with "
        f"reports, films and embeddings, {simulated} of them simulated. **Research use only. Not for diagnosis.**\n\n"
        f"It works with the model that embedded it: {model}, fingerprint `{fingerprint}`. Fetch the folder and name it "
        "in `LOFI_GALLERY`; every file is checked against `gallery.json`.\n"
    )


def evaluated(results: Mapping[str, Any]) -> Iterator[EvalResult]:
    """The figures of train.evaluate that describe a model in short; intervals stand beside each value."""
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


def _result(about: Mapping[str, Any], task: str, figure: str, estimate: Mapping[str, Any]) -> EvalResult:
    interval = f"95 % patient bootstrap [{estimate['low']}, {estimate['high']}], n {estimate['n']}"
    return EvalResult(
        task_type="zero-shot-object-detection"
        if "grounding" in task or task == "lungs"
        else "image-feature-extraction",
        task_name=task,
        dataset_type="records",
        dataset_name=f"records {about['records_sha256'][:8]}, {about['films']} films of {about['patients']} patients",
        dataset_split=about["split"],
        metric_type=re.sub(r"[^a-z0-9]+", "_", figure.lower().replace("≥", "_at_least_")).strip("_"),
        metric_name=f"{figure} ({interval})",
        metric_value=estimate["value"],
    )
