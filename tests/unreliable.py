"""A local HTTP server with the faults of real ones, told by what each path is asked to do."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """One path of the server.

    Attributes:
        data: the file.
        faults: what the first answers are instead of the file, in order: a status such as `503`, `drop` (half of
            it, then the end), `wrong` (as many other bytes), `stall` (half of it, then nothing), `/other` (sent there).
        etag: the file's version; empty: the server does not vouch for it, and a client cannot resume.
        asked: the Range header of each request.
        packed_anew: the server makes the file as it sends it: it knows no length, no version and no part.
    """

    data: bytes = b""
    faults: list[str] = field(default_factory=list)
    etag: str = '"one"'
    asked: list[str] = field(default_factory=list)
    packed_anew: bool = False


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        served = self.server.files.get(self.path)
        if served is None:
            return self.send_error(404)
        served.asked.append(self.headers.get("Range", ""))
        fault = served.faults.pop(0) if served.faults else ""
        if fault.isdigit():
            return self.send_error(int(fault))
        if fault.startswith("/"):
            self.send_response(302)
            self.send_header("Location", fault)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        start, data = 0, served.data
        if served.asked[-1] and self.headers.get("If-Range") == served.etag:
            start = int(served.asked[-1].removeprefix("bytes=").removesuffix("-"))
        data = bytes(len(data)) if fault == "wrong" else data[start:]
        self.send_response(206 if start else 200)
        if served.packed_anew:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(data)))
        if served.etag and not served.packed_anew:
            self.send_header("ETag", served.etag)
        self.end_headers()
        if served.packed_anew:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data)
        cut = len(data) // 2 if fault in ("drop", "stall") else len(data)
        self.wfile.write(data[:cut])
        self.wfile.flush()
        if fault == "stall":
            time.sleep(3)
        if fault:
            self.close_connection = True
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    files: dict[str, Served]


@contextmanager
def serving(files: dict[str, Served]) -> Iterator[str]:
    """Serve the files on this machine; gives the address before the paths."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.files = files
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
