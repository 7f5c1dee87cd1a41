"""Make torchvision importable beside a torch it was not compiled for.

The registry's torchvision is a CUDA build; beside a CPU torch its compiled operators do not load, and
``import torchvision`` dies with "operator torchvision::nms does not exist", taking timm, open_clip and parts of
transformers along. Declaring the two schemas that its Python side looks up is enough: LoFi never calls them.
Import this module before anything that may import torchvision.
"""

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_library: torch.library.Library | None = None


def _compiled_operators_load() -> bool:
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        return False
    return True


def declare_missing() -> None:
    """Declare ``torchvision::nms`` and ``qnms`` if, and only if, torchvision cannot be imported without them."""
    global _library
    if _library is not None or _compiled_operators_load():
        return
    import sys

    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]  # a half-imported package would be found again and stay broken
    _library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        _library.define(operator + _SCHEMA)  # type: ignore[no-untyped-call]


declare_missing()
