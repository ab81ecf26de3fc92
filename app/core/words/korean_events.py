"""Korean of the explanations of states, reasons, events and notes (`app.watch.explanations`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
EVENT_TEXTS: Final[Mapping[str, str]] = {
    "The connection reads the 4 bytes of the next frame's header.":
        "다음 프레임의 헤더 4바이트를 읽는 중이다.",
    "The header is complete, and the connection reads the body whose length it announced.":
        "헤더가 완성되어, 헤더가 알린 길이만큼 바디를 읽는 중이다.",
    "The frame is complete, and its echo is being written; nothing more is read meanwhile.":
        "프레임이 완성되어 에코를 쓰는 중이다. 그동안 더 읽지 않는다.",
    "The end is decided: what is pending is still written, then the peer's FIN is waited for.":
        "종료가 정해졌다. 남은 것을 마저 쓰고 상대의 FIN을 기다린다.",
    "The descriptor is closed, and the reason is kept for a while.":
        "fd를 닫았다. 이유는 잠시 보관한다.",
    "The peer ended its stream, and not inside a frame; all that it sent was echoed, unless a"
    " fault on purpose held it back.":
        "상대가 프레임 중간이 아닌 곳에서 스트림을 끝냈다. 보낸 것은 고의 장애가 막지 않은 한 모두"
        " 에코했다.",
    "The peer ended its stream inside the 4 bytes of a header.":
        "상대가 헤더 4바이트 중간에서 스트림을 끝냈다.",
    "The peer ended its stream before the body was complete.":
        "바디가 다 오기 전에 상대가 스트림을 끝냈다.",
    "The peer sent an RST: it closed with unread data, or it died.":
        "상대가 RST를 보냈다. 읽지 않은 데이터를 두고 닫았거나 죽었다.",
    "A header announced a body larger than the CAP: the body is too large, or these bytes are no"
    " header of ours.":
        "헤더가 CAP보다 큰 바디를 알렸다. 바디가 정말 크거나, 이 바이트는 우리 헤더가 아니다.",
    "A header was begun and not completed within the header time-out.":
        "시작된 헤더가 헤더 타임아웃 안에 완성되지 않았다.",
    "A body was begun and not completed within the body time-out.":
        "시작된 바디가 바디 타임아웃 안에 완성되지 않았다.",
    "The peer acknowledged nothing, or too little, of its echo within the write time-out.":
        "쓰기 타임아웃 안에 상대가 에코를 ACK하지 않았거나 너무 조금 ACK했다.",
    "No byte moved for the idle time-out.": "유휴 타임아웃 동안 한 바이트도 오가지 않았다.",
    "The kernel gave up with ETIMEDOUT: retransmissions or probes were never answered.":
        "커널이 ETIMEDOUT으로 포기했다. 재전송이나 probe에 끝내 응답이 없었다.",
    "The network answered that the peer cannot be reached.":
        "상대에게 도달할 수 없다고 네트워크가 응답했다.",
    "It was ended on purpose: by an operator, on a screen or with ctl kill, or by a fault (eof,"
    " reset).":
        "일부러 끝냈다. 운영자가 화면이나 ctl kill로 끝냈거나, 고의 장애(eof, reset)가 끝냈다.",
    "It was refused at once because the server, or its address, had all the connections that it"
    " may have.": "서버 또는 그 주소에 허용된 연결 수가 다 차서 곧바로 거절했다.",
    "The server stopped and ended the connection in good order.":
        "서버가 멈추면서 연결을 정상 절차로 끝냈다.",
    "A fault of the server itself ended this one connection; the log has the traceback.":
        "서버 자체의 결함으로 이 연결 하나가 끝났다. traceback은 로그에 있다.",
    "It was accepted, and its peer has sent nothing yet.":
        "accept는 되었고, 상대가 아직 아무것도 보내지 않았다.",
    "All that was read is echoed and acknowledged: the next frame is awaited.":
        "읽은 것은 모두 에코했고 ACK도 받았다. 다음 프레임을 기다린다.",
    "Some of the 4 header bytes are here, and the peer has not sent the rest.":
        "헤더 4바이트 중 일부만 왔고, 상대가 나머지를 보내지 않았다.",
    "The header is complete, and a part of the body has not come.":
        "헤더는 완성되었고 바디의 일부가 아직 오지 않았다.",
    "In the write mode armed POLLOUT is awaited before the first write: nothing was offered to"
    " the kernel yet.":
        "쓰기 모드 armed는 첫 쓰기 전에 POLLOUT을 기다린다. 커널에 아직 아무것도 넘기지 않았다.",
    "The peer takes its echo more slowly than we could write it, but it does take it.":
        "상대가 에코를 우리가 쓸 수 있는 것보다 느리게 가져간다. 그래도 가져가기는 한다.",
    "The peer takes nothing, mostly because its receive buffer is full: the kernel may send"
    " nothing, and the echo waits here.":
        "상대가 에코를 가져가지 않는다. 대개 수신 버퍼가 가득 찬 것이다. 커널은 보낼 수 없고 에코는"
        " 여기서 기다린다.",
    "What was sent is not acknowledged in spite of retransmissions or probes: the peer's host, or"
    " the way to it, is gone.":
        "재전송이나 probe를 해도 보낸 것이 ACK되지 않는다. 상대 호스트나 그 경로가 사라졌다.",
    "The loop has written everything into the kernel, and the peer takes nothing of it.":
        "루프는 모두 커널에 썼는데 상대가 전혀 가져가지 않는다.",
    "Bytes wait in our own receive queue and the loop does not read them: it is too busy, or it"
    " hangs.": "우리 수신 큐에 바이트가 있는데 루프가 읽지 않는다. 너무 바쁘거나 멈춰 있다.",
    "It had its share of this iteration, and the others come first.":
        "이번 반복에서 제 몫을 다 써서 다른 연결이 먼저이다.",
    "The end is decided, and the peer has not acknowledged all of its echo.":
        "종료가 정해졌고, 상대가 에코를 아직 다 ACK하지 않았다.",
    "We have sent everything and our FIN, and wait for the peer's.":
        "모두 보내고 FIN도 보냈다. 상대의 FIN을 기다린다.",
    "The loop is held before one of its calls (--step): the kernel goes on, and no time-out"
    " fires.":
        "루프가 호출 직전에 멈춰 있다(--step). 커널은 계속 움직이고 타임아웃은 걸리지 않는다.",
    "A fault on purpose (--fault, `ctl fault`) holds its echo back.":
        "고의 장애(--fault, `ctl fault`)가 에코를 막고 있다.",
    "Its loop gives no sign of life, so all that is shown of it is old.":
        "이 연결의 루프에서 아무 소식이 없다. 보이는 것은 모두 옛 값이다.",
    "It has ended; the reason says how.": "끝났다. 어떻게 끝났는지는 이유가 말한다.",
    "A connection was accepted, made non-blocking and registered with the poller.":
        "연결을 accept하고 논블로킹으로 바꾸어 poller에 등록했다.",
    "A wake-up left the connection in another state than before.":
        "깨움 하나를 처리한 뒤 연결의 상태가 바뀌었다.",
    "The kernel had no room for all of the echo, or in write mode armed nothing is written yet:"
    " the poller says when there is room.":
        "커널에 에코가 다 들어갈 자리가 없거나, 쓰기 모드 armed에서 아직 쓰기 전이다. 자리가 나면"
        " poller가 알려 준다.",
    "The echo is written: an armed POLLOUT would wake the loop for nothing.":
        "에코를 다 썼다. POLLOUT을 켜 두면 루프가 쓸데없이 깨어난다.",
    "One recv: the room that was offered, and the bytes that came.":
        "recv 한 번. 내준 자리와 온 바이트이다.",
    "One send that took everything it was given.": "넘긴 것을 모두 보낸 send 한 번.",
    "One send that took only a part; the rest waits for POLLOUT.":
        "일부만 보낸 send 한 번. 나머지는 POLLOUT을 기다린다.",
    "The call could do nothing at present and returned at once instead of blocking.":
        "호출이 지금 할 수 있는 것이 없어 블로킹하는 대신 즉시 반환했다.",
    "A read returned 0: the peer sends no more, and may still read its echo.":
        "read가 0을 반환했다. 상대는 더 보내지 않지만 에코는 아직 읽을 수 있다.",
    "A system call failed for good, and its errno says why.":
        "시스템 콜이 완전히 실패했다. 까닭은 errno가 말한다.",
    "The last bytes that one call moved.": "호출 하나가 옮긴 마지막 바이트.",
    "The kernel's own figures of the connection: queues, round-trip time, window.":
        "연결에 대한 커널의 수치. 큐, 왕복 시간, 윈도이다.",
    "Some calls of the connection are not shown: they were too many, or nobody watched.":
        "연결의 호출 중 일부가 보이지 않는다. 너무 많았거나 관찰자가 없었다.",
    "The server accepts connections from now on.": "서버가 이제부터 연결을 받는다.",
    "A setting was changed at run time, by the process that is named.":
        "실행 중에 설정이 바뀌었다. 바꾼 프로세스의 이름이 적혀 있다.",
    "An operator's command was carried out, or refused.": "운영자의 명령을 실행했거나 거절했다.",
    "The server tells the operator something that needs no action.":
        "서버가 운영자에게 알리는 말. 할 일은 없다.",
    "Something is not as it was asked for, or soon will not be; the server goes on.":
        "요청한 대로가 아니거나 곧 그렇게 된다. 서버는 계속 돈다.",
    "Something failed and needs an operator; the server goes on if it can.":
        "무언가 실패해서 운영자가 필요하다. 서버는 할 수 있으면 계속 돈다.",
    "The server accepts no more, and echoes what it has received whole.":
        "서버가 더 accept하지 않고, 온전히 받은 것은 에코한다.",
    "The loop has ended and every connection is closed.": "루프가 끝났고 모든 연결이 닫혔다.",
    "The loop died of a fault of its own; the log has the traceback.":
        "루프가 자체 결함으로 죽었다. traceback은 로그에 있다.",
    "Header and body are written apart, and each body comes some 40 ms late: Nagle's algorithm"
    " holds it back until our delayed acknowledgement of the header.":
        "헤더와 바디를 따로 써서 바디가 매번 40 ms쯤 늦게 온다. Nagle 알고리즘이 헤더에 대한"
        " delayed ACK를 기다리며 바디를 붙잡는다.",
    "Frames are written one byte at a time, a system call and often a segment for each.":
        "프레임을 1바이트씩 쓴다. 바이트마다 시스템 콜이 한 번, 흔히 세그먼트도 하나씩 든다.",
    "Each frame gets a connection of its own, with a handshake and an ephemeral port.":
        "프레임마다 연결을 새로 연다. 핸드셰이크와 임시 포트가 매번 든다.",
    "The peer sends on and reads no echo: once all buffers are full, both sides wait for ever.":
        "상대가 계속 보내면서 에코를 읽지 않는다. 버퍼가 다 차면 양쪽이 영원히 기다린다.",
    "Many frames have a length of 0, which is legal and mostly not meant.":
        "길이가 0인 프레임이 많다. 규약에는 맞지만 대개 의도한 것이 아니다.",
    "A body is exactly 4 bytes short: the length counts the header, too.":
        "바디가 꼭 4바이트 모자란다. 길이에 헤더까지 넣어 센 것이다.",
    "The peer closes before it has read its echo, so its kernel sends an RST.":
        "상대가 에코를 읽기 전에 닫아서 상대의 커널이 RST를 보낸다.",
    "The peer's receive window stays closed: its program does not read.":
        "상대의 수신 윈도가 계속 닫혀 있다. 상대 프로그램이 읽지 않는다.",
    "The peer opens a new connection at once after each that failed or brought nothing.":
        "실패했거나 성과 없는 연결마다 상대가 곧바로 새 연결을 연다.",
    "The peer ends its connections inside a frame, again and again.":
        "상대가 프레임 중간에서 연결을 끝내기를 되풀이한다.",
}
# fmt: on
"""By the English text."""
