"""Grounding with the neighbours' help: examples from the gallery in the context of the model that answers."""

from lofi.grounding.answerer import Answerer, ground
from lofi.grounding.grounder import Grounder
from lofi.grounding.incontext import InContext
from lofi.grounding.shots import Shot, ShotFinder, shots

__all__ = ["Answerer", "Grounder", "InContext", "Shot", "ShotFinder", "ground", "shots"]
