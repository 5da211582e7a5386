"""A small server that speaks the part of Google Cloud Storage's JSON API that files are read and written by.

After https://cloud.google.com/storage/docs/json_api: one bucket, objects in memory, one page per listing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET = "shop"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    objects: dict[str, tuple[bytes, str]]
    refused: bool


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        path, query = self._asked()
        if self.server.refused:
            self._answer(403, {"error": {"code": 403, "message": "canary-token is not allowed"}})
        elif path.endswith(f"/b/{BUCKET}/o"):
            self._list(query.get("prefix", ""), query.get("delimiter", ""))
        elif (name := self._name(path)) not in self.server.objects:
            self._answer(404, {"error": {"code": 404, "message": f"No such object: {name}"}})
        elif query.get("alt") == "media" or path.startswith("/download"):
            self._send(200, self.server.objects[name][0], "application/octet-stream")
        else:
            self._answer(200, self._about(name))

    def do_POST(self) -> None:
        """Take an object with its description, as multipart/related."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refused:
            self._answer(403, {"error": {"code": 403, "message": "canary-token is not allowed"}})
            return
        kind = self.headers["Content-Type"].encode()
        parts: Any = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + body).get_payload()
        about = json.loads(parts[0].get_payload())
        # Google takes what lies between two boundaries, byte by byte.
        boundary = b"--" + kind.split(b"boundary=")[1].strip(b'"')
        content = body.split(boundary)[2].split(b"\n\n" if b"\r\n\r\n" not in body else b"\r\n\r\n", 1)[1]
        content = content.removesuffix(b"\n").removesuffix(b"\r")
        self.server.objects[about["name"]] = (content, parts[1].get_content_type())
        self._answer(200, self._about(about["name"]))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _list(self, prefix: str, delimiter: str) -> None:
        names = sorted(name for name in self.server.objects if name.startswith(prefix))
        deep = {name for name in names if delimiter and delimiter in name[len(prefix) :]}
        folders = {prefix + name[len(prefix) :].split(delimiter)[0] + delimiter for name in deep}
        items = [self._about(name) for name in names if name not in deep]
        self._answer(200, {"items": items, "prefixes": sorted(folders)})

    def _asked(self) -> tuple[str, dict[str, str]]:
        parts = urlsplit(self.path)
        return parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()}

    def _name(self, path: str) -> str:
        return unquote(path.partition(f"/b/{BUCKET}/o/")[2])

    def _about(self, name: str) -> dict[str, Any]:
        content, kind = self.server.objects[name]
        told = {"name": name, "bucket": BUCKET, "contentType": kind, "size": str(len(content))}
        return {**told, "generation": str(hash(content)), "updated": "2024-01-01T00:00:00.000Z"}

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving() -> Iterator[tuple[str, _Server]]:
    """Start a server with an empty bucket; yield its address and itself, which holds the objects."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.objects, server.refused = {}, False
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
