"""A TCP proxy in front of a server, that breaks connections in every way a network does."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Mapping
from enum import Enum, auto
from typing import Any, Self

from local.ports import LOOPBACK, free_port

_CHUNK = 65_536
_COMMAND_S = 5.0
_MAX_CONNECTIONS = 512
_LINGER_RESET = struct.pack("ii", 1, 0)  # makes close() send RST instead of FIN


class _Mode(Enum):
    PASS = auto()
    HANG = auto()
    RESET = auto()


class Proxy:
    """Listens on a loopback port and passes bytes on, until it is told otherwise.

    Every command has taken effect when it returns. All sockets belong to one thread: closing
    a socket under another thread's read neither wakes that thread nor resets the connection.
    """

    def __init__(self, target_port: int, *, port: int | None = None) -> None:
        """Settle the target; the proxy's own port stays the same over refuse and restore."""
        self.port = port or free_port()
        self.accepted = 0  # connections so far, those that hung or were reset included
        self._target = target_port
        self._mode = _Mode.PASS
        self._delay_s = 0.0
        self._answer_limit: int | None = None
        self._listening: socket.socket | None = None
        self._connections: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        """Start to listen."""
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        """Reset what is open and end the thread."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_COMMAND_S)
        self._loop.close()

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return a server's settings (POSTGRES_*, REDIS_*) led through this proxy."""
        changed = dict(environment)
        if "POSTGRES_PORT" in changed:
            changed["POSTGRES_PORT"] = str(self.port)
        if "REDIS_ADDR" in changed:
            changed["REDIS_ADDR"] = f"{LOOPBACK}:{self.port}"
        return changed

    def restore(self) -> None:
        """Pass everything on again; connections that lost bytes are reset."""
        self._run(self._restore())

    def cut(self) -> None:
        """Reset all connections there are; new ones are accepted as before."""
        self._run(self._cut())

    def refuse(self) -> None:
        """Refuse new connections and reset the old ones."""
        self._run(self._close())

    def hang(self) -> None:
        """Accept and swallow, on old connections and new, and never answer."""
        self._run(self._become(_Mode.HANG))

    def reset(self) -> None:
        """Accept new connections and reset them at their first byte; reset the old ones."""
        self._run(self._become(_Mode.RESET))
        self.cut()

    def delay(self, seconds: float) -> None:
        """Hold every chunk, and the end of the stream, in each direction for so many seconds."""
        self._delay_s = seconds

    def reset_after(self, count: int) -> None:
        """Reset each connection in the middle: once `count` bytes of answers went through."""
        self._answer_limit = count

    def _run(self, command: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(command, self._loop).result(_COMMAND_S)

    async def _listen(self) -> None:
        if self._listening is None:
            self._listening = socket.create_server((LOOPBACK, self.port), backlog=_MAX_CONNECTIONS)
            self._listening.setblocking(False)
            self._loop.add_reader(self._listening, self._accept, self._listening)

    def _accept(self, listening: socket.socket) -> None:
        # Not asyncio's own server: closed while it accepts, it forgets the connection.
        with contextlib.suppress(OSError):  # until nobody waits any more
            while True:
                wire, _ = listening.accept()
                wire.setblocking(False)
                self.accepted += 1
                self._connections[self._loop.create_task(self._serve(wire))] = []

    async def _close(self) -> None:
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        await self._cut()

    async def _cut(self) -> None:
        await asyncio.sleep(0)  # what was accepted just now begins
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _become(self, mode: _Mode) -> None:
        self._mode = mode

    async def _restore(self) -> None:
        if self._mode is not _Mode.PASS:
            await self._cut()
        self._mode, self._delay_s, self._answer_limit = _Mode.PASS, 0.0, None
        await self._listen()

    async def _serve(self, wire: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        writers = self._connections[task]
        try:
            reader, writer = await asyncio.open_connection(sock=wire)
            writers.append(writer)
            if len(self._connections) > _MAX_CONNECTIONS:
                raise ConnectionResetError
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target)
            writers.append(far_writer)
            opening = await self._opening(reader, writer)
            if opening is None:
                return
            far_writer.write(opening)
            await asyncio.gather(
                self._pass(reader, far_writer, answers=False),
                self._pass(far_reader, writer, answers=True),
            )
        # Cancelled by a command: the task ends here, so there is nobody to tell.
        except (OSError, asyncio.CancelledError):
            for each in writers:
                _reset(each)
        finally:
            for each in writers:
                each.close()
            del self._connections[task]

    async def _opening(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes | None:
        """Return what to send on before all else; None ends the connection."""
        del reader, writer
        return b""

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        passed = 0
        while chunk := await source.read(_CHUNK):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            if self._mode is _Mode.HANG:
                continue
            if self._mode is _Mode.RESET:
                raise ConnectionResetError
            if answers and self._answer_limit is not None:
                chunk = chunk[: max(0, self._answer_limit - passed)]
            sink.write(chunk)
            await sink.drain()
            passed += len(chunk)
            if answers and self._answer_limit is not None and passed >= self._answer_limit:
                raise ConnectionResetError
        await asyncio.sleep(self._delay_s)
        # The end of a server's answers is an answer too.
        if self._mode is not _Mode.HANG or not answers:
            with contextlib.suppress(OSError):
                sink.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    wire = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    writer.transport.abort()
