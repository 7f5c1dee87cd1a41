"""The headers that tell a browser what our pages may do, and what others may do with them: as little as works."""

import os
import re
import secrets
from collections.abc import Mapping

from lofi.space import in_space

SPACE = "https://huggingface.co https://*.hf.space"
"""In a Space the page is shown inside a frame of these."""
ALWAYS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
DOCUMENT = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), bluetooth=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"
    ),
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"
"""For answers that are no document."""
_SCRIPT = re.compile(rb"<script(?=[\s>])")


def framed_by(environ: Mapping[str, str] = os.environ) -> str:
    """Who may show the page in a frame."""
    return SPACE if in_space(environ) else "'none'"


def page_policy(nonce: str) -> str:
    """For Gradio's page: its own scripts, marked in the document, and nothing from elsewhere.

    "unsafe-eval" is what Gradio's HTML component needs to run the one constant line that loads our modules.
    """
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; connect-src 'self'; "
        "img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; manifest-src 'self'; "
        f"base-uri 'self'; form-action 'none'; object-src 'none'; frame-ancestors {framed_by()}"
    )


def marked(document: bytes) -> tuple[bytes, str]:
    """The document with its script elements marked, and the mark: a browser runs no others."""
    nonce = secrets.token_urlsafe(16)
    return _SCRIPT.sub(b'<script nonce="' + nonce.encode() + b'"', document), nonce
