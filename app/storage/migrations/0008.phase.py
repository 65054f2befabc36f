"""Let creates do what the phase of the database asks for: see app/storage/phase.py."""

from typing import Any

from yoyo import step

from app.storage import phase

__depends__ = {"0002a.rows-of-the-go-service", "0005.one-link-per-owner-and-target"}
__transactional__ = False


def follow(connection: Any) -> None:
    """Share the database with the Go service, or do without what that needs."""
    if phase.go_service_can_write(connection):
        phase.share(connection)
    else:
        connection.execute(phase.NO_SHARED_LINK)


steps = [step(follow)]
