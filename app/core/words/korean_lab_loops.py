"""Korean of the scenarios of the lab about the loop itself (`app.lab.loop_texts`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
LAB_LOOPS: Final[Mapping[str, str]] = {
    "POLLOUT stays registered while there is nothing to send":
        "보낼 것이 없는데 POLLOUT이 등록되어 있다",
    "Five clients have had their echoes and are silent. The loop has POLLIN and POLLOUT"
    " registered for each of them. How often does poll return in a second?":
        "클라이언트 다섯이 에코를 다 받고 조용히 있다. 루프는 각 연결에 POLLIN과 POLLOUT을 등록해"
        " 두었다. poll은 1초에 몇 번 반환하는가?",
    "Not at all: nobody sends anything.": "한 번도 반환하지 않는다. 아무도 보내지 않기 때문이다.",
    "Five times: once for each connection.": "다섯 번. 연결마다 한 번이다.",
    "As often as the CPU allows.": "CPU가 허락하는 만큼.",
    "A socket is writable as long as its send buffer has room, which is nearly always."
    " Level-triggered polling reports what is true, not what has changed. So every poll returns"
    " at once with all five connections, and the loop has nothing to send to any of them. It uses"
    " a whole core and serves nobody. The right loop registers POLLOUT only after a send that was"
    " partial or failed with EAGAIN, and removes it when the rest is sent.":
        "송신 버퍼에 공간이 있는 동안 소켓은 쓰기 준비 상태이고, 거의 언제나 그렇다. 레벨 트리거는"
        " 무엇이 바뀌었는지가 아니라 무엇이 참인지를 알린다. 그래서 poll은 매번 다섯 연결을 모두"
        " 들고 즉시 반환하지만, 루프가 보낼 것은 하나도 없다. 코어 하나를 다 쓰면서 아무 일도 하지"
        " 않는다. 올바른 루프는 send가 일부만 보냈거나 EAGAIN으로 실패한 뒤에만 POLLOUT을 등록하고,"
        " 나머지를 다 보내면 해제한다.",
    "want_writable(): it registers both events in every state.":
        "want_writable(): 모든 상태에서 두 이벤트를 다 등록한다.",
    "Polls of an idle server": "할 일 없는 서버의 poll 횟수",
    "With five idle connections the right server polled {right} times a second, the wrong one"
    " {wrong} times.":
        "유휴 연결 다섯 개에서 올바른 서버는 1초에 {right}번, 틀린 서버는 {wrong}번 poll을"
        " 호출했다.",
    "10.6, pitfall 2 of 12, 13": "10.6, 12의 함정 2, 13",
    "polls a second": "번/초 (poll)",
    "The loop does nothing about POLLHUP and POLLERR":
        "POLLHUP과 POLLERR를 받고 아무것도 하지 않는다",
    "A client resets its connection. poll reports POLLHUP for it, and the loop returns, as it can"
    " neither read nor write. What does the next poll do?":
        "클라이언트가 연결을 리셋했다. poll이 POLLHUP을 알리지만, 루프는 읽을 수도 쓸 수도 없으므로"
        " 그냥 돌아간다. 다음 poll은 어떻게 되는가?",
    "It waits: POLLHUP has been reported.": "기다린다. POLLHUP은 이미 알렸다.",
    "It returns at once with the same POLLHUP.": "같은 POLLHUP을 들고 즉시 반환한다.",
    "It fails with EBADF: the kernel has closed the descriptor.":
        "EBADF로 실패한다. 커널이 fd를 닫았기 때문이다.",
    "POLLHUP and POLLERR are reported without being asked for, and they stay true until the"
    " descriptor is closed. A loop that does nothing about them is told again at once. To close"
    " at the first POLLHUP is a mistake too, which the source document makes: bytes that came"
    " before the end may still be there to read. The right loop makes the call that the state"
    " wants. It returns the last bytes, then the error, and then the loop closes.":
        "POLLHUP과 POLLERR는 요청하지 않아도 오고, fd를 닫을 때까지 참이다. 아무것도 하지 않는"
        " 루프는 곧바로 다시 깨어난다. 첫 POLLHUP에서 바로 닫는 것도 실수이며, 원문의 코드가 그렇게"
        " 한다. 종료 전에 도착한 바이트가 아직 수신 버퍼에 남아 있을 수 있기 때문이다. 올바른"
        " 루프는 상태가 요구하는 호출을 그대로 한다. 그러면 마지막 바이트가 나오고, 이어서 에러가"
        " 나오고, 그때 루프가 연결을 닫는다.",
    "serve(): it returns on POLLHUP.": "serve(): POLLHUP이면 그냥 반환한다.",
    "Polls after a reset": "리셋 뒤의 poll 횟수",
    "After a client had reset its connection, the right server polled {right} times a second, the"
    " wrong one {wrong} times.":
        "클라이언트가 연결을 리셋한 뒤 올바른 서버는 1초에 {right}번, 틀린 서버는 {wrong}번 poll을"
        " 호출했다.",
    "10.2, pitfall 4 of 12": "10.2, 12의 함정 4",
    "recv returns 0, and the loop does not take it for the end":
        "recv가 0을 반환했는데 종료로 보지 않는다",
    "A client sends its FIN and stays connected. recv returns 0 bytes, and the loop waits for"
    " more. What does it cost?":
        "클라이언트가 FIN을 보내고 연결은 그대로 둔다. recv는 0을 반환하고, 루프는 더 오기를"
        " 기다린다. 그 비용은 얼마인가?",
    "A whole core: the FIN makes the socket readable for ever.":
        "코어 하나 전부. FIN 때문에 소켓은 영원히 읽기 준비 상태이다.",
    "A descriptor, and nothing else.": "fd 하나. 그것뿐이다.",
    "One wake-up a second, from TCP keep-alive.": "1초에 한 번의 깨움. TCP keep-alive 때문이다.",
    "The end of a stream is something to read: POLLIN is true, and recv returns 0. That stays so,"
    " since no more bytes can come. A loop that treats 0 as no news polls, reads 0 and polls"
    " again. A return of 0 means the end, as long as at least one byte was asked for. The right"
    " loop closes then, after it has sent the echoes that it owes.":
        "스트림의 끝도 읽을 거리이다. POLLIN은 참이고 recv는 0을 반환한다. 더 올 바이트가 없으므로"
        " 이 상태는 바뀌지 않는다. 0을 '아직 없음'으로 다루는 루프는 poll을 호출하고 0을 읽기를"
        " 끝없이 되풀이한다. 1바이트 이상을 요청한 recv가 0을 반환하면 상대가 종료한 것이다. 올바른"
        " 루프는 남은 에코를 다 보낸 뒤 연결을 닫는다.",
    "recv(): nothing is done about n == 0.": "recv(): n == 0일 때 아무것도 하지 않는다.",
    "Polls after a FIN": "FIN 뒤의 poll 횟수",
    "After the FIN of a client the right server polled {right} times a second, the wrong one"
    " {wrong} times.":
        "클라이언트의 FIN 뒤 올바른 서버는 1초에 {right}번, 틀린 서버는 {wrong}번 poll을 호출했다.",
    "accept fails with EMFILE, and the loop polls the listener again":
        "accept가 EMFILE로 실패해도 리슨 소켓을 계속 poll한다",
    "The process has no free descriptor, and one client waits to be accepted. How many calls of"
    " accept fail in a second?":
        "프로세스에 남은 fd가 없고, 클라이언트 하나가 accept를 기다린다. 1초에 몇 번의 accept가"
        " 실패하는가?",
    "One: then the kernel refuses the client.": "한 번. 그 뒤에는 커널이 클라이언트를 거절한다.",
    "None: poll does not report a listener that cannot accept.":
        "없다. accept할 수 없는 리슨 소켓은 poll이 알리지 않는다.",
    "Hundreds of thousands.": "수십만 번.",
    "accept fails with EMFILE, and the client stays in the queue of the listener. So the listener"
    " stays readable, poll returns at once, and accept fails again. All other connections have to"
    " share the CPU with that. The right loop stops polling the listener until a descriptor is"
    " free again. The product's server pauses it and tries again about once a second. In both,"
    " the client is served later and nothing is lost.":
        "accept는 EMFILE로 실패하고, 클라이언트는 리슨 소켓의 큐에 그대로 남는다. 그래서 리슨"
        " 소켓은 계속 읽기 준비 상태이고, poll은 즉시 반환하며, accept는 또 실패한다. 다른 연결은"
        " 모두 남은 CPU를 나누어 써야 한다. 올바른 루프는 fd가 다시 생길 때까지 리슨 소켓을"
        " poll에서 뺀다. 이 프로그램의 서버는 잠시 멈추었다가 약 1초마다 다시 시도한다. 어느 쪽이든"
        " 클라이언트는 조금 늦게 처리될 뿐, 잃는 것은 없다.",
    "accept_all(): after EMFILE it returns, and the listener stays registered.":
        "accept_all(): EMFILE이면 반환하고, 리슨 소켓은 등록된 채로 남는다.",
    "Failed accepts, without a free descriptor": "남은 fd가 없을 때 실패한 accept",
    "While no descriptor was free, {right} accepts a second failed in the right server, {wrong}"
    " in the wrong one.":
        "남은 fd가 없는 동안 올바른 서버에서는 1초에 {right}번, 틀린 서버에서는 {wrong}번 accept가"
        " 실패했다.",
    "failed accepts a second": "번/초 (실패한 accept)",
    "One socket is blocking: a client with half a frame stops all others":
        "소켓 하나가 블로킹이라 프레임 반쪽이 모두를 세운다",
    "A client has sent its header and not yet its body. Another client sends a whole frame. The"
    " loop uses poll, but its client sockets are blocking. When does the second client get its"
    " echo?":
        "한 클라이언트가 헤더만 보내고 바디는 아직 보내지 않았다. 다른 클라이언트는 온전한 프레임을"
        " 보낸다. 루프는 poll을 쓰지만 클라이언트 소켓이 블로킹이다. 둘째 클라이언트는 언제 에코를"
        " 받는가?",
    "At once: poll says which socket is ready.": "즉시. 어느 소켓이 준비되었는지 poll이 알려 준다.",
    "When the first client sends its body.": "첫째 클라이언트가 바디를 보낼 때.",
    "When poll reaches its time-out.": "poll의 타임아웃이 끝날 때.",
    "poll said that the first socket was readable, and that was true for the header. The loop"
    " then asks for the body in the same turn. Nothing is there, so a blocking recv waits, and"
    " with it the only thread. No other connection is served until the first client goes on: it"
    " may never do so. On a non-blocking socket the same recv fails with EAGAIN, the loop keeps"
    " its offsets and goes to the next connection.":
        "poll은 첫째 소켓이 읽기 준비라고 했고, 헤더에 대해서는 맞는 말이었다. 루프는 같은 차례에서"
        " 바로 바디도 요청한다. 아무것도 없으므로 블로킹 recv가 기다리고, 하나뿐인 스레드도 함께"
        " 멈춘다. 첫째 클라이언트가 이어서 보낼 때까지 다른 연결은 하나도 처리되지 않는다. 영원히"
        " 안 보낼 수도 있다. 논블로킹 소켓이라면 같은 recv가 EAGAIN으로 실패하고, 루프는 오프셋을"
        " 기억한 채 다음 연결로 넘어간다.",
    "add_client(): sock.setblocking(False) is missing.":
        "add_client(): sock.setblocking(False)가 없다.",
    "Echo beside a client that has sent half a frame": "프레임을 반만 보낸 클라이언트 옆의 에코",
    "Beside a client that had sent half a frame, an echo took {right} ms in the right server. In"
    " the wrong one it took {wrong} ms, because the client went on after a second.":
        "프레임을 반만 보낸 클라이언트 옆에서 에코는 올바른 서버에서 {right} ms 걸렸다. 틀린"
        " 서버에서는 {wrong} ms 걸렸는데, 그 클라이언트가 1초 뒤에 나머지를 보냈기 때문이다.",
    "recv(2), fcntl(2) with O_NONBLOCK": "recv(2), fcntl(2)의 O_NONBLOCK",
    "The listener is blocking: accept waits where it should fail with EAGAIN":
        "리슨 소켓이 블로킹이라 accept가 EAGAIN 대신 기다린다",
    "Five clients connect and send a frame each. The loop accepts in a loop until EAGAIN, but the"
    " listener is blocking. How many clients get their echo?":
        "클라이언트 다섯이 접속해 프레임을 하나씩 보낸다. 루프는 EAGAIN이 나올 때까지 accept를"
        " 반복하지만 리슨 소켓이 블로킹이다. 에코를 받는 클라이언트는 몇인가?",
    "All five.": "다섯 모두.",
    "Four: the last one waits for a sixth.": "넷. 마지막 하나는 여섯째를 기다린다.",
    "None.": "없다.",
    "To accept until EAGAIN is right, and so to read and to write. But only a non-blocking socket"
    " ever says EAGAIN. On a blocking listener the call after the last client waits for one more"
    " client. When that one connects it is accepted, and accept waits again. The loop never comes"
    " back to poll, and nobody is served. EAGAIN is not an error. It is the answer that lets a"
    " loop leave a descriptor and go on.":
        "EAGAIN까지 accept하는 것은 옳다. 읽기와 쓰기도 마찬가지이다. 그러나 EAGAIN은 논블로킹"
        " 소켓에서만 나온다. 블로킹 리슨 소켓에서는 마지막 클라이언트 다음의 호출이 클라이언트"
        " 하나를 더 기다린다. 누가 접속하면 그것을 accept하고 또 기다린다. 루프는 poll로 돌아오지"
        " 못하고 아무도 처리되지 않는다. EAGAIN은 에러가 아니다. 루프가 그 fd를 떠나 다음으로 갈 수"
        " 있게 하는 대답이다.",
    "__init__(): self.lfd.setblocking(False) is missing.":
        "__init__(): self.lfd.setblocking(False)가 없다.",
    "Clients without an echo, of five": "다섯 중 에코를 받지 못한 클라이언트",
    "Of five clients, {right} had no echo after a second from the right server, {wrong} from the"
    " wrong one.":
        "클라이언트 다섯 중 1초 안에 에코를 받지 못한 수는 올바른 서버에서 {right}개, 틀린 서버에서"
        " {wrong}개이다.",
    "accept(2), fcntl(2) with O_NONBLOCK": "accept(2), fcntl(2)의 O_NONBLOCK",
    "clients": "클라이언트",
    "A thread for each connection, in place of a loop": "루프 대신 연결마다 스레드 하나",
    "500 clients are connected and mostly silent. A server starts a thread for each connection."
    " How many threads does it have, and how many does the loop need?":
        "클라이언트 500개가 접속해 대부분 조용히 있다. 서버는 연결마다 스레드를 하나씩 만든다."
        " 스레드는 몇 개이고, 루프라면 몇 개가 필요한가?",
    "501, and the loop needs 1.": "501개, 루프는 1개.",
    "As many as the machine has cores, and the loop 1.": "CPU 코어 수만큼, 루프는 1개.",
    "500, and the loop 500: the kernel makes them.": "500개, 루프도 500개. 커널이 만든다.",
    "A thread that waits in a blocking recv does nothing, and still it has a stack, an entry in"
    " the scheduler and a place under the limit of processes. When many clients send at once, the"
    " kernel switches between hundreds of threads, and whatever they share needs locks. A loop"
    " remembers in a few fields of Conn what a thread keeps on its stack.":
        "블로킹 recv에서 기다리는 스레드는 아무 일도 하지 않는다. 그래도 스택과 스케줄러 항목을"
        " 차지하고 프로세스 수 제한에도 들어간다. 많은 클라이언트가 한꺼번에 보내면 커널은 수백 개"
        " 스레드 사이에서 컨텍스트 스위치를 하고, 스레드들이 공유하는 것에는 락이 필요하다."
        " 스레드가 스택에 두는 것을 루프는 Conn의 필드 몇 개로 기억한다.",
    "add_client(): it starts a thread, which runs serve_alone().":
        "add_client(): serve_alone()을 도는 스레드를 만든다.",
    "Threads that serve": "연결을 처리하는 스레드",
    "Beside {extra} connections the right server had {right} thread that served, the wrong one"
    " {wrong}.":
        "연결 {extra}개에서 처리 스레드는 올바른 서버에 {right}개, 틀린 서버에 {wrong}개이다.",
    "threads": "스레드",
    "A slow function is called in the loop's thread": "루프 스레드에서 느린 함수를 호출한다",
    "One client's frame makes the server call a function that takes 0.3 s. Nobody else's frame"
    " does. How long does another client wait for its echo meanwhile?":
        "한 클라이언트의 프레임이 오면 서버가 0.3초 걸리는 함수를 호출한다. 다른 클라이언트의"
        " 프레임은 그렇지 않다. 그동안 다른 클라이언트는 에코를 얼마나 기다리는가?",
    "Not at all: its socket is non-blocking.": "기다리지 않는다. 소켓이 논블로킹이다.",
    "Up to 0.3 s.": "최대 0.3초.",
    "Its echo is lost.": "에코를 잃는다.",
    "A loop serves one connection after the other, in one thread. Sockets that do not block are"
    " no help if something else does: a log on a slow disk, a name server, a long computation."
    " Until it returns, poll is not called. The right server does the same work for the same"
    " frames, but an observer does it in a thread of its own, which takes events from a bounded"
    " queue.":
        "루프는 한 스레드에서 연결을 하나씩 차례로 처리한다. 소켓이 논블로킹이어도 다른 무엇이"
        " 막으면 소용이 없다. 느린 디스크의 로그, 네임 서버 조회, 긴 계산이 그렇다. 그 함수가"
        " 반환할 때까지 poll은 호출되지 않는다. 올바른 서버도 같은 프레임에 같은 일을 하지만,"
        " 크기가 제한된 큐에서 이벤트를 꺼내는 별도 스레드의 관찰자가 그 일을 한다.",
    "advance(): sleep() stands for the callback, 10 microseconds a byte.":
        "advance(): sleep()이 콜백을 대신한다. 바이트당 10마이크로초이다.",
    "Echo beside a slow callback": "느린 콜백 옆의 에코",
    "While another client's frame took 0.3 s of work, an echo took {right} ms in the right"
    " server, {wrong} ms in the wrong one.":
        "다른 클라이언트의 프레임이 0.3초의 일을 시키는 동안 에코는 올바른 서버에서 {right} ms,"
        " 틀린 서버에서 {wrong} ms 걸렸다.",
    "The loop drains one connection until EAGAIN, however long that takes":
        "아무리 오래 걸려도 한 연결을 EAGAIN까지 드레인한다",
    "A client sends small frames without a pause and reads its echoes. The loop serves it until"
    " recv fails with EAGAIN. When is another client's frame echoed?":
        "한 클라이언트가 작은 프레임을 쉬지 않고 보내면서 에코도 읽는다. 루프는 recv가 EAGAIN으로"
        " 실패할 때까지 그 연결을 처리한다. 다른 클라이언트의 프레임은 언제 에코되는가?",
    "When the busy client pauses.": "바쁜 클라이언트가 쉴 때.",
    "Next: poll puts connections in a fair order.":
        "다음 차례에. poll이 연결을 공평하게 늘어놓는다.",
    "After 64 frames of the busy client.": "바쁜 클라이언트의 프레임 64개 뒤에.",
    "To drain a socket is the usual advice, and it assumes that the socket becomes empty. A"
    " client that sends as quickly as the loop reads keeps it full. The loop then stays with that"
    " client, and all others wait. The right loop does a bounded amount for each connection in"
    " each turn. With level-triggered polling nothing is lost by stopping early: the next poll"
    " reports what is left.":
        "소켓을 드레인하라는 것은 흔한 조언이고, 소켓이 언젠가 빈다고 전제한다. 루프가 읽는 만큼"
        " 빠르게 보내는 클라이언트는 소켓을 늘 채워 둔다. 그러면 루프는 그 클라이언트에 붙잡히고"
        " 나머지는 모두 기다린다. 올바른 루프는 한 차례에 연결마다 정해진 양(budget)만 처리한다."
        " 레벨 트리거에서는 중간에 멈춰도 잃는 것이 없다. 남은 것은 다음 poll이 다시 알린다.",
    "serve(): while True around advance().": "serve(): advance()를 while True로 감쌌다.",
    "Echo beside a client that never pauses, median": "쉬지 않는 클라이언트 옆의 에코, 중앙값",
    "Beside a client that sent without a pause, an echo took {right} ms in the right server,"
    " {wrong} ms in the wrong one (medians; the worst was {extra} ms).":
        "쉬지 않고 보내는 클라이언트 옆에서 에코는 올바른 서버에서 {right} ms, 틀린 서버에서"
        " {wrong} ms 걸렸다(중앙값, 최악은 {extra} ms).",
    "epoll(7), on starvation": "epoll(7)의 starvation",
    "TCP_NODELAY is missing: the second of two small echoes waits":
        "TCP_NODELAY가 없어서 작은 에코 둘 중 둘째가 기다린다",
    "A client sends two small frames together and waits for both echoes. The server writes each"
    " echo with a send of its own, without TCP_NODELAY. How long does it take on the loopback"
    " device?":
        "클라이언트가 작은 프레임 두 개를 함께 보내고 두 에코를 기다린다. 서버는 TCP_NODELAY 없이"
        " 에코마다 send를 한 번씩 호출한다. loopback에서 얼마나 걸리는가?",
    "Some microseconds: there is no network in between.": "몇 마이크로초. 사이에 네트워크가 없다.",
    "About 40 ms.": "약 40 ms.",
    "About 200 ms, until a retransmission.": "약 200 ms. 재전송까지 기다린다.",
    "Nagle's algorithm keeps a small segment back while an earlier one is not acknowledged. The"
    " client acknowledges late, by up to 40 ms, because it hopes to send the acknowledgement with"
    " data of its own. It has nothing to send, as it waits for the second echo. Each side waits"
    " for the other until the client's timer ends that. TCP_NODELAY turns Nagle's algorithm off."
    " To write both echoes with one send helps too.":
        "Nagle 알고리즘은 앞 세그먼트가 ACK되지 않은 동안 작은 세그먼트를 붙잡아 둔다. 클라이언트는"
        " 자기 데이터에 ACK를 실어 보내려고 최대 40 ms까지 ACK를 늦춘다. 그러나 둘째 에코를"
        " 기다리는 중이라 보낼 데이터가 없다. 양쪽이 서로를 기다리다가 클라이언트의 타이머가 끝나야"
        " 풀린다. TCP_NODELAY는 Nagle 알고리즘을 끈다. 두 에코를 send 한 번으로 쓰는 것도 도움이"
        " 된다.",
    "add_client(): setsockopt(TCP_NODELAY) is missing.":
        "add_client(): setsockopt(TCP_NODELAY)가 없다.",
    "Two small echoes, median": "작은 에코 두 개, 중앙값",
    "Two small frames that were sent together were echoed in {right} ms by the right server, in"
    " {wrong} ms by the wrong one (medians).":
        "함께 보낸 작은 프레임 두 개의 에코는 올바른 서버에서 {right} ms, 틀린 서버에서 {wrong} ms"
        " 걸렸다(중앙값).",
    "poll(2) in place of epoll, with thousands of idle connections":
        "유휴 연결 수천 개에서 epoll 대신 poll(2)",
    "4,000 connections are idle, one sends a small frame now and then. How much more CPU does an"
    " echo cost with poll(2) than with epoll?":
        "연결 4,000개가 유휴 상태이고 하나만 가끔 작은 프레임을 보낸다. 에코 하나의 CPU 비용은"
        " poll(2)이 epoll보다 얼마나 큰가?",
    "About the same: only one connection is ready.": "거의 같다. 준비된 연결은 하나뿐이다.",
    "Twice as much.": "두 배.",
    "About a hundred times as much.": "약 백 배.",
    "poll(2) is given the whole set at each call. The kernel asks every descriptor in it whether"
    " it is ready, and the program then looks through all results: both grow with the number of"
    " connections, also if one alone is ready. epoll keeps the set in the kernel. A descriptor"
    " that becomes ready is put on a list, and only that list is returned. select(2) has the cost"
    " of poll, and refuses every descriptor from FD_SETSIZE (1,024) on.":
        "poll(2)은 호출할 때마다 전체 집합을 넘겨받는다. 커널은 그 안의 모든 fd에 준비되었는지"
        " 묻고, 프로그램은 다시 모든 결과를 훑는다. 준비된 것이 하나여도 둘 다 연결 수에 비례한다."
        " epoll은 집합을 커널 안에 둔다. 준비된 fd가 목록에 올라가고 그 목록만 반환된다."
        " select(2)는 비용이 poll과 같고, FD_SETSIZE(1,024) 이상의 fd는 받지도 않는다.",
    "__init__(): select.poll() in place of select.epoll().":
        "__init__(): select.epoll() 대신 select.poll()을 쓴다.",
    "CPU of an echo beside idle connections, median": "유휴 연결 옆의 에코가 쓰는 CPU, 중앙값",
    "Beside thousands of idle connections an echo took {right} microseconds of CPU with epoll,"
    " {wrong} with poll(2).":
        "유휴 연결 수천 개 옆에서 에코 하나는 epoll로 CPU {right} µs, poll(2)로 {wrong} µs를 썼다.",
    "microseconds": "µs",
}
# fmt: on
"""By the English text."""
