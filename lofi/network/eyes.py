"""The dense network of a checkpoint at work: opened, shown films, asked questions.

dense.json          the network's settings, what each concept was taught by, how far a further box may be colder
dense.safetensors   its weights; beside them what films' vectors have in common (lofi.network.centre)
partner.safetensors where dense.json describes one, a second network asked beside it (lofi.network.pair)
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from lofi.boxes import Boxes
from lofi.errors import CheckpointError
from lofi.files import plain
from lofi.film.radiograph import Radiograph
from lofi.network.centre import PREFIX, Centre
from lofi.network.config import Preprocessing
from lofi.network.dense import SIDES, DenseConfig, DenseNet, Place, Seen, best_boxes
from lofi.network.folding import fold
from lofi.network.pair import Pair
from lofi.network.pooled import cell_weights
from lofi.network.preprocess import canvas
from lofi.network.whole import Whole
from lofi.report.question import IN_EITHER_LUNG

DESCRIPTION, WEIGHTS, PARTNER = "dense.json", "dense.safetensors", "partner.safetensors"
LONGEST = 1_000_000
"""Bytes of the description: far more than its words take."""
OUTSIDE = 6.0
"""Taken from the logits of heat outside the regions to which a question is confined."""
_TOWER = re.compile(r"tf_efficientnet_lite[0-4]")
_SIZES = {"side": (64, 2048), "pyramid": (8, 1024), "width": (8, 1024)}


class DenseEyes:
    """The trained network, asked one film at a time. Holds no state of a film: ``look`` returns what ``ask`` needs."""

    def __init__(self, network: DenseNet | Pair, share: float = 0.6, centre: Centre | None = None) -> None:
        """``share`` of the hottest cell's heat is what a further box needs (``best_boxes``). ``centre``: of the vectors
        of films, where the network makes any; by default nothing is taken away.
        """
        self.network, self.share = network.eval(), share
        self.centre = centre or Centre.of({}, network.config.embed)
        self.preprocessing = Preprocessing(side=network.config.side)
        self._index = {name: place for place, name in enumerate(network.config.concepts)}

    def to(self, device: torch.device) -> None:
        """Move it, in place."""
        self.network.to(device)
        self.centre = self.centre.to(device)

    def __contains__(self, concept: object) -> bool:
        return concept in self._index

    @property
    def paired(self) -> bool:
        """Whether two networks are asked."""
        return isinstance(self.network, Pair)

    @property
    def concepts(self) -> tuple[str, ...]:
        """What it was taught."""
        return self.network.config.concepts

    @torch.inference_mode()
    def look(self, picture: Tensor) -> Seen:
        """(S, S) canvas in 0–1 → its feature maps, once a film."""
        device = next(self.network.parameters()).device
        return self.network.see(picture[None].to(device))

    def look_at(self, film: Radiograph) -> Seen:
        """A film → its feature maps."""
        return self.look(self._canvas(film))

    def _canvas(self, film: Radiograph) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(canvas(film.pixels, self.preprocessing)[0]))

    @property
    def whole(self) -> Whole | None:
        """What makes a vector of a whole film, where the network does."""
        return self.network.vector

    def canvases(self, films: Sequence[Radiograph]) -> Tensor:
        """(B, S, S) what the network is shown of films."""
        return torch.stack([self._canvas(film) for film in films])

    @torch.inference_mode()
    def embed_parts(self, seen: Seen, boxes: Boxes) -> Tensor:
        """(M, E) unit vectors of (M, 4) canvas boxes, to be compared with those of whole films.

        Means and maxima over the cells that a box covers, at least the one of its middle. Raises ValueError as above.
        """
        if self.whole is None:
            raise ValueError("This dense network makes no vector of a film.")
        cells = seen.deep[0].flatten(1)
        weights = torch.from_numpy(cell_weights(boxes, *seen.deep.shape[-2:])).to(cells)
        inside = torch.where(weights[:, None] > 0, cells[None], -torch.inf)
        return self.whole.of_pooled(weights @ cells.T, inside.amax(2))

    @torch.inference_mode()
    def ask(
        self, seen: Seen, questions: list[tuple[str, str]], most: int = 3, share: float | None = None
    ) -> list[Place]:
        """One ``Place`` for each (concept, side), of ``most`` boxes (see ``best_boxes``; its ``share`` is that of
        the released files unless given). Presence of what was taught no presence, such as anatomy, means nothing.

        What may lie in either lung is there where it is on the left or on the right: asked without a side, its
        log-odds are the mean of its own and of the sum of both sides' odds.

        Raises ValueError for a concept the network does not know.
        """
        unknown = sorted({concept for concept, _ in questions} - set(self._index))
        if unknown:
            raise ValueError(f"The dense network was not taught {', '.join(unknown)}.")
        if not questions:
            return []
        sided = [(concept, side) for concept, own in questions if _either(concept, own) for side in ("left", "right")]
        every = list(dict.fromkeys([*questions, *sided]))
        heat, boxes, presence = self._asked(seen, every)
        at = {question: place for place, question in enumerate(every)}
        places = []
        for concept, side in questions:
            row = at[concept, side]
            odds = presence[row]
            if _either(concept, side):
                left, right = (presence[at[concept, one]] for one in ("left", "right"))
                odds = (odds + torch.logaddexp(left, right)) / 2
            places.append(self._place(odds, heat[row], boxes[row], most, share))
        return places

    @torch.inference_mode()
    def ask_within(self, seen: Seen, question: tuple[str, str], regions: list[Tensor]) -> Place:
        """As ``ask``, one question, its place confined to (4,) canvas boxes; presence is that of the whole film."""
        (heat,), (boxes,), (presence,) = self._asked(seen, [question])
        centre = (torch.arange(len(heat)) + 0.5) / len(heat)
        inside = torch.zeros_like(heat, dtype=torch.bool)
        for x0, y0, x1, y1 in regions:
            inside |= ((centre >= y0) & (centre <= y1))[:, None] & ((centre >= x0) & (centre <= x1))
        return self._place(presence, torch.where(inside, heat, heat - OUTSIDE), boxes, 3, None)

    def _asked(self, seen: Seen, questions: list[tuple[str, str]]) -> tuple[Tensor, Tensor, Tensor]:
        device = seen.maps.device
        concepts = torch.tensor([self._index[concept] for concept, _ in questions], device=device)
        sides = torch.tensor([SIDES.index(side) for _, side in questions], device=device)
        heat, boxes, presence = self.network.ask(seen, concepts * 0, concepts, sides)
        return heat.float().cpu(), boxes.float().cpu(), presence.float().cpu()

    def _place(self, presence: Tensor, heat: Tensor, boxes: Tensor, most: int, share: float | None) -> Place:
        found = best_boxes(heat, boxes, most, self.share if share is None else share)
        return Place(float(presence.sigmoid()), heat, *found)


def _either(concept: str, side: str) -> bool:
    return not side and concept in IN_EITHER_LUNG


def load_dense(folder: Path) -> DenseEyes:
    """The network in ``dense.safetensors`` and ``dense.json`` (see ``train.dense_release``), with its partner where it
    has one, in full precision.

    Raises CheckpointError where they are missing, do not belong together, or describe no network of ours.
    """
    try:
        described = plain.read_object(folder / DESCRIPTION, LONGEST)
        config, share = _config(plain.mapping(described.get("config"), "config")), described.get("share")
        stored = load_file(folder / WEIGHTS)
        first = _filled(config, {k: v for k, v in stored.items() if not k.startswith(PREFIX)})
        partner = plain.mapping(described.get("partner", {}), "partner")
        network = _paired(first, partner, folder) if partner else first
        return DenseEyes(network, plain.number(share, "share", 0, 2), Centre.of(stored, config.embed))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError):
        raise CheckpointError(
            "The dense network of the checkpoint is missing or damaged: fetch the checkpoint again."
        ) from None


def _paired(first: DenseNet, values: Mapping[str, Any], folder: Path) -> Pair:
    second = _filled(_config(plain.mapping(values.get("config"), "config")), load_file(folder / PARTNER))
    return Pair(first, second, plain.number(values.get("share"), "share", 0, 1)).eval()


def _filled(config: DenseConfig, weights: Mapping[str, Tensor]) -> DenseNet:
    """The network of these weights, its batch norms folded. Raises Unfit where one is not finite."""
    network = DenseNet(config)
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in weights.items()})
    if not all(bool(torch.isfinite(value).all()) for value in network.state_dict().values()):
        raise plain.Unfit("a weight is not finite")
    fold(network.eval().e)
    return network


def _config(values: Mapping[str, Any]) -> DenseConfig:
    """The settings, before anything of their size is made. Raises Unfit, or TypeError for a setting unknown."""
    settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    config = DenseConfig(**settings)
    for name, (low, high) in _SIZES.items():
        plain.whole(getattr(config, name), name, low, high)
    plain.whole(config.embed, "embed", 0, 4096)
    if not isinstance(config.tower, str) or not _TOWER.fullmatch(config.tower) or config.side % 32 or config.width % 8:
        raise plain.Unfit("tower, side and width must be those of a network of ours")
    if not isinstance(config.concepts, tuple) or not 0 < len(config.concepts) <= 1000:
        raise plain.Unfit("concepts must be a list")
    for name in config.concepts:
        plain.text(name, "a concept", 100)
    if config.levels != (2, 3, 4):
        raise plain.Unfit("levels must be those of stride 8, 16 and 32")
    return config
