"""Serves the built chat page, for the Envoy that stands before it.

python -m tools.pages --port 5180 --folder web/demo/dist --models models.json
"""

from __future__ import annotations

import argparse
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import PathLike
from pathlib import Path

BUILT = Path(__file__).resolve().parent.parent / "web" / "demo" / "dist"

HEADERS = {
    # Whatever a model writes, nothing is loaded from elsewhere and no script runs but the page's own.
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Pages(SimpleHTTPRequestHandler):
    """The files of a folder, with the headers of a careful page, over connections that are kept."""

    protocol_version = "HTTP/1.1"
    models: Path | None = None
    """What is served as /models.json, if it is not what the page was built with."""

    def translate_path(self, path: str) -> str:
        """Return the file at `path`."""
        if self.models and path == "/models.json":
            return str(self.models)
        return super().translate_path(path)

    def list_directory(self, path: str | PathLike[str]) -> None:
        """Refuse to list a folder: without an index.html there is no page."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """Add the headers. Files under assets/ have names that change with what is in them."""
        forever = self.path.startswith("/assets/")
        self.send_header("Cache-Control", "public, max-age=31536000, immutable" if forever else "no-cache")
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its name there
        """Say nothing: Envoy writes the access log."""


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description="Serves the built chat page.")
    parser.add_argument("--listen", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, default=BUILT)
    parser.add_argument("--models", type=Path, help="who may be asked, in place of the models.json in the folder")
    given = parser.parse_args()
    Pages.models = given.models
    handler = partial(Pages, directory=str(given.folder))
    ThreadingHTTPServer((given.listen, given.port), handler).serve_forever()


if __name__ == "__main__":
    main()
