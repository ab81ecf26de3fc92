"""Signatures of protocols that are lines of text."""

from __future__ import annotations

import json
import re
from typing import Final

from .evidence import Stream
from .signatures import Match, Signature, is_text

_METHODS: Final = (
    b"GET POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK"
    b" UNLOCK REPORT SEARCH MKCALENDAR MKACTIVITY CHECKOUT MERGE NOTIFY SUBSCRIBE UNSUBSCRIBE"
    b" M-SEARCH PURGE LINK UNLINK ACL BIND SOURCE QUERY"
).split()
_REQUEST: Final = re.compile(rb"[A-Z][A-Z-]{1,19} [!-~\x80-\xff]+ (HTTP/1\.[01]|RTSP/[12]\.0)\r?\n")
_RESPONSE: Final = re.compile(rb"(HTTP/1\.[01]|RTSP/[12]\.0) [1-5]\d\d( [ -~]*)?\r?\n")
_BEGUN: Final = re.compile(
    rb"(?:" + b"|".join(_METHODS) + rb") (/|\*|https?://|rtsps?://|[\w.-]+:\d)[!-~\x80-\xff]*"
    rb"( (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:[01]\r?)?)?)?)?)?)?)?"
    rb"|R(?:T(?:S(?:P(?:/(?:[12](?:\.(?:0\r?)?)?)?)?)?)?)?)?)?"
)
_FIELD: Final = re.compile(rb"[!#-'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r?\n")
_FIELD_BEGUN: Final = re.compile(rb"\r?|[!#-'*+.^_`|~0-9A-Za-z-]+(:[^\r\n\0]*\r?)?")
_BLANK: Final = re.compile(rb"\r?\n")
_LENGTH: Final = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,15})[ \t]*\r?$")
_CHUNKED: Final = re.compile(rb"(?im)^transfer-encoding:.*\bchunked\b")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n")
_WEBSOCKET: Final = re.compile(rb"(?im)^upgrade:[ \t]*websocket\b")
_UPGRADE: Final = re.compile(rb"(?im)^upgrade:")


def http(stream: Stream) -> Match | None:
    """HTTP/1 and RTSP: request after request (or a response), each with its body."""
    data, at = stream.data, 0
    what = ""
    while at < stream.size:
        start = _REQUEST.match(data, at) or _RESPONSE.match(data, at)
        if start is None:
            begun = _BEGUN.fullmatch(data, at)
            if begun is None:
                return None
            is_rtsp = begun[1].startswith(b"rtsp") or b" R" in begun[0]
            if not what and begun[1] == b"*" and not is_rtsp and b" H" not in begun[0]:
                return Match("http1", "HTTP/1", ("rtsp",))  # the version would decide
            return _http_match(what or ("rtsp" if is_rtsp else "http1"), b"")
        what = what or ("rtsp" if b"RTSP/" in (start[1], start[1][:5]) else "http1")
        fields_at = at = start.end()
        while field := _FIELD.match(data, at):
            at = field.end()
        fields = data[fields_at:at]
        blank = _BLANK.match(data, at)
        if blank is None:
            return _http_match(what, fields) if _FIELD_BEGUN.fullmatch(data, at) else None
        at = blank.end()
        is_response = start.re is _RESPONSE
        is_opaque = _UPGRADE.search(fields) or start[0].startswith(b"CONNECT ")
        length = _LENGTH.search(fields)
        if is_opaque or (is_response and not length and not _CHUNKED.search(fields)):
            return _http_match(what, fields)
        if _CHUNKED.search(fields):
            at = _behind_chunks(data, at)
        elif length:
            at += int(length[1])
        if at < 0:
            return None
        if _WEBSOCKET.search(fields):
            break
    return _http_match(what, fields)


def _behind_chunks(data: bytes, at: int) -> int:
    """The offset behind a chunked body; -1 if it is none."""
    while at < len(data):
        chunk = _CHUNK.match(data, at)
        if chunk is None:
            return len(data) if re.fullmatch(rb"[0-9A-Fa-f]{0,8}[^\r\n]*\r?", data[at:]) else -1
        size = int(chunk[1], 16)
        at = chunk.end() + size
        if data[at : at + 2] not in (b"\r\n", b"\r", b"") and size:
            return -1
        at += 2
        if not size:
            return chunk.end() + 2 if data[chunk.end() : chunk.end() + 2] == b"\r\n" else len(data)
    return at


def _http_match(what: str, fields: bytes) -> Match:
    if what == "rtsp":
        return Match("rtsp", "RTSP")
    if _WEBSOCKET.search(fields):
        return Match("websocket", "the handshake of a WebSocket (an HTTP request)", ("http1",))
    return Match("http1", "HTTP/1")


_SSH: Final = re.compile(rb"SSH-(2\.0|1\.99|1\.5)-[ -~]+\r?\n")
_SSH_BEGUN: Final = re.compile(rb"SSH-(2\.0|1\.99|1\.5)-[ -~]*\r?")


