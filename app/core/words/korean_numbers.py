"""Korean of what `explain` says of a length (`app.doctor.numbers`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
NUMBER_TEXTS: Final[Mapping[str, str]] = {
    "Diagnosis: {code}": "진단: {code}",
    "Diagnosis: {code} (also true, or possible: {also})":
        "진단: {code} (이것도 맞거나 가능: {also})",
    "A number of {count:,} digits does not fit into 8 bytes: it is no length.":
        "{count:,}자리 수는 8바이트에 들어가지 않는다. 길이가 아니다.",
    "{number:,} does not fit into 8 bytes: it is no length.":
        "{number:,}: 8바이트에 들어가지 않는다. 길이가 아니다.",
    "{number:,} is {spelt} as 4 bytes, big-endian; with the bytes swapped {swapped:,}{less}; as"
    " text '{text}'.":
        "{number:,}: 4바이트 big-endian으로 {spelt}, 바이트를 뒤집으면 {swapped:,}{less}, 글자로는"
        " '{text}'이다.",
    "; less 4 (Netty counts the header) {number:,}": ", 4를 빼면(Netty는 헤더도 센다) {number:,}",
    "{number:,} is {spelt} as 8 bytes, big-endian; it does not fit into 4.":
        "{number:,}: 8바이트 big-endian으로 {spelt}이다. 4바이트에는 들어가지 않는다.",
    "{fact} It is a right length, within the CAP of {cap:,} bytes.":
        "{fact} CAP({cap:,}바이트) 안의 올바른 길이이다.",
    "{text} Read otherwise, it could also be {words}.": "{text} 다르게 읽으면 {words}일 수도 있다.",
    "{fact} As it stands it is over the CAP of {cap:,} bytes.":
        "{fact} 그대로 읽으면 CAP({cap:,}바이트)을 넘는다.",
    "Probably it is {words}.": "아마 {words}이다.",
    "Most probably it is {words}.": "가장 유력한 것은 {words}이다.",
    "{fact} Most probably it is {words}.": "{fact} 가장 유력한 것은 {words}이다.",
    "Less likely: {words}.": "가능성이 더 낮은 것: {words}.",
    "A number alone is no proof: look at the bytes behind it.":
        "수 하나로는 증거가 되지 않는다. 뒤의 바이트를 보아야 한다.",
    "{fact} Nothing is likely; possible is {words}.":
        "{fact} 유력한 것은 없다. 가능한 것은 {words}이다.",
    "{fact} No reading of it is likely.": "{fact} 유력한 해석이 없다.",
    "{part0}; or {part1}": "{part0}, 또는 {part1}",
    "{part0}; or {part1}; or {part2}": "{part0}, 또는 {part1}, 또는 {part2}",
    "{words} ('{text}')": "{words}('{text}')",
    "{words} ('{text}'){note}": "{words}('{text}'){note}",
    "{words}{note}": "{words}{note}",
    " (less 4, as Netty counts)": "(Netty처럼 4를 뺌)",
    ", read by a little-endian reader": "(little-endian으로 읽음)",
    "a little-endian length of {length:,}{note}": "little-endian 길이 {length:,}{note}",
    "a little-endian length of {length:,} (u32le)": "little-endian 길이 {length:,}(u32le)",
    "an 8-byte little-endian length of {length:,}": "8바이트 little-endian 길이 {length:,}",
    "a little-endian length of {length:,} that counts its own 4 bytes":
        "자신의 4바이트까지 세는 little-endian 길이 {length:,}",
    "an honest body of {size:,} bytes over the CAP (over_cap)":
        "CAP을 넘는 진짜 {size:,}바이트 바디(over_cap)",
    "a body of {size:,} bytes with a length that counts its own 4 bytes":
        "자신의 4바이트까지 세는 길이의 {size:,}바이트 바디",
    "the first bytes of a Redis client{note}": "Redis 클라이언트의 첫 바이트{note}",
    "{name} behind a body, and the first bytes of the next header":
        "바디 뒤의 {name}, 그리고 다음 헤더의 첫 바이트",
    "a line end (CR, LF)": "줄 끝(CR, LF)",
    "a newline": "개행",
    "a 1-byte length of {size} and the text '{text}'": "1바이트 길이 {size}, 이어서 글자 '{text}'",
    "a 2-byte length of {size:,} and the text '{text}'":
        "2바이트 길이 {size:,}, 이어서 글자 '{text}'",
    "the digits '{text}', a length written as text": "숫자 글자 '{text}', 곧 글자로 쓴 길이",
    "the text '{text}', as a netstring begins": "글자 '{text}', 곧 netstring의 시작",
    "the text '{text}'": "글자 '{text}'",
    "the first bytes of an HTTP response": "HTTP 응답의 첫 바이트",
    "the first bytes of an HTTP request": "HTTP 요청의 첫 바이트",
    "the first bytes of an HTTP/2 client": "HTTP/2 클라이언트의 첫 바이트",
    "the first bytes of an SSH banner": "SSH 배너의 첫 바이트",
    "the first bytes of an RTSP answer": "RTSP 응답의 첫 바이트",
    "the first bytes of the PROXY protocol, version 1": "PROXY 프로토콜 버전 1의 첫 바이트",
    "the first bytes of the PROXY protocol, version 2, or two line ends":
        "PROXY 프로토콜 버전 2의 첫 바이트, 또는 줄 끝 두 개",
    "the first bytes of a STOMP client": "STOMP 클라이언트의 첫 바이트",
    "the first bytes of Content-Length": "Content-Length의 첫 바이트",
    "the first bytes of an SMTP client": "SMTP 클라이언트의 첫 바이트",
    "the first bytes of the greeting of a mail or FTP server":
        "메일 또는 FTP 서버 인사말의 첫 바이트",
    "a Redis command": "Redis 명령",
    "the answer of a Redis server": "Redis 서버의 대답",
    "the first bytes of a memcached command": "memcached 명령의 첫 바이트",
    "the first bytes of an AMQP client": "AMQP 클라이언트의 첫 바이트",
    "the first bytes of BitTorrent": "BitTorrent의 첫 바이트",
    "the first bytes of a Thrift call without a frame": "프레임 없는 Thrift 호출의 첫 바이트",
    "the first bytes of Java's ObjectOutputStream": "Java ObjectOutputStream의 첫 바이트",
    "the first bytes of an X11 client": "X11 클라이언트의 첫 바이트",
    "the first bytes of an SMB message": "SMB 메시지의 첫 바이트",
    "the first bytes of a gzip file": "gzip 파일의 첫 바이트",
    "the first bytes of a TLS handshake: a TLS client on a plain port":
        "TLS 핸드셰이크의 첫 바이트(TLS 없는 포트에 온 TLS 클라이언트)",
    "the first bytes of a TLS alert": "TLS alert의 첫 바이트",
    "the first bytes of a TLS record": "TLS 레코드의 첫 바이트",
    "the first bytes of a JSON object": "JSON 객체의 첫 바이트",
    "the first bytes of a JSON array": "JSON 배열의 첫 바이트",
    "a byte order mark of UTF-16": "UTF-16의 BOM",
    "a byte order mark of UTF-8": "UTF-8의 BOM",
    "the first bytes of XML": "XML의 첫 바이트",
}
# fmt: on
"""By the English text or template."""
