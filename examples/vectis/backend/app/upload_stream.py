"""The one file of a multipart body, written to disk while it arrives."""

import asyncio
import re
from collections.abc import AsyncIterable
from typing import BinaryIO

from python_multipart.multipart import MultipartParser, parse_options_header

# A body holds little else than the file: boundaries, part headers.
OVERHEAD_BYTES = 16 * 1024


class NotAnUpload(Exception):
    """The body is not multipart/form-data with exactly one file."""


class TooLarge(Exception):
    """The body goes beyond the limit."""


def boundary_of(content_type: str) -> bytes:
    """Return the multipart boundary that a Content-Type header names."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise NotAnUpload("Send the file as multipart/form-data.")
    return boundary


class FileReceiver:
    """Feeds a parser and keeps the part that carries a file name."""

    def __init__(self, boundary: bytes, target: BinaryIO, limit: int) -> None:
        self.filename: str | None = None
        self.size = 0
        self._target, self._limit = target, limit
        self._pending: list[bytes] = []
        self._header, self._value = b"", b""
        self._in_file, self._ended, self._received = False, False, 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_ends,
                "on_part_data": self._data,
                "on_end": self._end,
            },
        )

    def _part_begins(self) -> None:
        self._in_file = False

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        name, value = self._header.lower(), self._value
        self._header = self._value = b""
        if name != b"content-disposition":
            return
        _, options = parse_options_header(value)
        if b"filename" not in options:
            return
        if self.filename is not None:
            raise NotAnUpload("Send one file at a time.")
        self.filename, self._in_file = options[b"filename"].decode("utf-8", "replace"), True

    def _data(self, data: bytes, start: int, end: int) -> None:
        if not self._in_file:
            return
        self.size += end - start
        if self.size > self._limit:
            raise TooLarge
        self._pending.append(data[start:end])

    def _end(self) -> None:
        self._ended = True

    async def receive(self, chunks: AsyncIterable[bytes]) -> None:
        """Read the whole body; raises when it is no upload, too large or cut short."""
        async for chunk in chunks:
            self._received += len(chunk)
            if self._received > self._limit + OVERHEAD_BYTES:
                raise TooLarge
            if chunk:
                self._parser.write(chunk)
            if self._pending:
                data, self._pending = b"".join(self._pending), []
                await asyncio.to_thread(self._target.write, data)
        if not self._ended or self.filename is None:
            raise NotAnUpload("The body holds no complete file.")


def safe_extension(filename: str, known: frozenset[str]) -> str:
    """Return the extension of a client's file name if it is a known one, else `bin`."""
    found = re.search(r"\.([A-Za-z0-9]{1,5})$", filename)
    extension = found[1].lower() if found else ""
    return extension if extension in known else "bin"