def ssh(stream: Stream) -> Match | None:
    """The banner, then binary packets, of which the first is a key exchange (type 20)."""
    banner = _SSH.match(stream.data)
    if banner is None:
        return Match("ssh", "SSH") if _SSH_BEGUN.fullmatch(stream.data) else None
    rest = stream.data[banner.end() :]
    if rest and (rest[:2] != b"\0\0"[: len(rest)] or rest[5:6] not in (b"", b"\x14", b"\x1e")):
        return None
    return Match("ssh", "SSH")


_REDIS_INLINE: Final = re.compile(
    rb"(?:PING|INFO(?: \w+)?|DBSIZE|FLUSHALL|FLUSHDB|MONITOR|COMMAND|RANDOMKEY|CLIENT LIST"
    rb"|(?:GET|INCR|DECR|DEL|EXISTS|TTL|KEYS|LLEN|SMEMBERS|HGETALL|TYPE|AUTH|SELECT|ECHO) [!-~]+"
    rb"|(?:SET|HGET|LPUSH|RPUSH|SADD|APPEND|EXPIRE|CONFIG GET) [!-~]+ [!-~]+)\r?\n"
)
_REDIS_HEAD: Final = re.compile(rb"([*$%~>])(\d{1,9})\r\n")
_REDIS_HEAD_BEGUN: Final = re.compile(rb"[*$](\d{1,9}\r?)?")
_REDIS_SIMPLE: Final = re.compile(
    rb"(\+(OK|PONG|QUEUED)|-(ERR|WRONGTYPE|NOAUTH|MOVED|LOADING)\b[ -~]*)\r\n"
)


def redis(stream: Stream) -> Match | None:
    """Arrays of bulk strings (RESP), or commands that were typed."""
    data, at = stream.data, 0
    if data[:1] == b"*":
        return Match("redis", "the Redis protocol (RESP)") if _is_resp(stream) else None
    if simple := _REDIS_SIMPLE.match(data):
        return (
            Match("redis", "an answer of a Redis server") if simple.end() == stream.size else None
        )
    while line := _REDIS_INLINE.match(data, at):
        at = line.end()
    if not at or at < stream.size:
        return None
    return Match("redis", "Redis commands as they are typed", ("text_utf8",))


def _is_resp(stream: Stream) -> bool:
    data, at, items, seen = stream.data, 0, 0, 0
    while at < stream.size:
        head = _REDIS_HEAD.match(data, at)
        if head is None:
            return seen > 0 and _REDIS_HEAD_BEGUN.fullmatch(data, at) is not None
        kind, count = head[1], int(head[2])
        if (kind == b"*") == (items > 0) or kind not in b"*$" or not (count or items):
            return False
        at = head.end()
        seen += 1
        if kind == b"*":
            items = count
            continue
        items -= 1
        at += count
        if data[at : at + 2] not in (b"\r\n", b"\r", b""):
            return False
        at += 2
    return seen > 1 or (seen == 1 and not stream.ended and items < 100)


_KEY: Final = rb"[!-~\x80-\xff]{1,250}"
_STORE: Final = re.compile(
    rb"(?:set|add|replace|append|prepend|cas) "
    + _KEY
    + rb" \d{1,10} -?\d{1,10} (\d{1,8})(?: \d+)?(?: noreply)?\r\n"
)
_MEMCACHED_LINE: Final = re.compile(
    rb"(?:gets?(?: " + _KEY + rb")+|gats? \d+(?: " + _KEY + rb")+|delete " + _KEY + rb"(?: 0)?"
    rb"|(?:incr|decr) " + _KEY + rb" \d+|touch " + _KEY + rb" -?\d+|stats(?: (?:items|slabs|sizes"
    rb"|settings|conns|reset|detail \w+|cachedump \d+ \d+))?|flush_all(?: \d+)?|verbosity \d+"
    rb"|version|mn|m[gdae] " + _KEY + rb"(?: [!-~]+)*)(?: noreply)?\r\n"
)
_META_SET: Final = re.compile(rb"ms " + _KEY + rb" (\d{1,8})(?: [!-~]+)*\r\n")
_MEMCACHED_BEGUN: Final = re.compile(rb"(?:gets? |set |add |delete |incr |decr )[ -~]*\r?")


def memcached(stream: Stream) -> Match | None:
    """Command lines; those that store have a value behind them."""
    data, at, count = stream.data, 0, 0
    while at < stream.size:
        if store := _STORE.match(data, at) or _META_SET.match(data, at):
            at = store.end() + int(store[1])
            if data[at : at + 2] not in (b"\r\n", b"\r", b""):
                return None
            at += 2
        elif line := _MEMCACHED_LINE.match(data, at):
            at = line.end()
        elif count and _MEMCACHED_BEGUN.fullmatch(data, at):
            break
        else:
            return None
        count += 1
    return Match("memcached", "the memcached text protocol")


_SMTP: Final = re.compile(
    rb"(?:(?:EHLO|HELO|LHLO|ehlo|helo|lhlo) [!-~]+|MAIL FROM:<[!-~]*>[ -~]*)\r?\n"
)
_GREETING: Final = re.compile(rb"220[ -][ -~]*\b(E?SMTP|FTP)\b[ -~]*\r\n")


