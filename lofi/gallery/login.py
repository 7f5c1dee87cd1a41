"""Who asks a service: one line of a file that a setting names, so that no secret stands in the setting itself."""

from pathlib import Path

from lofi.errors import LofiError

_LONGEST = 16_384


def login_line(text: str, file: str, how: str) -> str:
    """The line in the file that ``text``, "file:PATH", names; "" where nothing is named.

    Raises LofiError, which never shows what was set: ``how`` for another form, else a sentence about ``file``, as in
    "The file that LOFI_DICOMWEB names".
    """
    if not text:
        return ""
    kind, _, path = text.partition(":")
    if kind != "file" or not path:
        raise LofiError(how)
    try:
        said = Path(path).expanduser().read_text("utf-8")[:_LONGEST].strip()
    except (OSError, ValueError, RuntimeError):
        raise LofiError(f"{file} cannot be read: check its path and rights.") from None
    if not said or not said.isprintable():
        raise LofiError(f"{file} must hold one line: USER:PASSWORD, or a token.")
    return said
