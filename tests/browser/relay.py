"""What every proxy in these tests does: ask the app what it was asked, and hand the answer on as it comes."""

import contextlib
import http.client
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler

OWN = {"connection", "transfer-encoding", "keep-alive", "content-length"}
"""Headers of one connection, which are not handed on."""


def relay(asked: BaseHTTPRequestHandler, port: int, path: str, said: Mapping[str, str] | None = None) -> None:
    """Ask the app at ``port`` for ``path``, with the headers ``said`` beside the sender's, and answer in its words."""
    body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
    headers = {name: value for name, value in asked.headers.items() if name.lower() not in OWN}
    # Both are closed also where the browser leaves in the middle of an answer: it often does.
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as upstream:
        upstream.request(asked.command, path, body or None, {**headers, **(said or {})})
        with upstream.getresponse() as answer:
            asked.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OWN:
                    asked.send_header(name, value)
            asked.send_header("Connection", "close")
            asked.end_headers()
            while part := answer.read1(65536):
                asked.wfile.write(part)
                asked.wfile.flush()
