"""A Hugging Face hub on this machine: what huggingface_hub asks of one to fetch a pinned repository, and no more."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


class Hub(ThreadingHTTPServer):
    """Repositories by their place in addresses: `org/model`, `datasets/org/name`.

    Attributes:
        repositories: a folder each, at one commit.
        token: what a request must show to read anything.
        asked: paths of all requests that were answered with a file.
    """

    def __init__(self, repositories: dict[str, Path], commit: str, token: str) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.repositories, self.commit, self.token = repositories, commit, token
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    """One request."""

    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._send(401, b"{}", {})
            return
        for name, folder in self.server.repositories.items():
            api = name if name.startswith("datasets/") else f"models/{name}"
            if path == f"/api/{api}/tree/{self.server.commit}":
                self._send(200, json.dumps(_tree(folder)).encode(), {"Content-Type": "application/json"})
                return
            file = folder / path.removeprefix(f"/{name}/resolve/{self.server.commit}/")
            if path.startswith(f"/{name}/resolve/") and file.is_file():
                self.server.asked.append(f"{name}/{file.relative_to(folder)}")
                headers = {"ETag": f'"{_digest(file)}"', "X-Repo-Commit": self.server.commit}
                self._send(200, file.read_bytes(), headers)
                return
        self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    do_HEAD = do_GET

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _tree(folder: Path) -> list[dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        {"type": "file", "path": str(path.relative_to(folder)), "size": path.stat().st_size, "oid": _digest(path)}
        for path in files
    ]


def _digest(path: Path) -> str:
    return hashlib.sha1(path.read_bytes()).hexdigest()


@contextmanager
def serving(repositories: dict[str, Path], commit: str, token: str) -> Iterator[Hub]:
    """A hub that answers until the end of the block."""
    with Hub(repositories, commit, token) as hub:
        Thread(target=hub.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            hub.shutdown()
