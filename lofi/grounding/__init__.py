"""A film, a phrase and a gallery come in; boxes and the examples behind them go out, whichever model answers."""

from lofi.grounding.answerer import Answerer, ground
from lofi.grounding.grounder import Grounder
from lofi.grounding.incontext import InContext
from lofi.grounding.shots import Shot, ShotFinder, shots

__all__ = ["Answerer", "Grounder", "InContext", "Shot", "ShotFinder", "ground", "shots"]
