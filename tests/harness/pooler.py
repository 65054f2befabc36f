"""Poolers before PostgreSQL that refuse start parameters, with the words that real ones use."""

import asyncio
import struct

from tests.harness.proxy import Proxy

RDS_PROXY = (
    "0A000",
    "Feature not supported: RDS Proxy currently doesn’t support command-line options.",  # noqa: RUF001
)
"""As Amazon's RDS Proxy answers `options`."""
PGBOUNCER = ("08P01", "unsupported startup parameter in options: statement_timeout")
"""As pgbouncer 1.20 and later does, without `ignore_startup_parameters`."""

_ENCRYPTION = (80877103, 80877104)  # SSLRequest, GSSENCRequest (PostgreSQL, message formats)
_PROTOCOL_3 = 3 << 16


class Pooler(Proxy):
    """Passes connections on, but for those whose start carries `options`."""

    def __init__(self, target_port: int, refusal: tuple[str, str]) -> None:
        """Settle the SQLSTATE and the text of the refusal."""
        super().__init__(target_port)
        self._refusal = refusal
        self.starts: list[dict[str, str]] = []
        """The parameters of each connection's start."""

    async def _opening(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes | None:
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!ii", head)
            body = await reader.readexactly(length - 8)
            if code not in _ENCRYPTION:
                break
            writer.write(b"N")
        if code < _PROTOCOL_3:
            return head + body  # a request to cancel
        parts = body.rstrip(b"\0").decode().split("\0")
        parameters = dict(zip(parts[::2], parts[1::2], strict=True))
        self.starts.append(parameters)
        if "options" not in parameters:
            return head + body
        state, text = self._refusal
        fields = "".join(
            f"{kind}{value}\0"
            for kind, value in zip("SVCM", ("FATAL",) * 2 + (state, text), strict=True)
        )
        message = fields.encode() + b"\0"
        writer.write(b"E" + struct.pack("!i", len(message) + 4) + message)
        await writer.drain()
        return None
