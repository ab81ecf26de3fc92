"""Korean of the cases and verdicts of `check` (`app.proving`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
PROVING_TEXTS: Final[Mapping[str, str]] = {
    "every echo whole and at once": "모든 에코가 온전히 즉시 온다",
    "its echoes in segments of one byte": "에코가 1바이트 세그먼트로 온다",
    "the header of each echo cut after 1 byte": "에코마다 헤더가 1바이트 뒤에서 나뉜다",
    "the header of each echo cut after 2 bytes": "에코마다 헤더가 2바이트 뒤에서 나뉜다",
    "header and body of each echo apart": "에코마다 헤더와 바디가 따로 온다",
    "each body cut after 1, 2, 4, 8 bytes and so on":
        "바디마다 1, 2, 4, 8바이트 등의 뒤에서 나뉜다",
    "two echoes in one segment": "에코 두 개가 한 세그먼트로 온다",
    "echoes that take their time": "에코가 천천히 온다",
    "echoes that come late, by less than a second": "에코가 1초 안쪽으로 늦게 온다",
    "the end (FIN) instead of the first echo": "첫 에코 대신 종료(FIN)가 온다",
    "the end (FIN) behind the first echo": "첫 에코 뒤에 종료(FIN)가 온다",
    "half of the first echo, then the end (FIN)": "첫 에코의 반이 온 뒤 종료(FIN)가 온다",
    "half of the first echo, then a reset (RST)": "첫 에코의 반이 온 뒤 리셋(RST)이 온다",
    "a reset instead of the first echo": "첫 에코 대신 리셋이 온다",
    "a header that announces one byte too much": "헤더가 1바이트 많게 알린다",
    "a header that announces one byte too little": "헤더가 1바이트 적게 알린다",
    "a header that announces 2 GiB more": "헤더가 2 GiB 많게 알린다",
    "a flipped bit in an echo": "에코의 비트 하나가 뒤집혀 온다",
    "the first two echoes in the wrong order": "처음 두 에코의 순서가 바뀌어 온다",
    "a server that reads and never answers": "서버가 읽기만 하고 대답하지 않는다",
    "a server that accepts and reads nothing": "서버가 accept만 하고 읽지 않는다",
    "a port at which nobody listens": "아무도 리슨하지 않는 포트이다",
    "it takes what one recv returns for one whole frame: read on until 4 bytes, then until the"
    " length that they announce":
        "recv 한 번이 반환한 것을 프레임 하나로 여긴다. 4바이트가 찰 때까지, 이어서 헤더가 알린"
        " 길이까지 읽어야 한다",
    "it reads the header with one recv, and takes fewer than 4 bytes for all of it":
        "헤더를 recv 한 번으로 읽고, 4바이트가 안 되어도 다 읽은 것으로 여긴다",
    "it throws away what stands behind the first echo in its buffer":
        "버퍼에서 첫 에코 뒤에 있는 것을 버린다",
    "it takes a part of an echo for all of it, or its time-out is too short":
        "에코의 일부를 전부로 여기거나, 타임아웃이 너무 짧다",
    "its time-out is shorter than a second": "타임아웃이 1초보다 짧다",
    "it takes an end of the stream for success": "스트림의 끝을 성공으로 여긴다",
    "it does not tell a reset from an answer": "리셋과 대답을 구별하지 않는다",
    "it does not check the length that the header announces": "헤더가 알린 길이를 검사하지 않는다",
    "it believes any length: bound it, and wait for a bounded time":
        "어떤 길이든 믿는다. 길이를 제한하고 정해진 시간만 기다려야 한다",
    "it does not compare the echo with what it sent": "에코를 보낸 것과 비교하지 않는다",
    "it has no time-out for an answer that does not come": "오지 않는 대답에 대한 타임아웃이 없다",
    "it does not tell that it could not connect": "접속하지 못한 것을 알리지 않는다",
    "frames one after the other": "프레임이 하나씩 차례로 온다",
    "a connection that rests for {} s": "연결이 {}초 쉰다",
    "bodies of every size around the powers of two, to 64 KiB":
        "2의 거듭제곱 앞뒤의 모든 크기의 바디, 64 KiB까지",
    "frames that come byte by byte": "프레임이 1바이트씩 온다",
    "frames in two pieces, cut in and behind the header":
        "프레임이 둘로 나뉘어 온다. 헤더 안과 뒤에서 자른다",
    "the start of a frame in one segment with the frame before":
        "앞 프레임과 한 세그먼트로 다음 프레임의 시작이 온다",
    "frames with a body of 0 bytes": "바디가 0바이트인 프레임",
    "ten peers whose frames come in turns": "상대 열이 프레임을 번갈아 나누어 보낸다",
    "a body of 1 MiB": "1 MiB 바디",
    "300 frames that are sent at once": "프레임 300개를 한꺼번에 보낸다",
    "frames as far as it takes them, with no echo read":
        "에코를 읽지 않고 받는 데까지 프레임을 보낸다",
    "a peer that ends its direction and still reads": "상대가 자기 방향을 끝내고 계속 읽는다",
    "a body of exactly the CAP": "정확히 CAP 크기의 바디",
    "a header that announces one byte over the CAP": "헤더가 CAP보다 1바이트 많게 알린다",
    "a header that announces 4 GiB": "헤더가 4 GiB를 알린다",
    "a peer that reads nothing, beside a quick one": "빠른 상대 옆에 전혀 읽지 않는 상대",
    "peers that reset inside a frame and inside an echo":
        "상대들이 프레임 중간과 에코 중간에 리셋한다",
    "peers that close and leave their echoes unread": "상대들이 에코를 읽지 않고 닫는다",
    "peers that end inside a frame": "상대들이 프레임 중간에 종료한다",
    "{} connections at once": "한꺼번에 연결 {}개",
    "a peer that reads nothing and sends on (--pid)": "상대가 읽지 않으면서 계속 보낸다(--pid)",
    "nothing, after a slow reader has read all (--pid)":
        "느린 상대가 다 읽은 뒤 아무 일도 없다(--pid)",
    "peers that have left (--pid)": "상대들이 모두 떠났다(--pid)",
    "it does not echo header and body as they were": "헤더와 바디를 온 그대로 에코하지 않는다",
    "its time-out is shorter than a moment's rest": "타임아웃이 잠깐 쉬는 것보다 짧다",
    "it counts a length wrong at some size": "어떤 크기에서 길이를 잘못 센다",
    "it takes what one recv returns for a whole header or body":
        "recv 한 번이 반환한 것을 헤더나 바디 전부로 여긴다",
    "it does not keep what has come of a header": "헤더 중 이미 온 것을 보관하지 않는다",
    "it throws away what stands behind a frame in its buffer":
        "버퍼에서 프레임 뒤에 있는 것을 버린다",
    "it calls recv for 0 bytes, which returns 0, and takes that for the end":
        "0바이트에 recv를 호출하고, 반환된 0을 종료로 여긴다",
    "it waits for a byte of a body that has none": "빈 바디의 바이트를 기다린다",
    "its connections share a buffer": "연결끼리 버퍼를 공유한다",
    "it serves one connection at a time, or does not accept all that wait":
        "연결을 한 번에 하나씩만 처리하거나, 기다리는 연결을 다 accept하지 않는다",
    "it ignores that send takes a part of an echo": "send가 에코의 일부만 보낸 것을 무시한다",
    "it loses what is behind the first frame of a read": "한 번에 읽은 것 중 첫 프레임 뒤를 잃는다",
    "it loses echoes that the kernel does not take at once":
        "커널이 한 번에 받지 않은 에코를 잃는다",
    "it drops echoes that are pending when recv returns 0":
        "recv가 0을 반환하면 남은 에코를 버린다",
    "it does not close once its peer has ended and has its echo":
        "상대가 종료하고 에코를 다 받아도 닫지 않는다",
    "it refuses a length that is allowed": "허용되는 길이를 거절한다",
    "it does not bound the length, and a peer can take all its memory":
        "길이를 제한하지 않아 상대 하나가 메모리를 다 쓸 수 있다",
    "it makes room for what is announced, or reads the length as a negative number":
        "헤더가 알린 만큼 메모리를 잡거나, 길이를 음수로 읽는다",
    "it blocks in send, so that one peer holds up all": "send에서 블로킹해 한 상대가 모두를 세운다",
    "it ends at ECONNRESET": "ECONNRESET에서 서버가 끝난다",
    "it ends by SIGPIPE, or at EPIPE": "SIGPIPE나 EPIPE로 서버가 끝난다",
    "it waits for ever for the rest": "나머지를 영원히 기다린다",
    "it accepts one connection for each readiness, or has too short a queue":
        "준비 알림마다 연결을 하나만 accept하거나, 대기 큐가 너무 짧다",
    "it leaves POLLIN on while an echo is pending": "에코가 남아 있는데 POLLIN을 켜 둔다",
    "it leaves POLLOUT on": "POLLOUT을 켜 둔다",
    "it does not close descriptors, or keeps their buffers":
        "fd를 닫지 않거나 그 버퍼를 놓지 않는다",
    "It met {meets}, and did what it should.": "{meets}: 제대로 처리했다.",
    "It met {meets}, and ended with {code}.": "{meets}: 끝났다(종료 코드 {code}).",
    "It met {meets}: {wrong}.": "{meets}: {wrong}.",
    "It met {meets}: {wrong}; {cause}.": "{meets}: {wrong}. {cause}.",
    "It met {meets}: {wrong}; probably {bug}.": "{meets}: {wrong}. 유력한 원인: {bug}.",
    "It met {meets}: {wrong}; its bytes fit {fits} ({code}).":
        "{meets}: {wrong}. 보낸 바이트는 {fits}에 해당한다({code}).",
    "It met {meets}: it sent {count:,} bytes more after the end of the stream; it does not look"
    " whether the server ended.":
        "{meets}: 스트림이 끝난 뒤에도 {count:,}바이트를 더 보냈다. 서버가 끝냈는지 보지 않는다.",
    "It sends no whole frame where nothing is wrong: see the case whole.":
        "아무 문제가 없을 때도 온전한 프레임을 보내지 않는다. case whole을 보라.",
    "it never has {count} frames under way": "한꺼번에 진행 중인 프레임이 {count}개가 되지 않는다",
    "a connection of it sends {count} frame only": "연결 하나에서 프레임을 {count}개만 보낸다",
    "its frames are all empty": "프레임이 모두 비어 있다",
    "its first two frames are alike": "처음 두 프레임이 같다",
    "{why}, so this cannot happen to it": "{why}. 그래서 이 일이 일어날 수 없다",
    "it ended its own direction (FIN) before all of its echo had come, and a server that holds an"
    " echo back closes then":
        "에코가 다 오기 전에 자기 방향을 끝냈고(FIN), 에코를 붙잡은 서버는 그때 닫는다",
    "this did not happen to it: it got all of its echo as it was":
        "이 일은 일어나지 않았다. 에코를 그대로 다 받았다",
    "it never connected": "접속하지 않았다",
    "it had not ended after {seconds:g} s": "{seconds:g}초 뒤에도 끝나지 않았다",
    "it ended before it met this": "이 상황을 만나기 전에 끝났다",
    "it ended with 0, as if all were well": "아무 문제 없다는 듯 0으로 끝났다",
    "it ended by {end}": "끝났다({end})",
    "it ended with {end} inside a frame that it was sending":
        "보내던 프레임의 중간에 끝났다({end})",
    "it ended with {end}, though every byte was right": "모든 바이트가 맞는데도 끝났다({end})",
    "it ended with {end}, with {left:,} bytes of its echo still to come":
        "에코 {left:,}바이트가 더 올 것인데 끝났다({end})",
    "it sent no whole frame": "온전한 프레임을 보내지 않았다",
    "it ended with 0, and left {left:,} bytes of its echo":
        "에코 {left:,}바이트를 두고 0으로 끝났다",
    "it did not happen": "일어나지 않았다",
    "exit code {code}": "종료 코드 {code}",
    "a crash ({name})": "크래시({name})",
    "signal {number}": "시그널 {number}",
    "{passed} passed, {failed} failed, {skipped} skipped":
        "통과 {passed}, 실패 {failed}, 건너뜀 {skipped}",
    "its process ended": "프로세스가 끝났다",
    "the case {name} failed before, and may be why (else see section {section} of the source"
    " document)": "앞의 case {name}의 실패가 원인일 수 있다(아니면 원문 {section}절 참고)",
    "it did so in the case before, {name}": "바로 앞의 case {name}에서 그렇게 되었다",
    "probably {bug} (see section {section} of the source document)":
        "유력한 원인: {bug}(원문 {section}절 참고)",
    "see section {section} of the source document": "원문 {section}절 참고",
    "it did not accept a connection ({why})": "연결을 받지 않았다({why})",
    "its process has ended": "프로세스가 끝났다",
    "its CAP is not known: give --cap": "CAP을 모른다. --cap을 주면 된다",
    "its process is not known: give --pid": "프로세스를 모른다. --pid를 주면 된다",
    "there is no process {number}": "프로세스 {number}번이 없다",
    "process {number} cannot be asked: {error}": "프로세스 {number}번을 조사할 수 없다: {error}",
    "it did not end in {seconds:g} s {when}": "{when} {seconds:g}초 안에 연결을 끝내지 않았다",
    "it sent {count:,} bytes {when}{named}": "{when} {count:,}바이트를 보냈다{named}",
    "it ended while it was sent frames ({error})": "프레임을 받는 중에 연결을 끝냈다({error})",
    "it ended while it was sent a frame ({error})": "프레임을 받는 중에 연결을 끝냈다({error})",
    "it ended while it was sent frames, before an echo was due":
        "에코할 것이 생기기 전에, 프레임을 받는 중에 연결을 끝냈다",
    "{received:,} of {expected:,} bytes of echo came, then nothing for {seconds:g} s":
        "에코 {expected:,}바이트 중 {received:,}바이트가 오고 {seconds:g}초 동안 더 오지 않았다",
    "it reads no more: {unsent:,} bytes could not be sent in {seconds:g} s":
        "더 읽지 않는다. {seconds:g}초 안에 {unsent:,}바이트를 보내지 못했다",
    "it reset the connection after {received:,} of {expected:,} bytes of echo ({error})":
        "에코 {expected:,}바이트 중 {received:,}바이트 뒤에 연결을 리셋했다({error})",
    "it ended after {received:,} of {expected:,} bytes of echo":
        "에코 {expected:,}바이트 중 {received:,}바이트 뒤에 연결을 끝냈다",
    "byte {at:,} of its echo is {got:#04x} and not {due:#04x}{behind}{named}":
        "{behind}에코의 오프셋 {at:,} 바이트가 틀렸다({due:#04x} 대신 {got:#04x}){named}",
    " {when}": "{when} ",
    "; what it sent fits {fits} ({code})": ". 보낸 것은 {fits}에 해당한다({code})",
    "once its peer read": "상대가 읽기 시작하자",
    "after its peer had ended its own direction (FIN)": "상대가 자기 방향을 끝낸(FIN) 뒤",
    "after all echoes of a peer that has ended": "종료한 상대의 에코를 다 보낸 뒤",
    "after a header that announces {size:,} bytes, one over the CAP":
        "CAP보다 하나 많은 {size:,}바이트를 알리는 헤더 뒤",
    "after a header that announces 4 GiB": "4 GiB를 알리는 헤더 뒤",
    "after the end of a peer inside a frame": "상대가 프레임 중간에 종료한 뒤",
    "it ended at a body of {size:,} bytes: if that is over its CAP, give --cap":
        "{size:,}바이트 바디에서 연결을 끝냈다. 그것이 CAP을 넘으면 --cap을 주면 된다",
    "a quick client waited {seconds:.1f} s beside one that does not read":
        "읽지 않는 상대 옆에서 빠른 클라이언트가 {seconds:.1f}초 기다렸다",
    "it ended {ended} of {count} connections: it seems to allow no more at once":
        "연결 {count}개 중 {ended}개를 끝냈다. 한꺼번에 더 받지 않는 듯하다",
    "it uses {used:.0%} of a core {when}": "{when} 코어 하나의 {used:.0%}를 쓴다",
    "while its peer reads nothing and has sent more": "상대가 읽지 않으면서 더 보낸 동안",
    "while nothing happens, after a slow reader has read all":
        "느린 상대가 다 읽은 뒤 아무 일도 없는 동안",
    "{left:,} descriptors are still open {seconds:g} s after all have left":
        "모두 떠나고 {seconds:g}초가 지나도 fd {left:,}개가 열려 있다",
    "{count:,} MiB of memory stay after all have left":
        "모두 떠난 뒤에도 메모리 {count:,} MiB가 남아 있다",
}
# fmt: on
"""By the English text or template; ``{}`` stands for any number."""
