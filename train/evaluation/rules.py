"""What each figure means, in words: written into every metrics.json."""

RULES = {
    "questions": "Per film and finding label: bare phrase, all its boxes; per label and side: '<side> <phrase>', that "
    "side's boxes; labels without a side keep the bare phrase in both sets. IoU is between unions of boxes.",
    "sentence": "Each sentence that a set wrote of a film's boxes, with all its boxes; MedRPG's rule takes those with "
    "one box and the best box answered; BioViL's cuts the cosines of patches and sentence at 0.1 … 0.5, boxes as one.",
    "not found": "The model's own threshold; nothing found scores IoU 0. 'always answers' lowers the threshold to 0.",
    "absent": "NIH films: each of the 8 boxed findings that neither labels nor boxes of the film name (bare phrase). "
    "NIH labels are text-mined, so specificity is a lower bound. 'No Finding' films are given apart.",
    "answering": "NIH films, 8 boxed findings, bare: present ones against absent ones (as under 'absent'; in F1 "
    "as many of each label). A box on an absent phrase is a false positive; a box that misses is that and a miss.",
    "presence by label": "Every label that three films carry, boxed or not, by its canonical phrase, on films of "
    "which it is known: those with it against films without any finding, and against films with another one.",
    "coded places": "Films of coded reports: a finding of lung or pleura with one code that names one side. The best "
    "box's middle, always answering: in that half of the film; in a third of that lung, as the model finds it, over "
    "which the named part reaches.",
    "wording": "On films with boxed findings, understood as in the app. Synonyms: IoU with the canonical phrase's "
    "boxes; sides: the best box's centre; denials: share with a box; other words: share called found.",
    "ECE": "Ten equal bins of confidence; present and absent phrases weigh the same in all, as in the calibration.",
    "centre prior": "Median box of the train split by label, with side by label and side.",
    "wrong film": "The same phrase asked of a film of another patient, of the same source where there is one.",
    "random boxes": "As many boxes as targets, of their sizes, uniformly placed; mean of 20 draws.",
    "text": "The report where there is one, else the sentence made from the labels. Ties by their expectation.",
    "label retrieval": "Right: shares one of NIH's 14 labels. Queries: NIH films with such a label. Patient left out.",
    "intervals": "95 % percentile interval over resampled patients.",
}
