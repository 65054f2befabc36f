"""Exit 0 when the service in this container answers `GET /healthz` with 200, else 1.

For the container's own health check, which has no curl. http.client, because urllib would
follow a proxy set in the environment.
"""

import http.client
import os
import sys

DEADLINE = 4.0
"""Seconds; less than the 5 that the orchestrator waits, so that the reason is printed."""


def main() -> int:
    """Ask once; print why on failure."""
    port = int(os.environ.get("PORT", "").strip(" \"'") or 8080)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"no answer on port {port}: {error!r}\n")
        return 1
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        sys.stderr.write(f"GET /healthz on port {port} answered {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
