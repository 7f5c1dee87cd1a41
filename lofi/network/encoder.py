"""Encoder: films, their regions and words as vectors, by one trained network."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lofi.boxes import Boxes, as_boxes
from lofi.errors import BadQuery
from lofi.film.radiograph import Radiograph
from lofi.network.config import ModelConfig
from lofi.network.dense import Seen
from lofi.network.eyes import DenseEyes
from lofi.network.frame import Frame
from lofi.network.network import LofiNetwork
from lofi.network.pooled import pool_means, pool_tokens, pool_vectors
from lofi.network.preprocess import canvas
from lofi.network.text import Talk, Tokens
from lofi.network.vision import sinusoid_grid
from lofi.network.whole import Whole
from lofi.results import PooledRegions
from lofi.shelf import Shelf

PHRASES_KEPT = 256
"""Phrases whose embedding is kept: the same ones are asked of film after film."""
Forward = Callable[[Tensor], Tensor]
"""(B, S, S) canvases in 0–1 → (B, E) unit vectors of films."""


@dataclass
class Towers:
    """What makes films' vectors: ``own`` the image tower, ``placed`` the dense network where that makes any.

    A compiled copy of either may stand in its place (train.indexing.compiled).
    """

    own: Forward
    placed: Forward | None


@dataclass(frozen=True)
class EncodedFilm:
    """A film after the image tower: made once, shared by every phrase and every user.

    ``embedding`` (E,) float32, unit norm; ``last`` are the features that it was pooled from. ``cache`` is the language
    model's key-value cache of the prefix; it is only ever copied, never extended in place. ``seen`` is what the dense
    network saw, where the checkpoint has one. ``unfit`` and ``sides`` are the film's.
    """

    sha256: str
    frame: Frame
    embedding: NDArray[np.float32]
    patches: Tensor = field(repr=False)
    cache: Any = field(repr=False)
    last: Tensor | None = field(default=None, repr=False)
    seen: Seen | None = field(default=None, repr=False)
    unfit: str = ""
    sides: str = "usual"

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps in memory."""
        parts = [self.patches, *([] if self.last is None else [self.last])]
        parts += [part for layer in getattr(self.cache, "layers", ()) for part in (layer.keys, layer.values)]
        own = self.embedding.nbytes + sum(int(part.numel() * part.element_size()) for part in parts)
        return own + (0 if self.seen is None else self.seen.nbytes)


