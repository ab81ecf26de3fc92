"""Korean of what `explain` says of bytes (`app.doctor.words`) and of the names of framings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
STREAM_TEXTS: Final[Mapping[str, str]] = {
    "Write the length in network byte order (big-endian).":
        "길이를 network byte order(big-endian)로 쓴다.",
    "Write the length in 4 bytes, not 2.": "길이를 2바이트가 아니라 4바이트로 쓴다.",
    "Write the length in 4 bytes, big-endian.": "길이를 4바이트 big-endian으로 쓴다.",
    "Write the length in 4 bytes, not 3.": "길이를 3바이트가 아니라 4바이트로 쓴다.",
    "Write the length in 4 bytes, not 8.": "길이를 8바이트가 아니라 4바이트로 쓴다.",
    "Count the body alone: the length is 4 too large.": "바디만 센다. 길이가 4 크다.",
    "Count the body alone, and write the length big-endian.":
        "바디만 세고, 길이를 big-endian으로 쓴다.",
    "Write the length in 4 bytes, big-endian, and no comma behind the body.":
        "길이를 4바이트 big-endian으로 쓰고, 바디 뒤에 쉼표를 붙이지 않는다.",
    "Write the length as a number in 4 bytes, big-endian, not as text.":
        "길이를 글자가 아니라 4바이트 big-endian 수로 쓴다.",
    "Leave out the byte before the length.": "길이 앞의 바이트를 뺀다.",
    "Count these bytes in the length, or do not send them.":
        "이 바이트도 길이에 넣거나, 보내지 않는다.",
    "Count the bytes of the body as they are sent, after encoding.":
        "인코딩한 뒤 실제로 보내는 바디의 바이트를 센다.",
    "Count the bytes that are really sent.": "실제로 보내는 바이트를 센다.",
    "Let one writer send a whole frame, header and body, before the next begins.":
        "쓰는 쪽 하나가 헤더와 바디를 모두 보낸 뒤에 다음 쪽이 시작하게 한다.",
    "Send only the bytes that were filled, not the whole buffer.":
        "버퍼 전체가 아니라 채운 바이트만 보낸다.",
    "Send smaller frames, or start the server with a larger --cap.":
        "더 작은 프레임을 보내거나, 서버를 더 큰 --cap으로 시작한다.",
    "{fact}.": "{fact}.",
    "{fact}. All {count:,} bytes fit {words}.": "{fact}. {count:,}바이트 모두 {words}에 해당한다.",
    "{fact}. The bytes are {words}, whose length counts its own 4 bytes: a server of right frames"
    " waits for 4 more.":
        "{fact}. 이 바이트는 {words}이고, 그 길이는 자신의 4바이트까지 센다. 올바른 프레임의 서버는"
        " 4바이트를 더 기다린다.",
    "The frames are right, but the bytes in them are {words}, not an echo client's.":
        "프레임은 올바르지만 안의 바이트가 에코 클라이언트가 아니라 {words}의 것이다.",
    "The bytes before offset {start:,} are right frames.":
        "오프셋 {start:,} 앞의 바이트는 올바른 프레임이다.",
    "{fact}; the first wrong byte is at offset {at:,}: {spelt}.":
        "{fact}. 처음 틀린 바이트는 오프셋 {at:,}에 있다: {spelt}.",
    "An honest body that is too large explains all bytes.":
        "너무 크지만 진짜인 바디가 모든 바이트를 설명한다.",
    "All {count:,} bytes from offset {start:,} on fit {words}: {frames}.":
        "오프셋 {start:,}부터 {count:,}바이트 모두 {words}에 해당한다: {frames}.",
    "frames with {words}": "{words}를 쓰는 프레임",
    "1 frame": "프레임 1개",
    "{count:,} frames": "프레임 {count:,}개",
    "Write the header once; a layer below may write it, too.":
        "헤더를 한 번만 쓴다. 아래 계층도 헤더를 쓰는지 본다.",
    "There are no bytes: the client sent nothing, or waits for the server to speak first.":
        "바이트가 없다. 클라이언트가 아무것도 보내지 않았거나, 서버가 먼저 말하기를 기다린다.",
    "1 whole frame": "온전한 프레임 1개",
    "{count:,} whole frames": "온전한 프레임 {count:,}개",
    "{fact}. No known framing or protocol explains all bytes.":
        "{fact}. 모든 바이트를 설명하는 알려진 프레이밍이나 프로토콜이 없다.",
    "The first {size:,} bytes are {frames}. {fact}. No known framing or protocol explains all"
    " bytes.":
        "처음 {size:,}바이트는 {frames}이다. {fact}. 모든 바이트를 설명하는 알려진 프레이밍이나"
        " 프로토콜이 없다.",
    "All {size:,} bytes are right: {frames}.": "{size:,}바이트 모두 올바르다: {frames}.",
    "All bytes are right so far: {frames}, and {rest} of the 4 bytes of a header.":
        "지금까지 모두 올바르다: {frames}, 그리고 헤더 4바이트 중 {rest}바이트.",
    "All bytes are right so far: {frames}, and {come:,} of the {length:,} bytes of the next body.":
        "지금까지 모두 올바르다: {frames}, 그리고 다음 바디 {length:,}바이트 중 {come:,}바이트.",
    "{words} ({code}): this fits too; the byte at offset {at:,} would decide.":
        "{words}({code})에도 해당한다. 오프셋 {at:,}의 바이트가 오면 가려진다.",
    "{text} {words} ({code}): this fits too.": "{text} {words}({code})에도 해당한다.",
    "At offset {at:,} stand {spelt}, where a header of 4 bytes is due":
        "오프셋 {at:,}에는 4바이트 헤더가 와야 하는데 {spelt}만 있다",
    "At offset {at:,} stands {spelt}, where a header of 4 bytes is due":
        "오프셋 {at:,}에는 4바이트 헤더가 와야 하는데 {spelt}만 있다",
    "At offset {at:,} the header {spelt} announces {size}":
        "오프셋 {at:,}의 헤더({spelt})가 알리는 길이는 {size}이다",
    "1 byte": "1바이트",
    "{count:,} bytes": "{count:,}바이트",
    "{said}, over the CAP of {cap:,}": "{said}. CAP({cap:,})을 넘는다",
    "{said}; {come:,} have come": "{said}. 지금까지 {come:,}바이트가 왔다",
    "Java serialisation (ObjectOutputStream)": "Java 직렬화(ObjectOutputStream)",
    "JSON, one value a line": "한 줄에 값 하나인 JSON",
    "DNS over TCP": "TCP 위의 DNS",
    "the Language Server Protocol (JSON-RPC behind Content-Length)":
        "Language Server Protocol(Content-Length 뒤의 JSON-RPC)",
    "the Language Server Protocol": "Language Server Protocol",
    "the memcached text protocol": "memcached 텍스트 프로토콜",
    "the memcached binary protocol": "memcached 바이너리 프로토콜",
    "a MySQL login": "MySQL 로그인",
    "a MySQL query": "MySQL 쿼리",
    "the greeting of a MySQL server": "MySQL 서버의 인사말",
    "a Python pickle": "Python pickle",
    "the PROXY protocol, version 1": "PROXY 프로토콜 버전 1",
    "the PROXY protocol, version 2": "PROXY 프로토콜 버전 2",
    "a Remote Desktop (RDP) client": "원격 데스크톱(RDP) 클라이언트",
    "Redis commands as they are typed": "손으로 친 Redis 명령",
    "an answer of a Redis server": "Redis 서버의 대답",
    "the Redis protocol (RESP)": "Redis 프로토콜(RESP)",
    "the greeting of a mail or FTP server": "메일 또는 FTP 서버의 인사말",
    "text in UTF-16": "UTF-16 텍스트",
    "plain text": "평범한 텍스트",
    "Thrift without frames (TBufferedTransport)": "프레임 없는 Thrift(TBufferedTransport)",
    "Thrift in frames (TFramedTransport)": "프레임에 든 Thrift(TFramedTransport)",
    "WebSocket frames without a handshake": "핸드셰이크 없는 WebSocket 프레임",
    "the handshake of a WebSocket (an HTTP request)": "WebSocket 핸드셰이크(HTTP 요청)",
    "nothing but zeros": "모두 0",
    "a four-letter command for ZooKeeper": "ZooKeeper의 네 글자 명령",
    "a TLS handshake": "TLS 핸드셰이크",
    "a TLS alert": "TLS alert",
    "PostgreSQL (it asks for TLS)": "PostgreSQL(TLS 요청)",
    "PostgreSQL (it asks for GSSAPI)": "PostgreSQL(GSSAPI 요청)",
    "PostgreSQL (it cancels a query)": "PostgreSQL(쿼리 취소)",
    "PostgreSQL (the startup message)": "PostgreSQL(startup 메시지)",
    "a 4-byte little-endian length": "4바이트 little-endian 길이",
    "a 2-byte big-endian length": "2바이트 big-endian 길이",
    "a 2-byte little-endian length": "2바이트 little-endian 길이",
    "a 3-byte big-endian length": "3바이트 big-endian 길이",
    "an 8-byte big-endian length": "8바이트 big-endian 길이",
    "an 8-byte little-endian length": "8바이트 little-endian 길이",
    "a 4-byte big-endian length that counts its own 4 bytes":
        "자신의 4바이트까지 세는 4바이트 big-endian 길이",
    "a 4-byte little-endian length that counts its own 4 bytes":
        "자신의 4바이트까지 세는 4바이트 little-endian 길이",
    "a variable-length integer (7 bits a byte)": "바이트마다 7비트를 쓰는 가변 길이 정수",
    "netstrings (5:hello,)": "netstring(5:hello,)",
    "a length in ASCII digits": "ASCII 숫자로 쓴 길이",
    "a length in hex digits": "16진수로 쓴 길이",
    "a flag byte and a 4-byte big-endian length": "플래그 1바이트와 4바이트 big-endian 길이",
    "right frames; a body of {} bytes is over the CAP": "올바른 프레임. {}바이트 바디가 CAP을 넘음",
    "right frames, each followed by {} byte that the length leaves out":
        "길이에 들지 않은 {}바이트가 뒤에 붙은 올바른 프레임",
    "right frames, each followed by {} bytes that the length leaves out":
        "길이에 들지 않은 {}바이트가 뒤에 붙은 올바른 프레임",
    "right frames, each followed by a newline (0a) that the length leaves out":
        "길이에 들지 않은 개행(0a)이 뒤에 붙은 올바른 프레임",
    "right frames, each followed by a carriage return (0d) that the length leaves out":
        "길이에 들지 않은 캐리지 리턴(0d)이 뒤에 붙은 올바른 프레임",
    "right frames, each followed by a line end (0d 0a) that the length leaves out":
        "길이에 들지 않은 줄 끝(0d 0a)이 뒤에 붙은 올바른 프레임",
    "right frames, each followed by a NUL (00) that the length leaves out":
        "길이에 들지 않은 NUL(00)이 뒤에 붙은 올바른 프레임",
    "right frames, each followed by a newline and a NUL (0a 00) that the length leaves out":
        "길이에 들지 않은 개행과 NUL(0a 00)이 뒤에 붙은 올바른 프레임",
    "right frames, but the length counts characters and the body is UTF-8":
        "올바른 프레임인데 바디가 UTF-8이고 길이는 글자 수",
    "right frames, but the length counts UTF-16 units and the body is UTF-8":
        "올바른 프레임인데 바디가 UTF-8이고 길이는 UTF-16 단위 수",
    "right frames, but the length counts 16-bit words": "올바른 프레임인데 길이가 16비트 단위 수",
    "right frames, but the length counts 32-bit words": "올바른 프레임인데 길이가 32비트 단위 수",
    "right frames, but each length is {} too large": "올바른 프레임인데 길이가 매번 {} 큼",
    "two writers on one connection": "한 연결에 쓰는 쪽이 둘",
    "right frames, each with its header written twice": "헤더를 두 번씩 쓴 올바른 프레임",
    "right frames in buffers of {} bytes that are sent whole, the rest zeros":
        "{}바이트 버퍼째 보낸 올바른 프레임, 나머지는 0",
    "right headers, each with a whole buffer of {} bytes behind it, the rest zeros":
        "{}바이트 버퍼가 통째로 뒤에 붙은 올바른 헤더, 나머지는 0",
}
# fmt: on
"""By the English text or template; ``{}`` stands for any number."""
