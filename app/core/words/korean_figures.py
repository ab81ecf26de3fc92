"""Korean of the explanations of figures (`app.watch.explanations`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
FIGURE_TEXTS: Final[Mapping[str, str]] = {
    "The number of the connection, counted from the server's start and never used again.":
        "연결 번호. 서버 시작부터 세며 다시 쓰지 않는다.",
    "The file descriptor of the socket; the next connection may get the same one.":
        "소켓의 file descriptor. 다음 연결이 같은 번호를 받을 수 있다.",
    "Address and port at the other end, as accept told them.":
        "상대의 주소와 포트. accept가 알려 준 그대로이다.",
    "The number of the process whose loop serves the connection.":
        "이 연결을 처리하는 루프가 도는 프로세스의 번호.",
    "The state of the frame in flight: READ_LEN, READ_BODY or WRITE_BODY, and DRAINING or CLOSED"
    " at the end.":
        "진행 중인 프레임의 상태. READ_LEN, READ_BODY, WRITE_BODY이고, 끝날 때 DRAINING이나"
        " CLOSED이다.",
    "The one reason why it closed, or is closing.": "연결이 닫힌, 또는 닫히는 중인 단 하나의 이유.",
    "How many of the 4 bytes of the length header are read; big-endian, they say how long the"
    " body is.": "길이 헤더 4바이트 중 읽은 수. big-endian으로 바디 길이를 나타낸다.",
    "Bytes of the body read so far, of those that the header announced.":
        "헤더가 알린 바디 중 지금까지 읽은 바이트.",
    "Bytes of the echo that the kernel has accepted, of header and body together.":
        "헤더와 바디를 합친 에코 중 커널이 받은 바이트.",
    "Whether the poller watches for room in the send queue: armed only while an echo is pending.":
        "poller가 송신 큐의 공간을 보고 있는지. 에코가 남아 있을 때만 켠다.",
    "How often POLLOUT was armed or disarmed: twice for each echo that did not fit at once, and"
    " in write mode armed for every one.":
        "POLLOUT을 켜고 끈 횟수. 한 번에 다 들어가지 않은 에코마다 두 번, 쓰기 모드 armed에서는"
        " 모든 에코마다 두 번이다.",
    "Bytes of echo that the kernel has not accepted yet: they wait in the server.":
        "커널이 아직 받지 않은 에코 바이트. 서버 안에서 기다린다.",
    "Bytes that the kernel has accepted and the peer has not acknowledged.":
        "커널은 받았으나 상대가 아직 ACK하지 않은 바이트.",
    "The part of the unacknowledged bytes that was sent; the rest waits for the peer's window.":
        "ACK되지 않은 바이트 중 이미 보낸 것. 나머지는 상대의 윈도를 기다린다.",
    "Frames received whole, header and body.": "헤더와 바디를 온전히 받은 프레임.",
    "Frames whose echo the kernel has accepted whole.": "에코 전체를 커널이 받은 프레임.",
    "Bytes received, headers included.": "받은 바이트. 헤더를 포함한다.",
    "Bytes of echo that the kernel has accepted, headers included.":
        "커널이 받은 에코 바이트. 헤더를 포함한다.",
    "Calls answered with EAGAIN: not now, wait until the poller says so; that is normal.":
        "EAGAIN을 반환한 호출. 지금은 할 수 없으니 poller가 알려 줄 때까지 기다리라는 뜻이고,"
        " 정상이다.",
    "Writes of which the kernel took only a part; the offset remembers where to go on.":
        "커널이 일부만 받은 쓰기. 이어서 쓸 곳은 오프셋이 기억한다.",
    "Frames echoed a second, measured over at least a second and at most a minute.":
        "1초에 에코한 프레임 수. 최소 1초, 최대 1분에 걸쳐 잰다.",
    "The time since it was accepted.": "accept부터 지난 시간.",
    "The time since the server last read or wrote a byte of it, or since the close: what the"
    " kernel still sends from its queue does not count.":
        "서버가 이 연결을 마지막으로 읽거나 쓴 때, 또는 닫은 때부터 지난 시간. 커널이 큐에서 더"
        " 보내는 것은 치지 않는다.",
    "The code of what its bytes most probably are, where they do not fit and all of them are"
    " explained.":
        "바이트가 우리 형식과 맞지 않고 모두 설명될 때, 그 정체로 가장 유력한 것의 코드.",
    "The number of notes about its peer, `!` for one: habits that cost it time or will stall it.":
        "상대에 대한 메모의 수. 하나에 `!` 하나이고, 시간을 낭비하거나 결국 멈추게 할 습관을"
        " 뜻한다.",
    "The fault on purpose that it has (--fault, `ctl fault`).":
        "이 연결에 걸린 고의 장애(--fault, `ctl fault`).",
    "What it waits for, in one word that scripts can rely on.":
        "무엇을 기다리는지 나타내는 한 단어. 스크립트가 믿고 쓸 수 있다.",
    "What it waits for, judged by its state and the kernel's queues.":
        "무엇을 기다리는지. 상태와 커널의 큐로 판단한다.",
    "The cause of the close reason in a few words, as the log tells it.":
        "닫힌 이유의 원인을 로그와 같은 말로 짧게 적은 것.",
    "The time at which the connection closed.": "연결이 닫힌 시각.",
    "The address and port at which the server listens.": "서버가 리슨하는 주소와 포트.",
    "The largest body that is accepted: a header that announces more ends its connection.":
        "받아들이는 가장 큰 바디. 더 큰 길이를 알리는 헤더가 오면 연결을 끝낸다.",
    "The time since the server began to listen.": "서버가 리슨하기 시작한 뒤 지난 시간.",
    "The call that waits for all descriptors at once: epoll, kqueue, poll or select.":
        "모든 fd를 한 번에 기다리는 호출. epoll, kqueue, poll, select 중 하나이다.",
    "The write mode: direct tries to send first and arms POLLOUT for the rest, armed waits for"
    " POLLOUT first.":
        "쓰기 모드. direct는 먼저 send를 해 보고 나머지에만 POLLOUT을 켜고, armed는 POLLOUT부터"
        " 기다린다.",
    "The number of the server's process.": "서버 프로세스의 번호.",
    "The number of processes that share the port, each with its own loop.":
        "포트 하나를 나누어 쓰는 프로세스 수. 저마다 루프가 하나씩 있다.",
    "One of the addresses at which the server listens.": "서버가 리슨하는 주소 중 하나.",
    "Connections accepted at this address since the start.": "시작 뒤 이 주소에서 accept한 연결.",
    "Connections that are open now.": "지금 열려 있는 연결.",
    "Connections with POLLOUT armed: their echo did not fit into the kernel's queue, or in write"
    " mode armed is yet to be written.":
        "POLLOUT이 켜진 연결. 에코가 커널 큐에 다 들어가지 않았거나, 쓰기 모드 armed에서 아직 쓰기"
        " 전이다.",
    "Frames echoed a second by all connections together.": "모든 연결이 1초에 에코한 프레임 수.",
    "Bytes received a second.": "1초에 받은 바이트.",
    "Bytes of echo that the kernel accepts a second.": "1초에 커널이 받은 에코 바이트.",
    "The share of one core that the loop uses; near 100% it is the bottleneck.":
        "루프가 쓰는 코어 하나의 비율. 100%에 가까우면 여기가 병목이다.",
    "The longest iteration of the last minute, from the poller's return to the next poll: every"
    " other connection waited so long.":
        "최근 1분에서 가장 긴 반복. poller의 반환부터 다음 poll까지이고, 다른 모든 연결이 그만큼"
        " 기다렸다.",
    "CPU time of the whole process, in percent of one core.":
        "프로세스 전체의 CPU 시간. 코어 하나에 대한 백분율이다.",
    "Memory of the process that is in RAM (RSS).": "프로세스가 RAM에서 차지한 메모리(RSS).",
    "Connections accepted since the start.": "시작 뒤 accept한 연결.",
    "Events that were not told because nobody took them in time; no byte of an echo is ever"
    " dropped.": "제때 가져가는 곳이 없어 전하지 못한 이벤트. 에코는 한 바이트도 버리지 않는다.",
    "One process behind the port: it serves, hangs, or is down.":
        "포트 뒤의 프로세스 하나. 처리 중이거나, 멈췄거나, 죽어 있다.",
    "How often this worker died and another process took its place.":
        "이 worker가 죽어 다른 프로세스로 바뀐 횟수.",
    "The screen shows the server as it is now.": "화면이 서버의 지금 모습을 보여 준다.",
    "The screen stands still so that it can be read; the server goes on.":
        "읽을 수 있게 화면만 멈췄다. 서버는 계속 돈다.",
    "Every event is written to a file that replay shows again.":
        "모든 이벤트를 파일에 쓰고 있다. replay로 다시 볼 수 있다.",
    "The screen shows a recording, not a server.": "화면이 서버가 아니라 기록을 보여 준다.",
    "Nothing more is accepted, and what came whole is still echoed.":
        "더 accept하지 않고, 온전히 온 것은 아직 에코한다.",
    "The server has ended, and every connection is closed.": "서버가 끝났고 모든 연결이 닫혔다.",
    "The server does not answer at present, so all figures are old.":
        "서버가 지금 응답하지 않는다. 모든 수치는 옛 값이다.",
    "The loop has died of a fault of its own, and nothing is echoed any more.":
        "루프가 자체 결함으로 죽었다. 더는 아무것도 에코하지 않는다.",
    "From the wake-up that completed a frame to the end of its echo's write, of all frames of the"
    " last minute.":
        "프레임을 완성한 깨움부터 그 에코를 다 쓸 때까지의 시간. 최근 1분의 모든 프레임에 대한"
        " 것이다.",
    "The longest iteration in each second: every other connection waited so long.":
        "매초 가장 긴 반복. 다른 모든 연결이 그만큼 기다렸다.",
    "System calls of the loop for each frame echoed: read, write, waiting in the poller, and"
    " changes of what it watches (ctl).":
        "에코한 프레임 하나에 든 루프의 시스템 콜. read, write, poller 대기, 감시 대상"
        " 변경(ctl)이다.",
    "The shares of one core that the loop and the whole process use; the graph is of the process.":
        "루프와 프로세스 전체가 쓰는 코어 하나의 비율. 그래프는 프로세스의 것이다.",
    "One iteration is one wait in the poller, and everything that it led to.":
        "반복 하나는 poller에서 한 번 기다린 것과 그 결과로 한 일 전부이다.",
    "The share of its time that the loop slept in the poller, or waited for a CPU there.":
        "루프가 poller에서 잠들었거나 거기서 CPU를 기다린 시간의 비율.",
    "The share of its time that the poller itself took on the CPU: poll and select look through"
    " every descriptor, epoll only through those that are ready.":
        "poller 자체가 CPU에서 쓴 시간의 비율. poll과 select는 모든 fd를 훑고, epoll은 준비된 것만"
        " 훑는다.",
    "The share of its time that accepting, reading, writing and closing took.":
        "accept, 읽기, 쓰기, 닫기에 쓴 시간의 비율.",
    "The share of its time in which it told its figures to those who watch.":
        "관찰자에게 수치를 전하는 데 쓴 시간의 비율.",
    "The longest iteration that was told in the last minute: on the CPU, or waiting for it, whose"
    " it was, and which call took most of it.":
        "최근 1분에 전해진 가장 긴 반복. CPU를 썼는지 기다렸는지, 어느 연결이었는지, 어느 호출이"
        " 가장 오래 걸렸는지 알려 준다.",
    "The revents that the poller reported, of the events that it was asked for: IN is POLLIN, OUT"
    " is POLLOUT; ERR and HUP come unasked.":
        "poller가 보고한 revents와 우리가 요청한 events. IN은 POLLIN, OUT은 POLLOUT이고 ERR와 HUP은"
        " 요청하지 않아도 온다.",
    "A descriptor was reported and nothing could be done: no byte moved and nothing was accepted;"
    " again and again that makes a loop spin.":
        "fd가 보고되었지만 할 수 있는 일이 없었다. 한 바이트도 움직이지 않았고 accept도 없었다."
        " 되풀이되면 루프가 헛돈다.",
    "The wait: it returns the descriptors that are ready, at the latest when the next deadline"
    " comes.":
        "기다림. 준비된 fd를 돌려주고, 늦어도 다음 마감 시각에는 반환한다.",
    "A listener's accept4(2); at last it says EAGAIN: nobody waits any more.":
        "리슨 소켓의 accept4(2). 마지막은 EAGAIN이고, 더 기다리는 클라이언트가 없다는 뜻이다.",
    "The bytes that read(2) gave; 0 is the end, EAGAIN is nothing for now.":
        "read(2)가 받은 바이트. 0은 종료이고 EAGAIN은 지금 읽을 것이 없다는 뜻이다.",
    "The bytes that write(2) took; fewer than were offered is a partial write, and the offset"
    " remembers where to go on.":
        "write(2)에서 커널이 받은 바이트. 넘긴 것보다 적으면 부분 쓰기이고, 이어서 쓸 곳은 오프셋이"
        " 기억한다.",
    "A descriptor is registered with the poller, for POLLIN at first.":
        "fd를 poller에 등록한다. 처음에는 POLLIN이다.",
    "The interest becomes POLLOUT: an echo is pending, and nothing is read meanwhile.":
        "관심이 POLLOUT으로 바뀐다. 에코가 남아 있고, 그동안 읽지 않는다.",
    "The interest is POLLIN again: the echo is written.": "관심이 다시 POLLIN이다. 에코를 다 썼다.",
    "A descriptor is taken out of the poller, before it is closed or while only time is waited"
    " for.": "fd를 poller에서 뺀다. 닫기 전이거나, 시간만 기다리는 동안이다.",
    "Our FIN by shutdown(2) with SHUT_WR, behind all that was written.":
        "SHUT_WR를 준 shutdown(2). 지금까지 쓴 것 뒤에 우리 FIN이 나간다.",
    "The end of a descriptor by close(2): it is free again.": "close(2). fd가 다시 비었다.",
    "The connections of the group; by reason the ones that have just closed count too.":
        "그룹의 연결 수. 이유로 묶으면 방금 닫힌 것도 센다.",
    "Those of them that stand still: a frame that has begun does not go on for a second, the peer"
    " has stopped to take its echo or does not answer, or the server is behind; one that reads"
    " slowly is not stuck.":
        "그중 멈춘 연결. 시작된 프레임이 1초 동안 나아가지 않거나, 상대가 에코를 가져가지 않거나"
        " 응답하지 않거나, 서버가 밀린 것이다. 느리게 읽는 것은 멈춘 것이 아니다.",
    "Bytes of their echoes that the kernel has not accepted yet, in all.":
        "커널이 아직 받지 않은 에코 바이트의 합.",
    "Bytes written to them that are not acknowledged, in all.":
        "쓰고 나서 아직 ACK되지 않은 바이트의 합.",
    "Frames echoed to them a second, in all.": "1초에 에코한 프레임 수의 합.",
    "Bytes that the kernel has received and the loop has not read yet.":
        "커널이 받았고 루프가 아직 읽지 않은 바이트.",
    "Bytes in the kernel's send queue that wait for the peer's window or for the network.":
        "커널 송신 큐에서 상대의 윈도나 네트워크를 기다리는 바이트.",
    "Bytes that were sent and are not acknowledged yet.": "보냈고 아직 ACK되지 않은 바이트.",
    "Bytes of echo that the peer's kernel has taken; only these have arrived, and what is unsent"
    " or in flight is unacknowledged.":
        "상대의 커널이 가져간 에코 바이트. 이것만 도착한 것이고, unsent와 in flight는 ACK되지 않은"
        " 것이다.",
    "Bytes that the peer's kernel has taken and its program has not read; known of peers on this"
    " machine.":
        "상대의 커널이 받았고 상대 프로그램이 읽지 않은 바이트. 같은 기계의 상대만 알 수 있다.",
    "Bytes that the peer's kernel offers to receive; with 0 its receive buffer has no room, or"
    " too little to be worth a segment.":
        "상대의 커널이 더 받겠다고 한 바이트. 0이면 수신 버퍼에 자리가 없거나, 세그먼트 하나를 보낼"
        " 만하지 않다.",
    "The smoothed round-trip time, from a segment to its acknowledgement.":
        "세그먼트에서 그 ACK까지의 왕복 시간을 평활한 값.",
    "The congestion window: segments that may be in flight at once.":
        "혼잡 윈도. 한 번에 in flight일 수 있는 세그먼트 수이다.",
    "Segments sent again, in all, because no acknowledgement came in time.":
        "제때 ACK가 오지 않아 다시 보낸 세그먼트의 합.",
    "Window probes without an answer: with them the kernel asks a peer whose window is 0 whether"
    " it has room again.":
        "응답이 없는 윈도 probe. 윈도가 0인 상대에게 자리가 생겼는지 커널이 묻는 것이다.",
    "How often the connection had its share of an iteration and more to do.":
        "한 반복에서 제 몫을 다 쓰고도 할 일이 남은 횟수.",
    "The last minute: the height of a block is what was pending while POLLOUT was armed.":
        "최근 1분. 막대 높이는 POLLOUT이 켜져 있는 동안의 pending이다.",
}
# fmt: on
"""By the English text."""
