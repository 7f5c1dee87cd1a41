"""How a checkpoint hears its dense network: ``python -m train.agree --model CHECKPOINT --shared ../shared``.

Asks the films of val everything that is known of them, the language model and the dense network apart, and chooses by
concept how their presences are weighed, and for all how their opinions about a place are. What is printed is
cross-fitted: each fifth of the patients is answered with numbers chosen on the other four. What is written into the
manifest is chosen on all of them, so that figures of val are those of a fit: quote others.
"""

import argparse
import json
from pathlib import Path

import cv2
import torch

from lofi.network.checkpoint import hear_dense, note_concepts, read_manifest, soften
from lofi.network.concepts import read_concepts
from lofi.network.eyes import DESCRIPTION
from lofi.network.hearing import Hearing
from train.agreeing.asking import heard_films
from train.agreeing.figures import told
from train.agreeing.folds import crossed
from train.agreeing.learnt import learnt, trusted
from train.agreeing.presence import fit, unsure_from
from train.densely.corpus import films

FILMS = {"nih": 1000, "openi": 400, "jsrt": 100}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint with a dense network")
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keep the answers there, to choose again without the networks")
    parser.add_argument("--detail", type=int, help="first soften films to so many pixels, in the manifest")
    parser.add_argument("--few", type=int, help="films of a group, to try the command")
    parser.add_argument("--dry", action="store_true", help="print only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.detail is not None:
        soften(options.model, options.detail)
    known = films(options.shared, "val")
    some = [f for group, most in FILMS.items() for f in [g for g in known if g.group == group][: options.few or most]]
    heard = heard_films(options.model, some, options.shared / "cxr", options.cache)
    answers = crossed(heard)
    for line in told(answers):
        print(line)
    presence, shares = trusted(fit(heard.whether), answers), answers.best
    low = unsure_from(heard.whether, presence)
    print("left to nobody:", ", ".join(sorted({w.concept for w in heard.whether} - set(presence))) or "nothing")
    print("shares in a box", shares, "; unsure from", low)
    if not options.dry:
        hear_dense(options.model, Hearing(presence, *shares), threshold=0.5, unsure=low)
        taught = json.loads((options.model / DESCRIPTION).read_text("utf-8"))["concepts"]
        before = read_concepts(read_manifest(options.model)) or {}
        note_concepts(options.model, learnt(before, taught, presence, answers))


if __name__ == "__main__":
    main()
