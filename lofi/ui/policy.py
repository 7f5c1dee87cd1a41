"""The headers that tell a browser what our pages may do, and what others may do with them: as little as works."""

import os
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


def framed_by(environ: Mapping[str, str] = os.environ) -> str:
    """Who may show the page in a frame."""
    return SPACE if in_space(environ) else "'none'"
