"""Make and resolve links, a few requests a second, until stopped: python traffic.py URL.

So that the dashboards of docker/compose.yaml show something. It goes on when the service does not
answer: that, too, is something to see.
"""

import http.client
import itertools
import json
import random
import sys
import time
from urllib.parse import urlsplit

PAUSE = 0.25
"""Seconds between requests: the whole stays well below the rate limits."""


def ask(host: str, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, str]:
    """Return the JSON of an answer, empty for a redirect or for none at all."""
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        found = json.loads(answer.read() or "{}")
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return found if isinstance(found, dict) else {}


def main() -> None:
    """Ask for ever: mostly known links, some new ones, a few that do not exist."""
    host = urlsplit(sys.argv[1]).netloc
    codes: list[str] = []
    for number in itertools.count():
        if number % 8 == 0 or not codes:
            made = ask(host, "POST", "/api/", {"url": f"https://example.org/{number % 400}"})
            codes = [*codes[-50:], *([made["short_code"]] if "short_code" in made else [])]
        elif number % 20 == 1:
            ask(host, "GET", "/api/nosuch")
        else:
            prefix = random.choice(["/", "/api/"])  # noqa: S311  # not a secret
            ask(host, "GET", prefix + random.choice(codes))  # noqa: S311
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
