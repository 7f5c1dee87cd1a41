"""A hub on this machine: the routes that huggingface_hub's own client asks, kept in memory, over real HTTP."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 1_000_000
"""Bytes from which this hub asks for a file by LFS; the real one also goes by the file's name."""
TOKEN = "hf_of_a_test"
_REPO = r"(?P<repo>(?:datasets/|spaces/)?[\w.-]+/[\w.-]+)"
_API = r"/api/(?P<kind>models|datasets|spaces)/(?P<name>[\w.-]+/[\w.-]+)"


@dataclass
class Hub:
    """What was pushed: repository → commits, newest last, each a mapping of path → content."""

    url: str = ""
    commits: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def files(self, repo: str, revision: str = "main") -> dict[str, bytes] | None:
        """The files of a commit; None where there is no such repository or commit."""
        commits = self.commits.get(repo, [])
        found = [files for number, files in enumerate(commits) if revision in (commit_id(repo, number), "main")]
        return found[-1] if found else None

    def newest(self, repo: str) -> str:
        """The id of the newest commit."""
        return commit_id(repo, len(self.commits[repo]) - 1)


def commit_id(repo: str, number: int) -> str:
    """Forty hex digits, as of git."""
    return hashlib.sha1(f"{repo} {number}".encode()).hexdigest()


@contextmanager
def local_hub() -> Iterator[Hub]:
    """Serve a hub until the end of the block."""
    hub = Hub()

    class Routes(_Routes):
        kept = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Routes)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield hub
    server.shutdown()
    server.server_close()


class _Routes(BaseHTTPRequestHandler):
    kept: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(unquote(self.path)).path
        self.kept.asked.append(f"POST {path}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            given = json.loads(body)
            repo = _repo(f"{given.get('type', 'model')}s", f"{given.get('organization')}/{given['name']}")
            known = repo in self.kept.commits
            self.kept.commits.setdefault(repo, [{".gitattributes": b""}])
            self.answer(409 if known else 200, {"url": f"{self.kept.url}/{repo}"})
        elif path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif found := re.fullmatch(f"{_API}/preupload/(?P<revision>.+)", path):
            asked = json.loads(body)["files"]
            modes = [{"path": f["path"], "uploadMode": "lfs" if f["size"] >= LARGE else "regular"} for f in asked]
            self.answer(200, {"files": [{**mode, "shouldIgnore": False, "oid": None} for mode in modes]})
        elif re.fullmatch(rf"/{_REPO}\.git/info/lfs/objects/batch", path):
            self.answer(200, {"transfer": "basic", "objects": [self.upload(o) for o in json.loads(body)["objects"]]})
        elif found := re.fullmatch(f"{_API}/commit/(?P<revision>.+)", path):
            self.commit(_repo(found["kind"], found["name"]), body)
        else:
            self.answer(404, {"error": f"No route {path}"})

    def upload(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Where a large file goes; nowhere where it is here already."""
        oid = wanted["oid"]
        actions = {} if oid in self.kept.large else {"upload": {"href": f"{self.kept.url}/lfs/{oid}"}}
        return {"oid": oid, "size": wanted["size"], "actions": actions}

    def commit(self, repo: str, body: bytes) -> None:
        files = dict(self.kept.files(repo) or {})
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.kept.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.kept.commits[repo].append(files)
        newest = self.kept.newest(repo)
        self.answer(200, {"commitUrl": f"{self.kept.url}/{repo}/commit/{newest}", "commitOid": newest, "success": True})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        oid = hashlib.sha256(body).hexdigest()
        self.kept.asked.append("PUT lfs")
        if self.path != f"/lfs/{oid}":
            self.answer(400, {"error": "The content is not what its name says."})
            return
        self.kept.large[oid] = body
        self.answer(200, {})

    def do_GET(self) -> None:
        path = urlsplit(unquote(self.path)).path
        self.kept.asked.append(f"{self.command} {path}")
        if found := re.fullmatch(f"{_API}(/revision/(?P<revision>[^/]+))?", path):
            self.describe(_repo(found["kind"], found["name"]), found["revision"] or "main")
        elif found := re.fullmatch(f"{_API}/tree/(?P<revision>[^/]+)", path):
            files = self.kept.files(_repo(found["kind"], found["name"]), found["revision"])
            if files is None:
                self.answer(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
                return
            self.answer(200, [_entry(*item) for item in files.items()])
        elif found := re.fullmatch(rf"/{_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", path):
            self.resolve(found["repo"], found["revision"], found["path"])
        else:
            self.answer(404, {"error": f"No route {path}"})

    do_HEAD = do_GET  # noqa: N815

    def describe(self, repo: str, revision: str) -> None:
        files = self.kept.files(repo, revision)
        if files is None:
            self.answer(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
            return
        sha = self.kept.newest(repo) if revision == "main" else revision
        siblings = [{"rfilename": name} for name in files]
        self.answer(200, {"id": repo, "sha": sha, "siblings": siblings, "private": False, "tags": [], "downloads": 0})

    def resolve(self, repo: str, revision: str, path: str) -> None:
        content = (self.kept.files(repo, revision) or {}).get(path)
        if content is None:
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        sha = self.kept.newest(repo) if revision == "main" else revision
        etag = hashlib.sha256(content).hexdigest() if len(content) >= LARGE else hashlib.sha1(content).hexdigest()
        self.send_response(200)
        for name, value in (("X-Repo-Commit", sha), ("ETag", f'"{etag}"'), ("Content-Length", str(len(content)))):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def answer(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, said in {**(headers or {}), "Content-Type": "application/json"}.items():
            self.send_header(name, said)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _repo(kind: str, name: str) -> str:
    """As addresses write it: models have no prefix."""
    return name if kind == "models" else f"{kind}/{name}"


def _entry(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
