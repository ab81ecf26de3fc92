"""Streams of protocols and data formats with the truth, made from public formats with a seed."""

from __future__ import annotations

import gzip
import json
import pickle
import random
import struct
from collections.abc import Callable
from dataclasses import replace

from app.core.framing import frame
from tests.doctor.streams import ACCENTED, KOREAN, WORDS, Maker, Stream, kept, varint

Bytes = Callable[[random.Random], bytes]
HOSTS = ("localhost", "10.0.0.7:9000", "echo.example.org", "127.0.0.1:35009")
AGENTS = ("curl/8.5.0", "python-requests/2.32", "Go-http-client/1.1", "Mozilla/5.0 (X11)")


def word(rng: random.Random) -> str:
    return rng.choice(WORDS)


def http(rng: random.Random) -> bytes:
    method = rng.choice("GET POST PUT HEAD DELETE OPTIONS PATCH PROPFIND CONNECT MKCOL".split())
    host = rng.choice(HOSTS)
    target = (
        f"{host.split(':')[0]}:443" if method == "CONNECT" else f"/{word(rng)}/{rng.randint(0, 99)}"
    )
    lines = [f"{method} {target} HTTP/1.{rng.randint(0, 1)}", f"Host: {host}"]
    lines.append(f"User-Agent: {rng.choice(AGENTS)}")
    body = b""
    if method in ("POST", "PUT", "PATCH"):
        body = json.dumps({"id": rng.randint(1, 99)}).encode()
        if rng.random() < 0.3:
            lines.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def http2(rng: random.Random) -> bytes:
    settings = b"".join(
        struct.pack(">HI", rng.randint(1, 6), rng.choice((0, 100, 65535, 1 << 20)))
        for _ in range(rng.randint(0, 6))
    )
    data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    data += len(settings).to_bytes(3, "big") + b"\x04\0\0\0\0\0" + settings
    if rng.random() < 0.5:
        data += b"\0\0\x04\x08\0\0\0\0\0" + struct.pack(">I", rng.randint(1, 1 << 30))
    return data


def tls(rng: random.Random) -> bytes:
    body = b"\x03\x03" + rng.randbytes(32) + b"\x20" + rng.randbytes(32)
    body += struct.pack(">H", 8) + rng.randbytes(8) + b"\x01\0"
    extensions = rng.randbytes(rng.randint(20, 400))
    body += struct.pack(">H", len(extensions)) + extensions
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03" + rng.choice((b"\x01", b"\x03")) + struct.pack(">H", len(hello)) + hello


def redis(rng: random.Random) -> bytes:
    data = b""
    for _ in range(rng.randint(1, 3)):
        parts = [
            rng.choice(("SET", "GET", "HELLO", "CLIENT", "AUTH")),
            word(rng),
            str(rng.random()),
        ]
        parts = parts[: rng.randint(1, 3)]
        data += b"*%d\r\n" % len(parts)
        data += b"".join(b"$%d\r\n%s\r\n" % (len(part), part.encode()) for part in parts)
    return data


def memcached(rng: random.Random) -> bytes:
    data = b""
    for _ in range(rng.randint(1, 3)):
        value = rng.randbytes(rng.randint(0, 20))
        data += rng.choice(
            (
                f"get {word(rng)}:{rng.randint(1, 99)}\r\n".encode(),
                f"gets {word(rng)} {word(rng)}\r\n".encode(),
                b"set %s 0 %d %d\r\n%s\r\n"
                % (word(rng).encode(), rng.randint(0, 999), len(value), value),
                b"incr counter 1\r\n",
                b"version\r\n",
            )
        )
    return data


def memcached_binary(rng: random.Random) -> bytes:
    key = f"{word(rng)}:{rng.randint(1, 999)}".encode()
    extras = rng.choice((b"", bytes(8)))
    value = rng.randbytes(rng.randint(0, 30)) if extras else b""
    head = struct.pack(
        ">BBHBBHIIQ", 0x80, 1 if extras else 0, len(key), len(extras), 0, 0,
        len(key) + len(extras) + len(value), rng.randint(0, 1 << 31), 0,
    )  # fmt: skip
    return head + extras + key + value