def smtp(stream: Stream) -> Match | None:
    """The first command of a mail client, or a mail server's greeting."""
    first = _SMTP.match(stream.data)
    if first and is_text(stream.data):
        return Match("smtp_like", "SMTP", ("text_utf8",))
    if _GREETING.match(stream.data) and is_text(stream.data):
        return Match("smtp_like", "the greeting of a mail or FTP server", ("text_utf8",))
    return None


_PROXY: Final = re.compile(
    rb"PROXY (?:TCP4 \d+\.\d+\.\d+\.\d+ \d+\.\d+\.\d+\.\d+|TCP6 [0-9A-Fa-f:.]+ [0-9A-Fa-f:.]+)"
    rb" \d{1,5} \d{1,5}\r\n|PROXY UNKNOWN[^\r\n]{0,90}\r\n"
)
_PROXY_BEGUN: Final = re.compile(rb"PROXY (?:TCP4 [\d. ]*|TCP6 [0-9A-Fa-f:. ]*|UNKNOWN[ -~]*)\r?")


def proxy_v1(stream: Stream) -> Match | None:
    """The line of a proxy before the client's own bytes."""
    if _PROXY.match(stream.data) or (
        stream.size < 108 and not stream.ended and _PROXY_BEGUN.fullmatch(stream.data)
    ):
        return Match("proxy_v1", "the PROXY protocol, version 1")
    return None


_STOMP: Final = re.compile(
    rb"(?:CONNECT|STOMP|CONNECTED|SEND|SUBSCRIBE|UNSUBSCRIBE|ACK|NACK|BEGIN|COMMIT|ABORT"
    rb"|DISCONNECT|MESSAGE|RECEIPT|ERROR)\r?\n(?:[^\r\n:\0]+:[^\r\n\0]*\r?\n)*"
)
_STOMP_FIRST: Final = re.compile(
    rb"(?:CONNECT|STOMP|CONNECTED)\r?\n(?:[\w-]+:[^\r\n\0]*\r?\n|\r?\n\0)"
)


def stomp(stream: Stream) -> Match | None:
    """Frames of a command, headers, a blank line, a body, and a NUL."""
    data, at = stream.data, 0
    if not _STOMP_FIRST.match(data):
        return None
    while at < stream.size:
        head = _STOMP.match(data, at)
        if head is None:
            return Match("stomp", "STOMP") if at and is_text(data[at:]) else None
        at = head.end()
        blank = _BLANK.match(data, at)
        if blank is None:
            return (
                Match("stomp", "STOMP") if is_text(data[at:]) and b"\n" not in data[at:] else None
            )
        end = data.find(b"\0", blank.end())
        if end < 0:
            break
        at = end + 1
        while data[at : at + 1] in (b"\n", b"\r"):
            at += 1
    return Match("stomp", "STOMP")


_LSP: Final = re.compile(
    rb"(?:Content-Type: [ -~]+\r\n)?Content-Length: (\d{1,9})\r\n(?:Content-Type: [ -~]+\r\n)?\r\n"
)
_LSP_BEGUN: Final = re.compile(rb"Content-Length: \d{1,9}\r?\n?(?:Content-Type: [ -~]*)?\r?\n?\r?")


def lsp(stream: Stream) -> Match | None:
    """``Content-Length`` and a JSON body."""
    data, at, count = stream.data, 0, 0
    while at < stream.size:
        head = _LSP.match(data, at)
        if head is None:
            rest = data[at:]
            is_begun = _LSP_BEGUN.fullmatch(rest) or (
                count and b"Content-Length: ".startswith(rest)
            )
            return Match("lsp", "the Language Server Protocol") if is_begun else None
        if data[head.end() : head.end() + 1] not in (b"{", b"[", b""):
            return None
        at = head.end() + int(head[1])
        count += 1
    return Match("lsp", "the Language Server Protocol (JSON-RPC behind Content-Length)")


def json_lines(stream: Stream) -> Match | None:
    """A JSON object or array on each line; the last line may be cut."""
    if stream.data[:1] not in (b"{", b"["):
        return None
    *lines, last = stream.data.split(b"\n")
    if not lines or (last and (last[:1] not in (b"{", b"[") or not is_text(last))):
        return None
    if last and stream.ended:
        lines.append(last)
    for line in lines[:200]:
        if line[:1] not in (b"{", b"[") or not _is_json(line):
            return None
    return Match("json_lines", "JSON, one value a line") if is_text(stream.data) else None


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


_ZOOKEEPER_WORDS: Final = frozenset({b"ruok", b"mntr", b"srvr", b"envi", b"cons", b"wchs"})


def zookeeper_word(stream: Stream) -> Match | None:
    """A command of four letters, as monitoring sends it."""
    if stream.data.rstrip(b"\r\n") not in _ZOOKEEPER_WORDS:
        return None
    return Match("zookeeper", "a four-letter command for ZooKeeper", ("text_utf8",))


TEXT_SIGNATURES: Final[tuple[Signature, ...]] = (
    proxy_v1,
    http,
    ssh,
    redis,
    memcached,
    smtp,
    stomp,
    lsp,
    json_lines,
    zookeeper_word,
)
