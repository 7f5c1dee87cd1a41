"""All modules of a page as one script: each becomes a function's body, after those that it imports.

It reads imports and exports as our modules write them, each on a line of its own, and refuses any other form; the rest
of a module stays as it was written.
"""

import re
from collections.abc import Mapping

from lofi.errors import LofiError

_IMPORT = re.compile(r'import (?:\{ (?P<names>[\w$ ,]+) \}|\* as (?P<whole>\w+)) from "\./(?P<file>[\w-]+\.js)";')
_EFFECT = re.compile(r'import "\./(?P<file>[\w-]+\.js)";')
_EXPORT = re.compile(r"export (?P<kept>(?:async )?(?:function\*?|class|const) (?P<name>[\w$]+).*)")
_MODULE = re.compile(r"(?:import|export)\b")


class BundleError(LofiError):
    """A module is written in a form that cannot be bundled."""


def bundle(entry: str, modules: Mapping[str, bytes]) -> bytes:
    """The script that does what ``entry`` and all that it imports do as modules.

    Raises BundleError where a module is missing, is imported in a circle, or is written in another form.
    """
    return f'(() => {{\n"use strict";\n{declarations(entry, modules)}\n}})();\n'.encode()


def declarations(entry: str, modules: Mapping[str, bytes]) -> str:
    """One constant for each module, named by ``identifier``: what it exports, by name."""
    written: dict[str, str] = {}
    _add(entry, modules, written, ())
    return "\n".join(written.values())


def identifier(module: str) -> str:
    """The constant that stands for a module."""
    return "$" + re.sub(r"\W", "_", module)


def _add(name: str, modules: Mapping[str, bytes], written: dict[str, str], path: tuple[str, ...]) -> None:
    if name in path:
        raise BundleError(f"Modules import one another in a circle: {' → '.join((*path, name))}.")
    if name not in modules:
        raise BundleError(f"There is no module {name}, which {path[-1] if path else 'the page'} asks for.")
    if name in written:
        return
    lines: list[str] = []
    exported: list[str] = []
    for line in modules[name].decode().splitlines():
        if imported := _IMPORT.fullmatch(line) or _EFFECT.fullmatch(line):
            _add(imported["file"], modules, written, (*path, name))
            lines.append(_taken(imported))
        elif found := _EXPORT.fullmatch(line):
            exported.append(found["name"])
            lines.append(found["kept"])
        elif _MODULE.match(line):
            raise BundleError(f"This line of {name} is no import or export of the forms that are bundled: {line}")
        else:
            lines.append(line)
    body = "\n".join(lines)
    written[name] = f"const {identifier(name)} = (() => {{\n{body}\nreturn {{ {', '.join(exported)} }};\n}})();"


def _taken(imported: re.Match[str]) -> str:
    """What an import gives, out of its module's constant."""
    known = imported.groupdict()
    module = identifier(known["file"])
    if known.get("whole"):
        return f"const {known['whole']} = {module};"
    return f"const {{ {known['names'].replace(' as ', ': ')} }} = {module};" if known.get("names") else ""
