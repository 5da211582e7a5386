"""A web server that answers as it is told and remembers what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Robot:
    """Answers posts with the given (status, text) in order, the last one again and again."""

    def __init__(self, answers: Sequence[tuple[int, str]]) -> None:
        self.received: list[tuple[str, bytes]] = []
        left = list(answers)
        robot = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                robot.received.append((self.path, content))
                status, text = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", text)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def serving(answers: Sequence[tuple[int, str]]) -> Iterator[Robot]:
    """Run a :class:`Robot` until the end of the block."""
    robot = Robot(answers)
    thread = threading.Thread(target=robot.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield robot
    finally:
        robot.server.shutdown()
        robot.server.server_close()
        thread.join()
