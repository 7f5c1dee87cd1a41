"""One script out of modules: what is written in each stays as it is, in the order of their imports."""

import shutil
import subprocess

import pytest

from lofi.ui.bundle import BundleError, bundle
from lofi.ui.modules import PAGES, modules, served

SMALL = {
    "one.js": b"export const ONE = 1;\nexport function twice(n) {\n  return 2 * n;\n}\n",
    "two.js": b'import { ONE, twice as doubled } from "./one.js";\nimport * as all from "./one.js";\n'
    b"export class Sum {\n  total = ONE + doubled(all.ONE);\n}\nconst own = 1;\n",
    "page.js": b'import { Sum } from "./two.js";\nimport { ONE } from "./one.js";\nconst own = new Sum();\n'
    b"console.log(own.total + ONE);\n",
}


def test_each_module_comes_once_and_after_what_it_imports() -> None:
    written = bundle("page.js", SMALL).decode()
    places = [written.index(f"const ${name}_js = ") for name in ("one", "two", "page")]
    assert places == sorted(places)
    assert written.count("function twice(n) {\n  return 2 * n;\n}") == 1
    assert "import " not in written
    assert "export " not in written


def test_it_does_what_the_modules_do() -> None:
    if shutil.which("node") is None:
        pytest.skip("no Node.js here, which runs it")
    done = subprocess.run(["node", "-e", bundle("page.js", SMALL)], capture_output=True, text=True, check=True)
    assert done.stdout == "4\n"


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (b'import { a } from "./page.js";', "circle: page.js → one.js → page.js"),
        (b'import { a } from "./none.js";', "no module none.js, which one.js asks for"),
        (b"export default 1;", "no import or export of the forms"),
        (b'export { a } from "./two.js";', "no import or export of the forms"),
    ],
)
def test_what_cannot_be_bundled_is_told(module: bytes, told: str) -> None:
    with pytest.raises(BundleError, match=told):
        bundle("page.js", {"page.js": b'import { ONE } from "./one.js";', "one.js": module})


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_line_of_a_pages_modules_is_in_its_bundle(page: str) -> None:
    written = set(served()[page].decode().splitlines())
    used = [
        name for name in modules() if f"const ${name.replace('-', '_').replace('.', '_')} = " in served()[page].decode()
    ]
    assert PAGES[page] in used
    assert len(used) > 10
    for name in used:
        lines = modules()[name].decode().splitlines()
        assert [
            line for line in lines if not line.startswith("import ") and line.removeprefix("export ") not in written
        ] == []
