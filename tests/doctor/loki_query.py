"""The side of Loki that answers queries, over the lines that a sink took."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.harness.sinks_loki import LokiSink

_QUERY = re.compile(r'\{(?P<labels>[^}]*)\} \|= "(?P<text>[^"]*)"')
_LABEL = re.compile(r'(\w+)="([^"]*)"')


class LokiQueries:
    """GET /loki/api/v1/query_range for `{label="value",…} |= "text"`."""

    def __init__(self, sink: LokiSink) -> None:
        queries = self
        self.asked = 0
        self.delay = 0
        """The first so many queries find nothing, as while an ingester lags."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server's name
                parts = urlsplit(self.path)
                status, body = 404, b""
                if parts.path == "/loki/api/v1/query_range":
                    queries.asked += 1
                    status, body = 200, queries._find(parse_qs(parts.query))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                """Say nothing."""

        self._sink = sink
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _find(self, parameters: dict[str, list[str]]) -> bytes:
        query = parameters["query"][0]
        match = _QUERY.fullmatch(query)
        assert match, query
        wanted = set(_LABEL.findall(match["labels"]))
        start, end = int(parameters["start"][0]), int(parameters["end"][0])
        found = [
            {"stream": dict(entry.labels), "values": [[str(entry.timestamp), entry.text]]}
            for entry in list(self._sink.entries)
            if wanted <= set(entry.labels)
            and match["text"] in entry.text
            and start <= entry.timestamp < end
            and self.asked > self.delay
        ]
        # Loki's statistics do not repeat the query, other servers' do.
        return json.dumps({"status": "success", "data": {"result": found}, "query": query}).encode()
