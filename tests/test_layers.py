"""Imports run downward only, as the plan of the house has it. Read with ast, so nothing has to be installed."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((REPOSITORY / "lofi").rglob("*.py"))
}
TORCH = {"torch", "torchvision", "transformers", "timm", "open_clip", "accelerate", "peft", "bitsandbytes"}
TORCH_FREE = (
    *("errors", "config", "boxes", "results", "frame", "pooled"),
    *("radiograph", "dicom", "origin", "preprocess", "gallery", "view", "export"),
)
# From the ground up; a module may import from its own floor and from those below.
FLOORS = (
    ("errors",),
    ("boxes", "results", "config", "frame"),
    ("radiograph", "dicom", "origin", "preprocess"),
    ("model", "checkpoint", "gallery", "view"),
    ("grounding", "export"),
    ("engine",),
    ("ui", "__main__"),
)


def imports(path: Path) -> set[str]:
    """Dotted names that a file imports, inside functions too, but not those for type checking alone."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: import by full name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        waiting += ast.iter_child_nodes(node)
    return found


def reached(name: str) -> set[str]:
    """All that importing a lofi module brings in, through other lofi modules and the packages they lie in."""
    seen: set[str] = set()
    waiting = {name}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        if module in MODULES:
            waiting |= (imports(MODULES[module]) | {module.rpartition(".")[0]}) - seen - {""}
    return seen


def part_of(name: str) -> str:
    """The second name of a dotted one: gallery for lofi.gallery.where."""
    return name.split(".")[1] if "." in name else ""


def floor_of(name: str) -> int | None:
    """The floor of a lofi module; None for those that stand on none of their own (text, vision, losses …)."""
    return next((floor for floor, names in enumerate(FLOORS) if part_of(name) in names), None)


@pytest.mark.parametrize("name", MODULES)
def test_no_import_leads_up(name: str) -> None:
    # A module without a floor may serve any of them, but knows nothing of the engine's users.
    floor = floor_of(name)
    own = len(FLOORS) - 2 if floor is None else floor
    above = {part for names in FLOORS[own + 1 :] for part in names}
    assert not {i for i in reached(name) if i.startswith("lofi.") and part_of(i) in above}


@pytest.mark.parametrize("name", MODULES)
def test_lofi_never_imports_train_nor_the_app(name: str) -> None:
    assert not {i for i in imports(MODULES[name]) if i.split(".")[0] in {"train", "app", "tests"}}


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("lofi.ui")])
def test_only_the_interface_imports_gradio(name: str) -> None:
    assert not {i for i in imports(MODULES[name]) if i.split(".")[0].startswith("gradio")}


@pytest.mark.parametrize("name", [name for name in MODULES if part_of(name) in TORCH_FREE])
def test_free_of_torch(name: str) -> None:
    assert not {i for i in reached(name) if i.split(".")[0] in TORCH}


def test_model_and_gallery_do_not_know_each_other() -> None:
    for name in MODULES:
        if name.startswith("lofi.gallery"):
            assert not {i for i in reached(name) if i.startswith(("lofi.model", "lofi.checkpoint"))}, name
    assert not {i for i in reached("lofi.model") if i.startswith("lofi.gallery")}


def test_the_reader_of_imports_sees_them_all(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import a.b\nfrom c import d as e\nif TYPE_CHECKING:\n    import never\ndef f():\n    import late\n"
    )
    assert imports(tmp_path / "module.py") == {"a.b", "c", "c.d", "late"}
