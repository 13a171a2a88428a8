"""A mail server for tests: speaks enough SMTP (RFC 5321) to take letters, or to refuse them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Sink:
    """What arrived. ``answer`` is said to every RCPT: 250 takes the letter."""

    port: int = 0
    answer: str = "250 OK"
    verbs: list[str] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := (await reader.readline()).decode():
            verb = line[:4].upper().strip()
            self.verbs.append(verb)
            if verb == "EHLO":
                writer.write(b"250-sink\r\n250-AUTH PLAIN\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif verb == "RCPT":
                self.recipients.append(line[line.index("<") + 1 : line.index(">")])
                writer.write(f"{self.answer}\r\n".encode())
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                writer.write(b"250 taken\r\n")
            elif verb == "AUTH":
                writer.write(b"235 welcome\r\n")
            else:
                writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 OK\r\n")
            if verb == "QUIT":
                break
        writer.close()


@asynccontextmanager
async def smtp_sink() -> AsyncIterator[Sink]:
    """A listening sink."""
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        await server.wait_closed()
