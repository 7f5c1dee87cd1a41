"""Texts with a known answer, asked of the bundled gallery: the right finding must come first."""

import pytest

from lofi.engine import Engine

# What the first study's labels must hold ("|" either), and its report.
QUERIES = {
    "pneumothorax": ("Pneumothorax", ""),
    "left pneumothorax": ("Pneumothorax", "left"),
    "right pneumothorax": ("Pneumothorax", "right"),
    "normal chest": ("No Finding", ""),
    "normal film": ("No Finding", ""),
    "no acute findings": ("No Finding", ""),
    "clear lungs": ("No Finding", ""),
    "healthy": ("No Finding", ""),
    "pleural effusion": ("Effusion", ""),
    "large effusion": ("Effusion", ""),
    "left pleural effusion": ("Effusion", "left"),
    "right pleural effusion": ("Effusion", "right"),
    "fluid in the pleural space": ("Effusion", ""),
    "cardiomegaly": ("Cardiomegaly", ""),
    "enlarged heart": ("Cardiomegaly", ""),
    "heart is enlarged": ("Cardiomegaly", ""),
    "consolidation": ("Consolidation", ""),
    "left lower lobe consolidation": ("Consolidation", "left lower"),
    "lung nodule": ("Nodule", ""),
    "solitary pulmonary nodule": ("Nodule", ""),
    "small nodule in the left lower zone": ("Nodule", "left lower"),
    "mass": ("Mass", ""),
    "spiculated mass": ("Mass", "spiculated"),
    "mass in the right upper zone": ("Mass", "right upper"),
    "pulmonary edema": ("Edema", ""),
    "pulmonary oedema": ("Edema", ""),
    "perihilar haze": ("Edema", ""),
    "atelectasis": ("Atelectasis", ""),
    "linear atelectasis": ("Atelectasis", ""),
    "air in the pleural space": ("Pneumothorax", ""),
}


MORE = {
    "collapsed lung": ("Pneumothorax|Atelectasis", ""),
    "right apical pneumothorax": ("Pneumothorax", "apical"),
    "moderate pneumothorax": ("Pneumothorax", "moderate"),
    "no acute cardiopulmonary abnormality": ("No Finding", ""),
    "big heart with pulmonary edema": ("Cardiomegaly", "edema"),
    "increased cardiothoracic ratio": ("Cardiomegaly", ""),
    "Kerley B lines": ("Edema", "kerley"),
    "fluid overload": ("Edema|Effusion", ""),
    "interstitial edema with septal lines": ("Edema", ""),
    "bilateral pleural effusions": ("Effusion", "bilateral pleural"),
    "large right effusion": ("Effusion", "large on the right"),
    "blunted costophrenic angle": ("Effusion", ""),
    "pneumonia": ("Consolidation", ""),
    "right upper lobe consolidation": ("Consolidation", "right upper"),
    "airspace opacity left lower lobe": ("Consolidation", "left lower"),
    "nodule right upper lobe": ("Nodule", "right upper"),
    "suspicious for lung cancer": ("Mass|Nodule", ""),
    "right upper lobe atelectasis": ("Atelectasis", "right upper"),
}


def is_right(engine: Engine, query: str) -> bool:
    labels, words = (QUERIES | MORE)[query]
    study = engine.search_text(query, 1)[0].study
    return not set(labels.split("|")).isdisjoint(study.labels) and words in study.report.lower()


def test_of_thirty_texts_twenty_five_bring_the_right_finding_first(engine: Engine) -> None:
    wrong = [query for query in QUERIES if not is_right(engine, query)]
    assert len(QUERIES) == 30
    assert len(wrong) <= 5, wrong


def test_of_others_one_may_be_wrong(engine: Engine) -> None:
    wrong = [query for query in MORE if not is_right(engine, query)]
    assert len(wrong) <= 1, wrong


@pytest.mark.parametrize("query", ["pneumothorax", "normal chest"])
def test_what_was_not_among_the_first_six(engine: Engine, query: str) -> None:
    assert is_right(engine, query)


def test_words_nobody_wrote_are_searched_by_the_model_alone(engine: Engine) -> None:
    vector = engine.model.embed_query(["xylophone"])[0]
    found = [hit.study.study_id for hit in engine.search_text("xylophone", 5)]
    assert found == [hit.study.study_id for hit in engine.gallery.search(vector, 5)]


def test_filters_offset_and_unwanted_hold_for_texts(engine: Engine) -> None:
    everything = engine.search_mixed(text="effusion", k=20)
    assert [hit.rank for hit in everything] == list(range(1, 21))
    # Products of five rows and of twenty differ in their last bits.
    later = engine.search_mixed(text="effusion", k=5, offset=3)
    assert [(hit.rank, hit.study.study_id) for hit in later] == [(h.rank, h.study.study_id) for h in everything[3:8]]
    first = everything[0].study.study_id
    assert first not in {hit.study.study_id for hit in engine.search_mixed(text="effusion", unlike=[first], k=72)}
    filtered = engine.search_text("effusion", 72, "label=Mass")
    assert {"Mass" in hit.study.labels for hit in filtered} == {True}


def test_closeness_is_a_share_of_the_gallerys_own(engine: Engine) -> None:
    study = engine.gallery.studies[0]
    hits = engine.search(engine.encode_study(study.study_id).sha256, 40)
    shares = [hit.closer_than for hit in hits]
    assert shares == sorted(shares, reverse=True)
    assert 0.5 < shares[0] <= 1
    assert shares[-1] < shares[0]
    assert hits[0].to_json()["closer_than"] == round(shares[0], 4)
    assert all(0 <= hit.closer_than <= 1 for hit in engine.search_text("effusion", 9))
