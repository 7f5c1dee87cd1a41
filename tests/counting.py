"""What a step asks of a machine, counted on a CPU: kernels, places where a GPU's host would wait, bytes alive."""

from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITING = (
    "_local_scalar_dense",
    "nonzero",
    "masked_select",
    "equal",
    "_unique2",
    "unique_dim",
    "bincount",
    "is_nonzero",
)
"""Operations whose result, or its shape, the host must know before it goes on."""
FREE = ("empty", "empty_like", "empty_strided", "new_empty", "detach", "lift_fresh", "_unsafe_view", "is_pinned")
"""Operations that start no kernel beside the views."""


class Counted(TorchDispatchMode):
    """``kernels`` started, ``waits`` by the operation that caused them, ``peak`` of bytes made and not freed."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels, self.waits, self.peak = 0, Counter[str](), 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self._calls = _Calls(self.waits)

    def __enter__(self) -> Self:
        self._calls.__enter__()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._calls.__exit__(kind, error, trace)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        self.kernels += not view and name not in FREE
        picked = name in ("index", "index_put", "index_put_", "_index_put_impl_") and any(
            isinstance(place, Tensor) and place.dtype in (torch.bool, torch.uint8) for place in tree_leaves(args[1])
        )
        if name in WAITING or picked:
            self.waits[name] += 1
        self._note(found)
        return found

    def _note(self, found: Any) -> None:
        self._alive = {key: kept for key, kept in self._alive.items() if not kept[0].expired()}
        for tensor in tree_leaves(found):
            if isinstance(tensor, Tensor) and tensor.untyped_storage().nbytes():
                storage = tensor.untyped_storage()
                self._alive.setdefault(storage._cdata, (StorageWeakRef(storage), storage.nbytes()))
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))


class _Calls(TorchFunctionMode):
    """Calls that fetch numbers without an operation of their own on a CPU."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self._waits = waits

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if func in (Tensor.tolist, Tensor.cpu, Tensor.numpy):
            self._waits[name] += 1
        if func is torch.tensor and (kwargs or {}).get("device") is not None:
            self._waits["tensor(…, device)"] += 1  # a copy from memory that is not pinned
        return func(*args, **(kwargs or {}))
