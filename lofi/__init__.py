"""LoFi: location-aware fine-grained representation learning for chest X-rays. Research use only.

Names are imported on first use, so that ``import lofi`` and reading a film need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lofi.film.radiograph import Radiograph
    from lofi.gallery import Gallery
    from lofi.network.checkpoint import load
    from lofi.network.model import LofiModel
    from lofi.settings import BUNDLED_GALLERY, BUNDLED_MODEL

__all__ = ["BUNDLED_GALLERY", "BUNDLED_MODEL", "Gallery", "LofiModel", "Radiograph", "load"]
__version__ = "0.2.0"

_HOMES = {
    "BUNDLED_GALLERY": "lofi.settings",
    "BUNDLED_MODEL": "lofi.settings",
    "Gallery": "lofi.gallery",
    "LofiModel": "lofi.network.model",
    "Radiograph": "lofi.film.radiograph",
    "load": "lofi.network.checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lofi' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