class Encoder:
    """Embed films, regions and texts; encode a film once for every later question. Safe to share between threads."""

    def __init__(
        self,
        network: LofiNetwork,
        text_tokens: Tokens,
        language_tokens: Tokens,
        fingerprint: str,
        device: torch.device,
        eyes: DenseEyes | None = None,
    ) -> None:
        self.network = network.eval().to(device)
        self.eyes = eyes
        if eyes is not None:
            eyes.to(device)
        self.config: ModelConfig = network.config
        self.text_tokens = text_tokens
        self.language_tokens = language_tokens
        self.fingerprint = fingerprint
        self.device = device
        # One forward pass at a time: two would only share the same cores or GPU, and memory stays bounded.
        self._lock = threading.Lock()
        self._phrases: Shelf[NDArray[np.float32]] = Shelf(PHRASES_KEPT)
        placed = None if eyes is None or eyes.whole is None else eyes.network.embed
        self.towers = Towers(lambda canvases: network.encode_images(canvases)[1], placed)

    @property
    def talk(self) -> Talk:
        """How the language model is asked."""
        return Talk(self.language_tokens, self.config.language.chat)

    @property
    def turn(self) -> threading.Lock:
        """Held by whoever runs the network."""
        return self._lock

    @property
    def name(self) -> str:
        """The model's name, for people."""
        return self.config.name

    @property
    def embed_dim(self) -> int:
        """E, the width of the space that films and texts share: the image tower's, and the dense network's beside it
        where that one makes vectors too.
        """
        return self.text_dim * (1 if self._whole is None else 2)

    @property
    def text_dim(self) -> int:
        """T, the width of the text tower's own embeddings."""
        return self.config.embed_dim

    @property
    def _whole(self) -> Whole | None:
        return None if self.eyes is None else self.eyes.whole

    def _canvases(self, radiographs: Sequence[Radiograph]) -> tuple[Tensor, list[Frame]]:
        pairs = [canvas(radiograph.pixels, self.config.preprocessing) for radiograph in radiographs]
        stacked = np.stack([pixels for pixels, _ in pairs])
        return torch.from_numpy(stacked).to(self.device), [frame for _, frame in pairs]

    def embed(self, radiographs: Sequence[Radiograph]) -> NDArray[np.float32]:
        """(B, E) float32 unit embeddings of films: the image tower's and, where there are any, the dense network's."""
        if not radiographs:
            return np.zeros((0, self.embed_dim), dtype=np.float32)
        if self.device.type != "cpu" or len(radiographs) == 1:
            with self._lock:
                return self._embed(radiographs)
        # A processor is quickest with a film a core, all of whose features stay in cache: of 16 in one pass each takes
        # a third longer, and threads that share an operator wait for one another.
        cores = torch.get_num_threads()
        try:
            with self._lock, ThreadPoolExecutor(cores, "embed", torch.set_num_threads, (1,)) as pool:
                return np.concatenate(list(pool.map(lambda film: self._embed([film]), radiographs)))
        finally:
            torch.set_num_threads(cores)  # what threads that are new begin with

    @torch.inference_mode()
    def _embed(self, radiographs: Sequence[Radiograph]) -> NDArray[np.float32]:
        """As ``embed``, in one pass. Not in another's turn."""
        vectors = self.towers.own(self._canvases(radiographs)[0])
        if self.eyes is not None and self.towers.placed is not None:
            placed = self.eyes.canvases(radiographs).to(self.device)
            vectors = self.eyes.centre.films(vectors, self.towers.placed(placed))
        return np.asarray(vectors.cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, T) float32 unit embeddings of sentences, to be compared with one another; each is cut to the text tower's
        context.
        """
        if not texts:
            return np.zeros((0, self.text_dim), dtype=np.float32)
        rows = self.text_tokens.encode_all(texts, self.config.text.context)
        ids = pad(rows).to(self.device)
        with self._lock:
            return np.asarray(self.network.encode_texts(ids).cpu().numpy(), dtype=np.float32)

    @torch.inference_mode()
    def embed_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, E) float32 unit embeddings of sentences, to be compared with those of films."""
        vectors = self.embed_text(texts)
        if self.eyes is None or self._whole is None:
            return vectors
        own = torch.from_numpy(vectors).to(self.device)
        both = self.eyes.centre.of_texts(own, self._whole.of_texts(own))
        return np.asarray(both.cpu().numpy(), dtype=np.float32)

    def hears(self, word: str) -> bool:
        """Whether the text tower knows a lower-case word: as one of its own, not as letters put together."""
        return len(self.text_tokens.encode(word)) == 1 and self.text_tokens.encode(word) != self.text_tokens.encode("☃")

    def embed_phrase(self, words: str) -> NDArray[np.float32]:
        """(T,) float32 unit embedding of a phrase in lower case, as the heat map was trained; the last ones are kept.

        Takes the network's turn for a phrase that is new: ask before taking it yourself.
        """
        words = words.lower()
        return self._phrases.get_or_make(words, lambda: self.embed_text([words])[0])

    def embed_phrases(self, phrases: Sequence[str]) -> None:
        """Keep the embeddings of phrases for ``embed_phrase``, those that are new made in one pass."""
        new = [words for words in dict.fromkeys(map(str.lower, phrases)) if self._phrases.get(words) is None]
        for words, vector in zip(new, self.embed_text(new), strict=True):
            self._phrases.put(words, vector)

    @torch.inference_mode()
    def encode(self, radiograph: Radiograph) -> EncodedFilm:
        """Run the image tower and the prefix once; every later question starts from the result."""
        canvases, frames = self._canvases([radiograph])
        with self._lock:
            patches, pooled, last = self.network.image.see(self.network.normalise(canvases))
            embedding = functional.normalize(pooled.float(), dim=-1)
            prefix = self.network.prefix(patches)
            begin = self.network.language.embed(torch.tensor([self.talk.opening], device=self.device))
            cache = self.network.language.start(torch.cat([begin, prefix], dim=1))
            seen = None if self.eyes is None else self.eyes.look_at(radiograph)
            if self.eyes is not None and self._whole is not None and seen is not None:
                embedding = self.eyes.centre.films(embedding, self._whole(seen.deep))
        return EncodedFilm(
            sha256=radiograph.sha256,
            frame=frames[0],
            embedding=np.asarray(embedding[0].cpu().numpy(), dtype=np.float32),
            patches=patches,
            last=last,
            cache=cache,
            seen=seen,
            unfit=radiograph.unfit,
            sides=radiograph.sides,
        )

    @torch.inference_mode()
    def embed_regions(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> PooledRegions:
        """(M, 4) film boxes as vectors of what they look like and as tokens for the language model."""
        if isinstance(film, EncodedFilm):
            patches, frame = film.patches, film.frame
        else:
            canvases, frames = self._canvases([film])
            frame = frames[0]
            with self._lock:
                patches, _ = self.network.encode_images(canvases)
        placed = frame.to_canvas(as_boxes(boxes))
        prefix = self.network.prefix(patches)[0].float().cpu().numpy()
        vectors = pool_vectors(content(patches), placed)
        seen = np.zeros((len(placed), 0), dtype=np.float32)
        if self.config.local:
            seen = pool_means(self.network.seen(patches)[0].cpu().numpy(), placed)
        return PooledRegions(vectors, pool_tokens(prefix, placed), placed.astype(np.float32), seen)

    @torch.inference_mode()
    def embed_parts(self, film: Radiograph | EncodedFilm, boxes: Boxes) -> NDArray[np.float32]:
        """(M, E) float32 unit embeddings of (M, 4) film boxes, to be compared with those of whole films."""
        encoded = self.encoded(film)
        if encoded.last is None:
            raise BadQuery("Of this film only the patches are held: open it again.")
        placed = encoded.frame.to_canvas(as_boxes(boxes))
        with self._lock:
            parts = self.network.image.embed_parts(encoded.last, torch.from_numpy(placed).float().to(self.device))
            own = functional.normalize(parts.float(), dim=-1)
            if self.eyes is not None and self._whole is not None and encoded.seen is not None:
                own = self.eyes.centre.films(own, self.eyes.embed_parts(encoded.seen, placed))
            return np.asarray(own.cpu().numpy(), dtype=np.float32)

    def encoded(self, film: Radiograph | EncodedFilm) -> EncodedFilm:
        """The film after the image tower, where it is not so already."""
        return film if isinstance(film, EncodedFilm) else self.encode(film)


def content(patches: Tensor) -> NDArray[np.float32]:
    """(P, D) what the patches of one film, (1, P, D), show, without the position codes that the tower added."""
    side = round(patches.shape[1] ** 0.5)
    plain = patches[0].float() - sinusoid_grid(side, side, patches.shape[2], patches.device)
    return np.asarray(plain.cpu().numpy(), dtype=np.float32)


def pad(rows: Sequence[Sequence[int]], value: int = 0) -> Tensor:
    """(B, T) long tensor of rows of ids, padded on the right."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows], dtype=torch.long)
