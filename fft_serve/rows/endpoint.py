"""`GET /models/{name}/rows`: the format, the headers and the body of an answer."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from fft_core.json_files.artifacts import spelled
from fft_serve.problems import ProblemError
from fft_serve.rows.formats import MEDIA, JsonRows, parquet_bytes, writer_of
from fft_serve.rows.walk import Page, RowsRequest, explained, open_page, rules_of, unfit, version_of_now

if TYPE_CHECKING:
    import pyarrow as pa

    from fft_core.build.served_files import Withheld
    from fft_serve.slots import Slot
    from fft_serve.sources import Version

_log = logging.getLogger(__name__)
_NEXT = ("Link", "X-FFT-Next")


def chosen_format(suffix: str | None, accept: str) -> str:
    """Return the format of an answer: by the suffix of the address, or by the header. Raises ProblemError.

    >>> chosen_format(None, "text/csv, application/json;q=0.5"), chosen_format("arrow", ""), chosen_format(None, "*/*")
    ('csv', 'arrow', 'json')
    """
    if suffix is not None:
        if suffix not in MEDIA:
            raise ProblemError("not_acceptable", f"there is no format {suffix!r}: {', '.join(MEDIA)}")
        return suffix
    for media in _by_preference(accept or "*/*"):
        if media in ("*/*", "application/*"):
            return "json"
        found = next((name for name, kind in MEDIA.items() if kind.partition(";")[0] == media), None)
        if found is not None:
            return found
        if media == "text/*":
            return "csv"
    kinds = ", ".join(kind.partition(";")[0] for kind in MEDIA.values())
    raise ProblemError("not_acceptable", f"the rows can be sent as {kinds}")


def _by_preference(accept: str) -> list[str]:
    found = []
    for position, part in enumerate(accept.split(",")):
        media, _, rest = part.strip().partition(";")
        weight = 1.0
        for parameter in rest.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name == "q":
                is_number = value.isascii() and value.replace(".", "", 1).isdigit()
                weight = float(value) if is_number else 0.0
        if weight > 0:
            found.append((-weight, position, media.strip().lower()))
    return [media for _, _, media in sorted(found)]


def etag_of(rows: RowsRequest, format: str, version: Version, withheld: Withheld | None) -> str:
    """Return the entity tag of an answer: the data version, and what else its content depends on.

    An address can be asked for in several formats, and a cache must not take one for another. Other personal columns
    or conditions make another answer of the same version, and JSON tells of a build that published nothing.
    """
    parts = [version.data_version]
    if format != "json":
        parts.append(format)
    elif withheld is not None:
        parts.append(f"withheld {spelled(withheld.at)}")
    rules = rules_of(rows)
    return f'W/"{";".join([*parts, *([rules] if rules else [])])}"'


def is_known(header: str, etag: str) -> bool:
    """Return whether the client has an answer, as it says in If-None-Match."""
    tags = [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return "*" in tags or etag.removeprefix("W/") in tags


def headers_of_now(rows: RowsRequest, format: str) -> dict[str, str] | None:
    """Return the headers of an answer of now; None if the request cannot be answered."""
    version = version_of_now(rows)
    if version is None:
        return None
    return version_headers(rows, format, version, rows.loaded.sources.withheld(rows.model.name))


def version_headers(rows: RowsRequest, format: str, version: Version, withheld: Withheld | None) -> dict[str, str]:
    """Return the headers about the version of an answer."""
    headers = {
        "ETag": etag_of(rows, format, version, withheld),
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Authorization",
        "X-FFT-Data-Version": version.data_version,
    }
    if version.built_at is not None:
        headers["Last-Modified"] = format_datetime(version.built_at, usegmt=True)
        headers["X-FFT-Built-At"] = spelled(version.built_at) or ""
    if version.run_id:
        headers["X-FFT-Run-Id"] = version.run_id
    if withheld is not None:
        headers["X-FFT-Withheld"] = withheld.status
    return {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}


def withheld_json(withheld: Withheld | None) -> dict[str, object] | None:
    """Return what is said of a build that published nothing after the served version."""
    if withheld is None:
        return None
    return {
        "status": withheld.status,
        "at": spelled(withheld.at),
        "run_id": withheld.run_id,
        "checks": list(withheld.checks),
    }


@contextmanager
def _fitting(model: str) -> Iterator[None]:
    """Turn the errors of writing values into problems: years that Python cannot hold, and intervals in Parquet."""
    import pyarrow as pa

    try:
        yield
    except (ValueError, OverflowError, pa.ArrowException) as error:
        _log.warning("the rows of %s cannot be sent: %s", model, error)
        raise unfit(model) from error


@dataclass(frozen=True)
class RowsAnswer:
    """Answers one request for rows.

    Attributes:
        request: The request as it came.
        rows: The request, read.
        format: The format of the answer.
        slot: The place among those that are answered at once; it is left when the answer ends.
        count_rows: Called with the number of rows that are sent.
    """

    request: Request
    rows: RowsRequest
    format: str
    slot: Slot
    count_rows: Callable[[int], None]

    async def response(self) -> Response:
        """Return the response; a stream leaves the slot when it ends."""
        if self.request.method == "HEAD":
            try:
                return await self.slot.run(self._head)
            finally:
                self.slot.leave()
        is_stream = self._is_whole and self.format in ("ndjson", "csv", "arrow")
        if not is_stream or self.request.scope["http_version"] == "1.0":  # whose streams have no end to miss
            try:
                return await self.slot.run(self._whole)
            finally:
                self.slot.leave()
        return await self._streamed()

    @property
    def _is_whole(self) -> bool:
        """Whether all rows are asked for: JSON comes in pages, other formats if a limit or a cursor is given."""
        return not {"limit", "cursor"} & dict(self.rows.parameters).keys()

    def _head(self) -> Response:
        """Answer without a body: of a page, or of its first row if all rows are asked for."""
        is_all = self.format != "json" and self._is_whole
        with open_page(self.rows, default_limit=1 if is_all else self.rows.settings.default_rows) as page:
            headers = {name: value for name, value in self._headers(page).items() if not is_all or name not in _NEXT}
        answer = Response(None, 200, headers, MEDIA[self.format])
        del answer.headers["content-length"]  # not that of the rows
        return answer

    def _whole(self) -> Response:
        """Make an answer that fits into memory and has its length: a page, a Parquet file, or rows for HTTP/1.0."""
        is_all = self.format != "json" and self._is_whole
        settings = self.rows.settings
        limit = int(settings.stream_mb * 1_000_000)
        with open_page(self.rows, default_limit=None if is_all else settings.default_rows) as page:
            with explained(self.rows.model.name), _fitting(self.rows.model.name):
                body = self._body(page, limit)
            if body is None or len(body) > limit:
                raise ProblemError("too_large", f"the answer is larger than {settings.stream_mb:g} MB: ask for less")
            return Response(body, 200, self._headers(page), MEDIA[self.format])

    def _body(self, page: Page, limit: int) -> bytes | None:
        batches = self._counted(page)
        if self.format == "json":
            return self._json(page)
        if self.format == "parquet":
            return parquet_bytes(page.schema, batches, limit)
        writer, sink = writer_of(self.format, page.schema, page.json_columns), io.BytesIO()
        sink.write(writer.begin())
        for batch in batches:
            sink.write(writer.write(batch))
            if sink.tell() > limit:
                return None
        sink.write(writer.end())
        return sink.getvalue()

    def _counted(self, page: Page) -> Iterator[pa.RecordBatch]:
        for batch in page.batches:
            self.count_rows(batch.num_rows)
            yield batch

    def _json(self, page: Page) -> bytes:
        spelling = JsonRows(page.schema, page.json_columns)
        rows = ",".join(row for batch in self._counted(page) for row in spelling.rows(batch))
        more: dict[str, object] = {"next": page.next, "data_version": page.version.data_version}
        more["built_at"] = spelled(page.version.built_at)
        if page.count is not None:
            more["count"] = page.count
        withheld = withheld_json(self._withheld())
        if withheld is not None:
            more["withheld"] = withheld
        return f'{{"rows":[{rows}],{json.dumps(more, ensure_ascii=False)[1:]}'.encode()

    def _withheld(self) -> Withheld | None:
        return self.rows.loaded.sources.withheld(self.rows.model.name)

    def _headers(self, page: Page) -> Mapping[str, str]:
        headers = version_headers(self.rows, self.format, page.version, self._withheld())
        if page.next is not None:
            query = [(name, value) for name, value in self.rows.parameters if name != "cursor"]
            headers["X-FFT-Next"] = page.next
            headers["Link"] = f'<{self.request.url.path}?{urlencode([*query, ("cursor", page.next)])}>; rel="next"'
        if page.count is not None:
            headers["X-FFT-Count"] = str(page.count)
        return headers

    async def _streamed(self) -> Response:
        """Answer with all rows. If it fails in between, the connection ends without the end of the answer."""
        context = open_page(self.rows, default_limit=None)
        is_open = False
        try:
            page = await self.slot.run(context.__enter__)
            is_open = True
            headers = await self.slot.run(lambda: self._headers(page))
            parts = self._parts(page)
            first = await self.slot.run(lambda: next(parts, b""))
        except BaseException:
            with anyio.CancelScope(shield=True):
                if is_open:
                    await self.slot.run(lambda: context.__exit__(None, None, None))
            self.slot.leave()
            raise
        return StreamingResponse(self._sent(context, first, parts), 200, headers, MEDIA[self.format])

    def _parts(self, page: Page) -> Iterator[bytes]:
        writer = writer_of(self.format, page.schema, page.json_columns)
        with explained(self.rows.model.name), _fitting(self.rows.model.name):
            begin = writer.begin()
            for batch in self._counted(page):
                yield begin + writer.write(batch)
                begin = b""
            yield begin + writer.end()

    async def _sent(
        self, context: AbstractContextManager[Page], first: bytes, parts: Iterator[bytes]
    ) -> AsyncIterator[bytes]:
        limit, sent, part = self.rows.settings.stream_mb * 1_000_000, 0, first
        try:
            while True:
                sent += len(part)
                if sent > limit:  # the client must not take the part for the whole
                    raise ProblemError("too_large", "the stream is larger than FFT_SERVE_STREAM_MB")
                if part:
                    yield part
                found = await self.slot.run(lambda: next(parts, None))
                if found is None:
                    return
                part = found
        finally:
            with anyio.CancelScope(shield=True):
                await self.slot.run(lambda: context.__exit__(None, None, None))
            self.slot.leave()