def postgres(rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return struct.pack(">II", 8, rng.choice((80877103, 80877104)))
    pairs = {"user": word(rng), "database": word(rng), "application_name": "psql"}
    body = b"".join(f"{key}\0{value}\0".encode() for key, value in pairs.items()) + b"\0"
    return struct.pack(">II", len(body) + 8, 0x30000) + body


def mysql(rng: random.Random) -> bytes:
    sql = rng.choice(("SELECT 1", "SHOW TABLES", "INSERT INTO t VALUES (1)", "set names utf8mb4"))
    body = b"\x03" + sql.encode() + word(rng).encode() * rng.randint(0, 1)
    return len(body).to_bytes(3, "little") + b"\0" + body


def mongodb(rng: random.Random) -> bytes:
    name = word(rng).encode() + b"\0"
    text = (
        b"\x10hello\0" + struct.pack("<i", 1) + b"\x02$db\0" + struct.pack("<i", len(name)) + name
    )
    document = struct.pack("<i", len(text) + 5) + text + b"\0"
    body = struct.pack("<I", 0) + b"\0" + document
    return struct.pack("<iiii", 16 + len(body), rng.randint(1, 1 << 30), 0, 2013) + body


def kafka(rng: random.Random) -> bytes:
    client = rng.choice(("rdkafka", "producer-1", "sarama", "kgo", "orders")).encode()
    version = rng.choice((0, 2, 3, 4))
    body = struct.pack(">HHIH", 18, version, rng.randint(0, 9), len(client)) + client
    if version >= 3:
        name, release = b"apache-kafka-java", b"3.%d.0" % rng.randint(0, 9)
        body += b"\0" + bytes([len(name) + 1]) + name + bytes([len(release) + 1]) + release + b"\0"
    return frame(body)


def zookeeper(rng: random.Random) -> bytes:
    body = struct.pack(
        ">iqiqi",
        0,
        rng.choice((0, rng.randint(0, 1 << 40))),
        rng.choice((3000, 10000, 40000)),
        0,
        16,
    )
    return frame(body + bytes(16) + rng.choice((b"", b"\0")))


def mqtt(rng: random.Random) -> bytes:
    client = f"meter-{rng.randint(1, 9999)}".encode()
    version = rng.choice((3, 4, 5))
    name = b"\0\x06MQIsdp" if version == 3 else b"\0\x04MQTT"
    properties = b"\0" if version == 5 else b""
    body = name + bytes([version, 2]) + struct.pack(">H", 60) + properties
    body += struct.pack(">H", len(client)) + client
    return b"\x10" + varint(len(body)) + body


def dns(rng: random.Random) -> bytes:
    labels = [word(rng), rng.choice(("example", "test")), rng.choice(("org", "com"))]
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
    more = rng.randint(0, 1)
    body = struct.pack(">HHHHHH", rng.randint(0, 65535), 0x0100, 1, 0, 0, more)
    body += name + struct.pack(">HH", rng.choice((1, 15, 16, 28, 252)), 1)
    if more:
        body += b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    return struct.pack(">H", len(body)) + body


def ldap(rng: random.Random) -> bytes:
    name, password = f"cn={word(rng)},dc=example".encode(), word(rng).encode()
    bind = (
        b"\x02\x01\x03\x04"
        + bytes([len(name)])
        + name
        + b"\x80"
        + bytes([len(password)])
        + password
    )
    body = b"\x02\x01" + bytes([rng.randint(1, 9)]) + b"\x60" + bytes([len(bind)]) + bind
    return b"\x30" + bytes([len(body)]) + body


def smb(rng: random.Random) -> bytes:
    return frame(b"\xfeSMB\x40\0" + bytes(58) + rng.randbytes(rng.randint(36, 180)))


def rdp(rng: random.Random) -> bytes:
    cookie = f"Cookie: mstshash={word(rng)}\r\n".encode() if rng.random() < 0.7 else b""
    body = b"\xe0\0\0\0\0\0" + cookie + b"\x01\0\x08\0" + bytes([rng.choice((1, 3, 11)), 0, 0, 0])
    return b"\x03\0" + struct.pack(">H", len(body) + 5) + bytes([len(body)]) + body


def socks(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return rng.choice(
            (b"\x05\x01\0", b"\x05\x02\0\x02", b"\x05\x02\0\x01", b"\x05\x03\0\x01\x02")
        )
    if rng.random() < 0.5:
        return (
            b"\x04\x01\0\x50" + bytes([10, 0, 0, rng.randint(1, 250)]) + word(rng).encode() + b"\0"
        )
    return b"\x04\x01\x01\xbb\0\0\0\x01\0" + word(rng).encode() + b".example\0"


def websocket_frame(rng: random.Random) -> bytes:
    data = b""
    for _ in range(rng.randint(1, 3)):
        text, mask = " ".join(rng.choices(WORDS, k=4)).encode(), rng.randbytes(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
        data += b"\x81" + bytes([0x80 | len(masked)]) + mask + masked
    return data


def thrift_message(rng: random.Random) -> bytes:
    name = rng.choice(("ping", "getUser", "list_items", "Scribe.Log")).encode()
    text = word(rng).encode()
    fields = b"\x08\0\x01" + struct.pack(">i", rng.randint(0, 9999))
    fields += b"\x0b\0\x02" + struct.pack(">I", len(text)) + text
    head = b"\x80\x01\0\x01" + struct.pack(">I", len(name)) + name
    return head + struct.pack(">I", rng.randint(0, 99)) + rng.choice((b"", fields)) + b"\0"


def cassandra(rng: random.Random) -> bytes:
    version = rng.choice((3, 4, 5))
    if rng.random() < 0.5:
        return bytes([version]) + b"\0\0\0\x05\0\0\0\0"
    body = b"\0\x01\0\x0bCQL_VERSION\0\x053.0.0"
    return bytes([version]) + b"\0\0\x01\x01" + struct.pack(">I", len(body)) + body


def x11(rng: random.Random) -> bytes:
    order = rng.choice("<>")
    name, data = rng.choice(((b"", b""), (b"MIT-MAGIC-COOKIE-1", rng.randbytes(16))))
    head = (b"l" if order == "<" else b"B") + b"\0"
    head += struct.pack(order + "HHHHH", 11, 0, len(name), len(data), 0)
    return head + name + bytes(-len(name) % 4) + data


def bittorrent(rng: random.Random) -> bytes:
    return b"\x13BitTorrent protocol" + bytes(8) + rng.randbytes(40)


def json_lines(rng: random.Random) -> bytes:
    return b"".join(
        json.dumps({"id": rng.randint(1, 99), "method": word(rng)}).encode() + b"\n"
        for _ in range(rng.randint(1, 4))
    )


def lsp(rng: random.Random) -> bytes:
    body = json.dumps({"jsonrpc": "2.0", "id": rng.randint(1, 9), "method": "initialize"}).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def stomp(rng: random.Random) -> bytes:
    head = rng.choice(("CONNECT", "STOMP"))
    return f"{head}\naccept-version:1.2\nhost:{word(rng)}\nlogin:{word(rng)}\n\n\0".encode()


def proxy_v1(rng: random.Random) -> bytes:
    line = f"PROXY TCP4 10.0.0.{rng.randint(1, 250)} 10.0.0.9 {rng.randint(1024, 65535)} 9000\r\n"
    return line.encode() + rng.choice((b"", http(rng), frame(b"hello")))


def proxy_v2(rng: random.Random) -> bytes:
    addresses = rng.randbytes(8) + struct.pack(">HH", rng.randint(1024, 65535), 9000)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + addresses + rng.choice((b"", frame(b"hello")))


def utf16(rng: random.Random) -> bytes:
    text = " ".join(rng.choices(WORDS, k=5)) + "\r\n"
    return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-16-be")))


def pickled(rng: random.Random) -> bytes:
    return pickle.dumps(
        {"id": rng.randint(1, 9999), "op": word(rng), "v": [rng.random()]}, rng.randint(2, 5)
    )


def text(rng: random.Random) -> bytes:
    return " ".join(rng.choices(WORDS + list(KOREAN) + list(ACCENTED), k=9)).encode() + b"\n"


def ssh(rng: random.Random) -> bytes:
    return f"SSH-2.0-OpenSSH_{rng.randint(7, 9)}.{rng.randint(0, 9)}\r\n".encode()


def amqp(rng: random.Random) -> bytes:
    return b"AMQP" + rng.choice((b"\0\0\x09\x01", b"\0\x01\0\0", b"\x03\x01\0\0"))


def smtp(rng: random.Random) -> bytes:
    return f"{rng.choice(('EHLO', 'HELO'))} {word(rng)}.example\r\n".encode()


def rtsp(rng: random.Random) -> bytes:
    url = f"rtsp://{rng.choice(HOSTS)}/a"
    return f"OPTIONS {url} RTSP/1.0\r\nCSeq: {rng.randint(1, 9)}\r\n\r\n".encode()


def java(rng: random.Random) -> bytes:
    return b"\xac\xed\0\x05t\0\x05" + word(rng).encode()[:5].ljust(5)


def zipped(rng: random.Random) -> bytes:
    return gzip.compress(" ".join(rng.choices(WORDS, k=20)).encode())


def kind(make: Bytes, *codes: str, tolerated: tuple[str, ...] = (), cuts: bool = True) -> Maker:
    """Streams of `make`: whole, ended or not, or cut somewhere in the second half."""

    def draw(rng: random.Random) -> Stream:
        stream = Stream(make(rng), codes, ("u32be", "text_utf8", *tolerated), rng.random() < 0.3)
        if cuts and rng.random() < 0.3:
            at = rng.randint(max(1, len(stream.data) * 6 // 10), len(stream.data))
            stream = replace(stream, data=stream.data[:at], ended=False)
        return kept(stream)

    return draw


PROTOCOL_KINDS: dict[str, Maker] = {
    "http1": kind(http, "http1"),
    "http2": kind(http2, "http2", "grpc", tolerated=("http1",)),
    "tls": kind(tls, "tls"),
    "ssh": kind(ssh, "ssh"),
    "redis": kind(redis, "redis"),
    "memcached": kind(memcached, "memcached"),
    "memcached_binary": kind(memcached_binary, "memcached_binary"),
    "postgres": kind(postgres, "postgres", tolerated=("counts_itself", "long_length")),
    "mysql": kind(mysql, "mysql", "u32le"),
    "mongodb": kind(mongodb, "mongodb", "counts_itself_le"),
    "kafka": kind(kafka, "kafka"),
    "zookeeper": kind(zookeeper, "zookeeper"),
    "amqp": kind(amqp, "amqp"),
    "mqtt": kind(mqtt, "mqtt"),
    "smtp_like": kind(smtp, "smtp_like", "text_utf8"),
    "dns": kind(dns, "dns", "u16be"),
    "ldap": kind(ldap, "ldap"),
    "smb": kind(smb, "smb"),
    "rdp": kind(rdp, "rdp"),
    "socks": kind(socks, "socks", cuts=False),
    "proxy_v1": kind(proxy_v1, "proxy_v1", tolerated=("http1",)),
    "proxy_v2": kind(proxy_v2, "proxy_v2"),
    "websocket": kind(websocket_frame, "websocket"),
    "thrift": kind(thrift_message, "thrift"),
    "thrift_framed": kind(lambda rng: frame(thrift_message(rng)), "thrift_framed"),
    "bittorrent": kind(bittorrent, "bittorrent"),
    "x11": kind(x11, "x11"),
    "cassandra": kind(cassandra, "cassandra", tolerated=("u32le", "counts_itself_le")),
    "json_lines": kind(json_lines, "json_lines"),
    "lsp": kind(lsp, "lsp"),
    "rtsp": kind(rtsp, "rtsp", tolerated=("http1",)),
    "stomp": kind(stomp, "stomp"),
    "text_utf8": kind(text, "text_utf8"),
    "text_utf16": kind(utf16, "text_utf16"),
    "gzip": kind(zipped, "gzip"),
    "java_serialization": kind(java, "java_serialization"),
    "pickle": kind(pickled, "pickle"),
    "zeros": kind(lambda rng: bytes(rng.randint(100, 600)), "zeros", tolerated=("buffer_tail",)),
}
"""Makers by the name of the kind, which is the first code."""
