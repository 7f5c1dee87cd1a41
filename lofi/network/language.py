"""Causal language model: a transformers model fed with embeddings, its prefix kept in a key-value cache."""

import copy
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

import lofi.network.torchvision_ops  # noqa: F401  (before transformers: parts of it import torchvision)
from lofi.network import llama
from lofi.network.config import LanguageConfig


def build_language(config: LanguageConfig) -> nn.Module:
    """The transformers causal model that ``config.transformers`` describes, fresh weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = dict(config.transformers)
    kind = settings.pop("model_type")
    model: nn.Module = cast(Any, AutoModelForCausalLM).from_config(AutoConfig.for_model(kind, **settings))
    return model


def language_width(config: LanguageConfig) -> int:
    """Width W of the embeddings that the language model takes."""
    return int(config.transformers["hidden_size"])


class Language(nn.Module):
    """Wraps the transformers model: embeds ids, runs embeddings, keeps and copies prefix caches."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.model = build_language(config)

    def embed(self, ids: Tensor) -> Tensor:
        """(…, W) embeddings of (…) ids."""
        return cast(Tensor, cast(Any, self.model).get_input_embeddings()(ids))

    def forward(self, embeddings: Tensor, positions: Tensor, visible: Tensor, places: Tensor) -> Tensor:
        """(K, V) logits at the K ``places``, which count row by row through (B, L); as ``hidden``, and the head."""
        return self.head(self.hidden(embeddings, positions, visible, places))

    def hidden(self, embeddings: Tensor, positions: Tensor, visible: Tensor, places: Tensor) -> Tensor:
        """(K, W) last hidden states at the K ``places``, which count row by row through (B, L).

        ``embeddings`` (B, L, W); ``positions`` (B, L); ``visible`` (B, L, L) bool: row i may look at column j.
        """
        blocked = torch.zeros(visible.shape, dtype=embeddings.dtype, device=visible.device)
        blocked = blocked.masked_fill(~visible, torch.finfo(embeddings.dtype).min)[:, None]
        found = cast(Any, self.model).model(
            inputs_embeds=embeddings, position_ids=positions, attention_mask=blocked, use_cache=False
        )
        return cast(Tensor, found.last_hidden_state.flatten(0, 1).index_select(0, places))

    def head(self, hidden: Tensor) -> Tensor:
        """(K, V) logits of (K, W) hidden states."""
        return cast(Tensor, cast(Any, self.model).lm_head(hidden))

    def start(self, embeddings: Tensor) -> Any:
        """Key-value cache of (1, L, W) embeddings, made once a film."""
        if llama.runs(self.model):
            from transformers import DynamicCache

            cache = DynamicCache(config=cast(Any, self.model).config)
            self._further(embeddings, cache)
            return cache
        return self.model(inputs_embeds=embeddings, use_cache=True, logits_to_keep=1).past_key_values

    def step(self, ids: Tensor, cache: Any) -> Tensor:
        """(V,) logits after (T,) further ids; ``cache`` grows by them."""
        return self.advance(ids[None], cache)[0]

    def advance(self, ids: Tensor, cache: Any) -> Tensor:
        """(B, V) logits after (B, T) further ids of B answers, each with a row of ``cache``, which grows by them."""
        if llama.runs(self.model):
            return self.head(self._further(self.embed(ids), cache)[:, -1])
        out = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cast(Tensor, out.logits[:, -1])

    def _further(self, embeddings: Tensor, cache: Any) -> Tensor:
        """(B, T, W) last hidden states of (B, T, W) embeddings that follow what is in ``cache``."""
        past = int(cache.get_seq_length())
        places = torch.arange(past, past + embeddings.shape[1], device=embeddings.device)
        return llama.run(self.model, embeddings, places[None], None, cache)

    def extend(self, embeddings: Tensor, positions: Tensor, visible: Tensor, cache: Any, keep: int = 1) -> Tensor:
        """(B, keep, V) logits after the last ``keep`` of (B, T, W) further embeddings, and ``cache`` grows by them.

        ``positions`` (B, T); ``visible`` (B, T, past + T) bool: what each new place may look at.
        """
        blocked = torch.zeros(visible.shape, dtype=embeddings.dtype, device=visible.device)
        blocked = blocked.masked_fill(~visible, torch.finfo(embeddings.dtype).min)[:, None]
        if llama.runs(self.model):
            return self.head(llama.run(self.model, embeddings, positions, blocked, cache)[:, -keep:])
        out = self.model(
            inputs_embeds=embeddings,
            position_ids=positions,
            attention_mask=blocked,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return cast(Tensor, out.logits)

    @staticmethod
    def branch(cache: Any) -> Any:
        """A copy of a prefix cache, to go on from it without touching it: two phrases, two users, one film.

        What grows does so by joining, never in place: until then the copy may share what it begins with.
        """
        from transformers.cache_utils import DynamicLayer

        if not all(isinstance(layer, DynamicLayer) for layer in cache.layers):
            return copy.deepcopy(cache)
        branch = copy.copy(cache)
        branch.layers = [copy.copy(layer) for layer in cache.layers]
        return branch

    @staticmethod
    def joined(caches: Sequence[Any]) -> Any:
        """A copy of prefix caches of equal length as the rows of one, to go on from all of them at once."""
        together = Language.branch(caches[0])
        for number, layer in enumerate(together.layers if len(caches) > 1 else ()):
            layer.keys = torch.cat([cache.layers[number].keys for cache in caches])
            layer.values = torch.cat([cache.layers[number].values for cache in caches])
        return together
