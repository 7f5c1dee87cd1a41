"""Whether a report is in English: only English is read, and wrong findings would be worse than none."""

import re

from lofi.report.lexicon import finds

ONLY_ENGLISH = "Only reports in English are read: paste this one in English."
_LEAST_WORDS = 4
"""A text of fewer known words says nothing of its language, unless it is written in other letters."""

_COMMON = """
the a an of and or is are was were no not without with in at on to for from by there has have been this that which
as be may seen normal clear heart lung lungs chest left right upper lower size small large mild moderate findings
impression both within limits unremarkable stable unchanged acute evidence pleural mediastinum bony old new film
view views radiograph minimal base bases apex zone lobe consider enlarged bones intact sharp angles present
"""
_COMMON_ELSEWHERE = """
el la los las del de en con sin por para una un se y o que es al ni su lo derecho derecha izquierdo izquierda
derrame neumotorax torax normales pulmonar pulmonares cardiaca silueta observa observan aprecia consolidacion
le les des du et ou est une dans avec sans pas au aux par pour sur droit droite gauche epanchement poumon poumons
coeur silhouette cardiaque opacite pulmonaire
der die das und oder ist ein eine kein keine keinen ohne mit nicht im am vom zum rechts links beidseits herz lunge
lungen erguss pleuraerguss verschattung nachweis normal gross regelrecht unauffallig
os da do das dos em no na nao sem com uma um e ao direito direita esquerdo esquerda pulmao pulmoes
il lo gli di del della dei delle con senza per non una e destro destra sinistro sinistra versamento polmone polmoni
het een van en geen met zonder niet rechts links hart longen pleuravocht
i w z na nie bez oraz jest po stronie prawej lewej serce pluc plucach
och utan med inte ar hoger vanster hjarta lungor og uten ikke hoyre venstre hjerte
ve yok sag sol kalp akciger dengan tidak dan kanan kiri jantung paru
"""
_ENGLISH = frozenset(_COMMON.split())
_FOREIGN = frozenset(word for word in _COMMON_ELSEWHERE.split() if len(word) > 1) - {"no", "normal"}
_ACCENTS = str.maketrans("áàâäãåéèêëíìîïóòôöõúùûüñçışğłąęśźżć", "aaaaaaeeeeiiiiooooouuuuncisglaesszzc"[:35])
_WORD = re.compile(r"[^\W\d_]+")


def speaks_english(text: str) -> bool:
    """Whether a text is in English, told by its letters and its common words; a text too short to tell is."""
    words = _WORD.findall(text.lower())
    letters = sum(map(len, words))
    latin = sum(letter < "\u0250" for word in words for letter in word)
    if letters >= 3 and latin < 0.7 * letters:
        return False
    bare = [word.translate(_ACCENTS) for word in words]
    english = sum(word in _ENGLISH and word not in _FOREIGN for word in bare)
    foreign = sum(word in _FOREIGN and word not in _ENGLISH for word in bare)
    accented = sum(word != plain for word, plain in zip(words, bare, strict=True))
    if foreign + accented >= 2 and foreign + accented > english:
        return False
    if len(bare) < 3 * _LEAST_WORDS:
        return True
    # A language of which no word is listed: an English report has common words, or findings, in every line.
    return english + sum(finds(word) for word in bare) >= 0.1 * len(bare)


def is_common(word: str) -> bool:
    """Whether a lower-case word is one of the common ones of English reports."""
    return word in _ENGLISH
