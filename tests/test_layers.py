"""The plan of the house, read from its imports with ast: which wing may know which, and no circle anywhere."""

import ast
import graphlib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = {
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("lofi", "train")
    for path in sorted((REPOSITORY / package).rglob("*.py"))
}
LOFI = [name for name in MODULES if name.split(".")[0] == "lofi"]
TORCH = {"torch", "torchvision", "transformers", "timm", "open_clip", "accelerate", "peft", "bitsandbytes"}

WINGS = {
    "files": set(),
    "film": {"errors", "results", "boxes"},
    "report": {"errors", "results"},
    "metrics": {"errors", "results", "boxes", "report"},
    "network": {"errors", "results", "boxes", "shelf", "files", "film", "report"},
    "gallery": {"errors", "results", "boxes", "files", "film", "report"},
    "grounding": {"errors", "results", "boxes", "space", "film", "report", "network", "gallery"},
    "export": {"errors", "results", "answers", "files", "film", "report", "gallery"},
    "archive": {"errors", "film", "gallery"},
    "study": {"errors", "results", "boxes", "settings", "space", "files", "film", "report", "gallery", "metrics"},
    "ui": {
        *("errors", "results", "boxes", "settings", "space", "shelf", "answers", "engine"),
        *("film", "report", "gallery", "export", "study", "archive"),
    },
}
"""Wing of lofi → the wings, and the modules at the root, that it may use beside its own."""
GROUND = {"errors", "results", "boxes", "settings", "space", "shelf"}
"""Modules at the root that know no wing."""
ROOT = {"__init__", "__main__", "cli", "engine", "answers", *GROUND}
TORCH_FREE = {"files", "film", "report", "gallery", "metrics", "export", "study", "archive", *GROUND, "answers"}

TRAIN_WINGS = {
    "agreeing",
    "data",
    "densely",
    "feeding",
    "indexing",
    "pretraining",
    "shots",
    "evaluation",
    "simulation",
    "recipes",
    "publishing",
}
MOST_FLOORS = 11


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
            for alias in node.names:
                part = f"{node.module}.{alias.name}"
                found.add(part if part in MODULES else str(node.module))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        waiting += ast.iter_child_nodes(node)
    return found


GRAPH = {name: {other for other in imports(path) if other in MODULES} for name, path in MODULES.items()}


def reached(name: str) -> set[str]:
    """All that importing a module brings in, through other modules of ours and the packages they lie in."""
    seen: set[str] = set()
    waiting = {name}
    while waiting:
        module = waiting.pop()
        seen.add(module)
        if module in MODULES:
            waiting |= (imports(MODULES[module]) | {module.rpartition(".")[0]}) - seen - {""}
    return seen


def wing_of(name: str) -> str:
    """The second name of a dotted one: gallery for lofi.gallery.where."""
    return name.split(".")[1] if "." in name else "__init__"


@pytest.mark.parametrize("name", [name for name in LOFI if wing_of(name) in WINGS])
def test_a_wing_knows_only_what_lies_below_it(name: str) -> None:
    allowed = WINGS[wing_of(name)] | {wing_of(name)}
    used = {wing_of(other) for other in GRAPH[name] if other.startswith("lofi.")}
    assert used <= allowed, f"{name} may not use {sorted(used - allowed)}"


@pytest.mark.parametrize("name", sorted(GROUND | {"answers", "engine"}))
def test_the_ground_knows_no_wing_above(name: str) -> None:
    above = {"answers": {"network", "grounding", "export", "study", "ui"}, "engine": {"export", "study", "ui"}}
    used = {wing_of(other) for other in GRAPH[f"lofi.{name}"]}
    assert not used & above.get(name, set(WINGS))


def test_nothing_lies_at_the_root_that_the_plan_does_not_name() -> None:
    assert {path.stem for path in (REPOSITORY / "lofi").glob("*.py")} == ROOT
    folders = {path.name for path in (REPOSITORY / "lofi").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders == set(WINGS)
    folders = {path.name for path in (REPOSITORY / "train").iterdir() if path.is_dir() and path.name[0] != "_"}
    assert folders == TRAIN_WINGS


@pytest.mark.parametrize("path", sorted((REPOSITORY / "train").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_at_the_root_of_train_lie_commands_and_no_command_needs_another(path: Path) -> None:
    assert 'if __name__ == "__main__":' in path.read_text("utf-8")
    assert not [other for other in GRAPH if f"train.{path.stem}" in GRAPH[other]]


def test_there_is_no_circle() -> None:
    graphlib.TopologicalSorter(GRAPH).prepare()  # raises CycleError, which names the circle


def test_the_wings_of_lofi_stand_on_one_another() -> None:
    """Each wing, and each module at the root, is one place; a floor is one step up from the highest it uses."""
    between: dict[str, set[str]] = {}
    for name in LOFI:
        others = {wing_of(other) for other in GRAPH[name] if other.startswith("lofi.")}
        between.setdefault(wing_of(name), set()).update(others - {wing_of(name)})
    floors: dict[str, int] = {}
    for wing in graphlib.TopologicalSorter(between).static_order():  # raises CycleError, which names the circle
        floors[wing] = 1 + max((floors[other] for other in between[wing]), default=0)
    assert max(floors.values()) <= MOST_FLOORS, floors


@pytest.mark.parametrize("package", ["lofi", "train"])
def test_each_folder_says_what_comes_in_and_what_goes_out(package: str) -> None:
    for path in (REPOSITORY / package).glob("*/__init__.py"):
        first = (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split("\n\n")[0]
        assert first, f"{path.parent.name} has no sentence that says what it is for"
        assert path.parent.name == "recipes" or (" in" in first and " out" in first), path.parent.name


@pytest.mark.parametrize("name", LOFI)
def test_lofi_never_imports_train_nor_the_app(name: str) -> None:
    assert not {i for i in imports(MODULES[name]) if i.split(".")[0] in {"train", "app", "tests"}}


@pytest.mark.parametrize("name", [name for name in LOFI if not name.startswith("lofi.ui")])
def test_only_the_interface_imports_gradio(name: str) -> None:
    assert not {i for i in imports(MODULES[name]) if i.split(".")[0].startswith("gradio")}


@pytest.mark.parametrize("name", [name for name in LOFI if wing_of(name) in TORCH_FREE])
def test_free_of_torch(name: str) -> None:
    assert not {i for i in reached(name) if i.split(".")[0] in TORCH}


def test_the_reader_of_imports_sees_them_all(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(
        "import a.b\nfrom c import d as e\nfrom lofi.film import dicom\n"
        "if TYPE_CHECKING:\n    import never\ndef f():\n    import late\n"
    )
    assert imports(tmp_path / "module.py") == {"a.b", "c", "lofi.film.dicom", "late"}
