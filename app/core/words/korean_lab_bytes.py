"""Korean of the scenarios of the lab about bytes, and of its notes (`app.lab.byte_texts`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
LAB_BYTES: Final[Mapping[str, str]] = {
    "send takes a part of an echo, and the rest is forgotten":
        "send가 일부만 보냈는데 나머지를 잊는다",
    "A client sends twelve frames of 1 MiB and reads slowly. The server calls send once for each"
    " echo and does not look at the result. What does the client get?":
        "클라이언트가 1 MiB 프레임 열두 개를 보내고 천천히 읽는다. 서버는 에코마다 send를 한 번"
        " 호출하고 결과를 보지 않는다. 클라이언트는 무엇을 받는가?",
    "All of it, later: the kernel keeps what send was given.":
        "조금 늦게 전부. send에 넘긴 것은 커널이 보관한다.",
    "Less than it sent, without any error.": "보낸 것보다 적게, 에러도 없이.",
    "An error: send raises one if it cannot take all.":
        "에러. 전부 받을 수 없으면 send가 예외를 낸다.",
    "A non-blocking send takes what the send buffer has room for and returns how much that was."
    " Less than all is no error. Whoever does not look at the result loses the rest, and no side"
    " is told. The client reads the next header where the middle of a body should be, so every"
    " later frame is wrong too. The right loop adds the result to out_bytes_sent and sends the"
    " rest when POLLOUT comes.":
        "논블로킹 send는 송신 버퍼에 들어가는 만큼만 받고 그 양을 반환한다. 일부만 받은 것은 에러가"
        " 아니다. 결과를 보지 않으면 나머지를 잃고, 어느 쪽도 그 사실을 모른다. 클라이언트는 바디의"
        " 중간을 다음 헤더로 읽으므로 그 뒤의 프레임도 모두 틀린다. 올바른 루프는 반환값을"
        " out_bytes_sent에 더하고, 나머지는 POLLOUT이 오면 보낸다.",
    "advance(): the result of send() is not used.": "advance(): send()의 결과를 쓰지 않는다.",
    "Missing of 12.6 MB of echoes": "에코 12.6 MB 중 없어진 양",
    "Of 12.6 MB of echoes, {right} MB were missing from the right server, {wrong} MB from the"
    " wrong one.":
        "에코 12.6 MB 중 올바른 서버에서는 {right} MB, 틀린 서버에서는 {wrong} MB가 없어졌다.",
    "5.1, 10.5, pitfall 3 of 12": "5.1, 10.5, 12의 함정 3",
    "Edge-triggered, and only one frame is read at each event":
        "엣지 트리거인데 이벤트마다 프레임 하나만 읽는다",
    "A client sends 100 small frames with one send. The loop is registered with EPOLLET and"
    " serves one frame at each event. How many echoes come?":
        "클라이언트가 작은 프레임 100개를 send 한 번으로 보낸다. 루프는 EPOLLET로 등록하고"
        " 이벤트마다 프레임 하나를 처리한다. 에코는 몇 개 오는가?",
    "All 100.": "100개 모두.",
    "50.": "50개.",
    "One.": "하나.",
    "Edge-triggered polling reports that something has arrived, once. It does not report that"
    " something is still there. All 100 frames arrived together, so there is one event, and 99"
    " frames stay in the receive buffer until the client sends more. With EPOLLET a loop has to"
    " read until EAGAIN, or remember by itself that it has not. Level-triggered polling would"
    " have reported the rest again and again.":
        "엣지 트리거는 무언가 도착했다는 사실을 한 번 알린다. 아직 남아 있다는 것은 알리지 않는다."
        " 프레임 100개가 함께 도착했으므로 이벤트는 하나이고, 99개는 클라이언트가 더 보낼 때까지"
        " 수신 버퍼에 남는다. EPOLLET에서는 EAGAIN까지 읽거나, 다 읽지 않았다는 것을 루프 스스로"
        " 기억해야 한다. 레벨 트리거였다면 남은 것을 계속 다시 알렸을 것이다.",
    "add_client(): EPOLLET, while advance() reads one frame.":
        "add_client(): EPOLLET인데 advance()는 프레임을 하나만 읽는다.",
    "Frames without an echo, of a hundred": "백 개 중 에코가 없는 프레임",
    "Of a hundred frames that were sent at once, {right} had no echo from the right server,"
    " {wrong} from the wrong one.":
        "한 번에 보낸 프레임 백 개 중 에코가 없는 것은 올바른 서버에서 {right}개, 틀린 서버에서"
        " {wrong}개이다.",
    "frames": "프레임",
    "All connections read into one buffer": "모든 연결이 버퍼 하나에 읽는다",
    "Two clients each send half of a body, then the other half. The server has one static buffer"
    " for bodies. What does the first client get?":
        "두 클라이언트가 각각 바디의 반을 보내고, 이어서 나머지 반을 보낸다. 서버에는 바디용 static"
        " 버퍼가 하나뿐이다. 첫째 클라이언트는 무엇을 받는가?",
    "Its own bytes: the loop serves one client at a time.":
        "자기 바이트. 루프는 한 번에 한 클라이언트만 처리한다.",
    "Bytes of the other client.": "다른 클라이언트의 바이트.",
    "Nothing: the server notices and closes.": "아무것도. 서버가 알아채고 닫는다.",
    "One thread does serve one client at a time, but a frame takes several turns. Between two of"
    " them other connections are served, and each writes to the same buffer. So a client gets"
    " bytes that somebody else has sent, perhaps a password. Everything that must live longer"
    " than one turn belongs to the connection. A buffer may be shared only if it is empty"
    " whenever the loop goes on to the next connection.":
        "스레드 하나가 한 번에 한 클라이언트를 처리하는 것은 맞지만, 프레임 하나에는 여러 차례가"
        " 걸린다. 그 사이에 다른 연결이 처리되고, 모두 같은 버퍼에 쓴다. 그래서 클라이언트가 다른"
        " 사람이 보낸 바이트를, 어쩌면 비밀번호를 받는다. 한 차례보다 오래 살아야 하는 것은 모두"
        " 연결이 가져야 한다. 버퍼는 루프가 다음 연결로 넘어갈 때마다 비어 있는 경우에만 공유할 수"
        " 있다.",
    "advance(): in_body is a part of BUFFER, which all connections share.":
        "advance(): in_body가 모든 연결이 공유하는 BUFFER의 일부이다.",
    "Wrong echoes, of 40 clients": "클라이언트 40개 중 틀린 에코",
    "Of 40 clients whose halves came in turn, {right} got a wrong echo from the right server,"
    " {wrong} from the wrong one.":
        "반쪽이 번갈아 온 클라이언트 40개 중 틀린 에코를 받은 것은 올바른 서버에서 {right}개, 틀린"
        " 서버에서 {wrong}개이다.",
    "An empty frame is taken for the end of the stream": "빈 프레임을 스트림의 끝으로 본다",
    "A client sends a hundred frames at once, and the 41st has a body of 0 bytes. The server asks"
    " recv for the 0 bytes that are missing. What happens?":
        "클라이언트가 프레임 백 개를 한꺼번에 보내는데 41번째의 바디는 0바이트이다. 서버는 모자란"
        " 0바이트를 recv에 요청한다. 어떻게 되는가?",
    "recv returns 0, and the server closes the connection.":
        "recv가 0을 반환하고 서버가 연결을 닫는다.",
    "recv fails with EINVAL.": "recv가 EINVAL로 실패한다.",
    "recv waits for the next frame.": "recv가 다음 프레임을 기다린다.",
    "recv returns 0 in two cases: the peer has ended, or 0 bytes were asked for. The source"
    " document's code cannot tell them apart, and closes a healthy connection at its first empty"
    " frame. The echo of that frame and of all behind it are missing. The close, with frames"
    " unread, also destroys echoes before it that the client has not got yet. The right loop asks"
    " recv only if bytes are missing.":
        "recv가 0을 반환하는 경우는 둘이다. 상대가 종료했거나, 0바이트를 요청했을 때이다. 원문의"
        " 코드는 둘을 구별하지 못해 멀쩡한 연결을 첫 빈 프레임에서 닫는다. 그 프레임과 뒤의 모든"
        " 프레임의 에코가 사라진다. 읽지 않은 프레임이 남은 채 닫으므로, 그 앞의 에코 중"
        " 클라이언트가 아직 받지 못한 것도 파괴된다. 올바른 루프는 모자란 바이트가 있을 때만 recv를"
        " 호출한다.",
    "advance(): recv() is called for a body of which nothing is missing.":
        "advance(): 모자란 것이 없는 바디에 recv()를 호출한다.",
    "Of a hundred frames, one of them empty, {right} had no echo from the right server, {wrong}"
    " from the wrong one.":
        "빈 프레임 하나가 섞인 백 개 중 에코가 없는 것은 올바른 서버에서 {right}개, 틀린 서버에서"
        " {wrong}개이다.",
    "EAGAIN after POLLIN is taken for an error": "POLLIN 뒤의 EAGAIN을 에러로 본다",
    "200 clients send one frame each. 19 of them send the header first and the body a little"
    " later. The server closes a connection whose recv fails with anything but EINTR. How many"
    " clients have no echo?":
        "클라이언트 200개가 프레임을 하나씩 보낸다. 그중 19개는 헤더를 먼저, 바디를 조금 뒤에"
        " 보낸다. 서버는 recv가 EINTR 이외의 것으로 실패하면 연결을 닫는다. 에코를 받지 못하는"
        " 클라이언트는 몇인가?",
    "None: poll said that the sockets are readable.": "없다. poll이 읽기 준비라고 했다.",
    "All 200.": "200 전부.",
    "Readiness was true when poll returned, and it is promised for one call. POLLIN was for the"
    " header. The second recv of the same turn finds nothing and fails with EAGAIN. That is"
    " normal. It also happens if another thread or process reads from the same socket first, or"
    " if the kernel drops a packet after it has reported it. The right loop takes EAGAIN as the"
    " answer: later.":
        "준비 상태는 poll이 반환할 때 참이었고, 호출 한 번만 보장한다. POLLIN은 헤더에 대한"
        " 것이었다. 같은 차례의 둘째 recv는 읽을 것이 없어 EAGAIN으로 실패한다. 이것은 정상이다."
        " 다른 스레드나 프로세스가 같은 소켓을 먼저 읽거나, 커널이 알린 뒤에 패킷을 버려도"
        " 일어난다. 올바른 루프는 EAGAIN을 '나중에'라는 대답으로 받아들인다.",
    "serve(): EAGAIN is not suppressed, and ends as every other OSError.":
        "serve(): EAGAIN을 걸러 내지 않아 다른 OSError처럼 연결을 끝낸다.",
    "Clients without an echo, of 200": "200개 중 에코가 없는 클라이언트",
    "Of 200 clients, 19 of which sent the body a little later, {right} had no echo from the right"
    " server, {wrong} from the wrong one.":
        "19개가 바디를 조금 늦게 보낸 클라이언트 200개 중 에코가 없는 것은 올바른 서버에서"
        " {right}개, 틀린 서버에서 {wrong}개이다.",
    "2.2, pitfall 1 of 12": "2.2, 12의 함정 1",
    "recv(2), select(2), on BUGS": "recv(2), select(2)의 BUGS",
    "A close with input unread destroys the echo before it":
        "읽지 않은 입력을 두고 close하면 앞의 에코가 파괴된다",
    "A client sends a good frame of 1 MiB, then a header over the CAP and a few bytes. The server"
    " has written the echo of the first frame and closes at the header. What does the client get,"
    " if it reads only now?":
        "클라이언트가 1 MiB의 올바른 프레임을 보내고, 이어서 CAP을 넘는 헤더와 몇 바이트를 보낸다."
        " 서버는 첫 프레임의 에코를 다 쓰고, 그 헤더에서 연결을 닫는다. 클라이언트가 이제야 읽으면"
        " 무엇을 받는가?",
    "The whole echo, then the end.": "에코 전부, 그리고 종료.",
    "A small part of the echo, then a reset.": "에코의 작은 일부, 그리고 리셋.",
    "Nothing until a time-out.": "타임아웃까지 아무것도.",
    "send has only copied the echo to the kernel's send buffer. If a socket is closed while bytes"
    " stand unread in its receive buffer, or if more of them arrive, the kernel sends RST in"
    " place of FIN and drops everything that is not delivered. The right loop sends its FIN with"
    " shutdown, which goes behind the echo. It then reads and discards until the client has"
    " ended, and closes last.":
        "send는 에코를 커널의 송신 버퍼에 복사했을 뿐이다. 수신 버퍼에 읽지 않은 바이트가 있거나 더"
        " 도착하는 중에 소켓을 닫으면, 커널은 FIN 대신 RST를 보내고 아직 전달하지 못한 것을 모두"
        " 버린다. 올바른 루프는 shutdown으로 FIN을 보내고, FIN은 에코 뒤에 나간다. 그런 다음"
        " 클라이언트가 종료할 때까지 읽어서 버리고, 마지막에 닫는다.",
    "refuse(): it ends the connection at once.": "refuse(): 연결을 즉시 끝낸다.",
    "Missing of an echo of 1 MiB": "1 MiB 에코 중 없어진 양",
    "Of an echo of 1 MiB before a refused header, {right} MB were missing from the right server,"
    " {wrong} MB from the wrong one.":
        "거절된 헤더 앞의 1 MiB 에코 중 올바른 서버에서는 {right} MB, 틀린 서버에서는 {wrong} MB가"
        " 없어졌다.",
    "The server listens on :: and takes IPv6 only": "서버가 ::에서 리슨하면서 IPv6만 받는다",
    "A server listens on :: with IPV6_V6ONLY set. At how many of the addresses 127.0.0.1 and ::1"
    " is nobody served?":
        "서버가 IPV6_V6ONLY를 켜고 ::에서 리슨한다. 127.0.0.1과 ::1 중 접속할 수 없는 주소는"
        " 무엇인가?",
    "At none: :: means all addresses.": "없다. ::는 모든 주소를 뜻한다.",
    "At 127.0.0.1.": "127.0.0.1.",
    "At ::1.": "::1.",
    "A socket that listens on :: accepts IPv4 too, as ::ffff:127.0.0.1, unless IPV6_V6ONLY is"
    " set. Its default differs: Linux takes it from net.ipv6.bindv6only, Python's create_server"
    " sets it, some systems know nothing else. So set it explicitly, before bind. The option"
    " cannot be changed later. For these few seconds both servers listen on all interfaces, since"
    " :: can mean nothing less.":
        "::에서 리슨하는 소켓은 IPV6_V6ONLY가 꺼져 있으면 IPv4도 ::ffff:127.0.0.1로 받는다."
        " 기본값은 제각각이다. Linux는 net.ipv6.bindv6only를 따르고, Python의 create_server는 켜며,"
        " 켜는 것밖에 모르는 시스템도 있다. 그러므로 bind 전에 직접 설정한다. 나중에는 바꿀 수"
        " 없다. 몇 초 동안 두 서버가 모든 인터페이스에서 리슨한다. ::에 그보다 좁은 뜻은 없기"
        " 때문이다.",
    "__init__(): create_server() is called without dualstack_ipv6.":
        "__init__(): create_server()를 dualstack_ipv6 없이 호출한다.",
    "Unserved addresses, of two": "둘 중 접속할 수 없는 주소",
    "Of 127.0.0.1 and ::1, {right} were not served by the right server, {wrong} by the wrong one.":
        "127.0.0.1과 ::1 중 접속할 수 없는 주소는 올바른 서버에서 {right}개, 틀린 서버에서"
        " {wrong}개이다.",
    "addresses": "주소",
    "No CAP: four bytes make the server take 256 MiB of memory":
        "CAP이 없어 4바이트가 서버 메모리 256 MiB를 쓰게 한다",
    "A client sends four bytes that announce a body of 256 MiB, and nothing else. The server has"
    " no CAP. How much memory does that take?":
        "클라이언트가 256 MiB의 바디를 알리는 4바이트만 보낸다. 서버에는 CAP이 없다. 메모리를"
        " 얼마나 쓰는가?",
    "Four bytes: memory grows as the body arrives.":
        "4바이트. 메모리는 바디가 도착하는 만큼 늘어난다.",
    "1 MiB, the size of the receive buffer.": "수신 버퍼 크기인 1 MiB.",
    "The server makes room for a whole body as soon as it knows its length. The client has sent"
    " four bytes for it, and can do so on many connections. A CAP bounds it, and it must be"
    " judged when the header is complete, before the first byte of the body. Even within a CAP it"
    " is better to let memory grow with the bytes that arrive, as the product's server does. The"
    " lab announces less if little memory is free.":
        "서버는 길이를 알자마자 바디 전체의 자리를 만든다. 클라이언트는 그것을 위해 4바이트를"
        " 보냈을 뿐이고, 여러 연결에서 똑같이 할 수 있다. CAP이 이를 막는다. 검사는 헤더가 다 왔을"
        " 때, 바디의 첫 바이트 전에 해야 한다. CAP 안에서도 도착하는 바이트만큼 메모리를 늘리는"
        " 편이 낫고, 이 프로그램의 서버가 그렇게 한다. 남은 메모리가 적으면 실습은 더 작은 길이를"
        " 알린다.",
    "advance(): body_len is not compared with CAP.": "advance(): body_len을 CAP과 비교하지 않는다.",
    "Memory for four bytes": "4바이트가 쓴 메모리",
    "On the four bytes of a header the right server grew by {right} MiB, the wrong one by {wrong}"
    " MiB.": "헤더 4바이트에 올바른 서버는 {right} MiB, 틀린 서버는 {wrong} MiB 늘었다.",
    "6.1, pitfall 5 of 12": "6.1, 12의 함정 5",
    "A time-out counts from the last send, and POLLOUT comes late":
        "타임아웃을 마지막 send부터 재는데 POLLOUT은 늦게 온다",
    "A client reads 128 kB a second, steadily. A server ends a connection if it could send"
    " nothing for 2 s. Its send buffer of up to 4 MiB is full. Does the client get its echoes?":
        "클라이언트가 꾸준히 1초에 128 kB를 읽는다. 서버는 2초 동안 아무것도 보내지 못하면 연결을"
        " 끊는다. 최대 4 MiB인 송신 버퍼가 가득 찼다. 클라이언트는 에코를 다 받는가?",
    "Yes: it reads all the time, so there is always room for a send.":
        "받는다. 계속 읽으므로 send할 자리가 늘 있다.",
    "No: POLLOUT comes only after it has read about 1.3 MB.":
        "못 받는다. 약 1.3 MB를 읽은 뒤에야 POLLOUT이 온다.",
    "No: the kernel ends a connection that is so slow.":
        "못 받는다. 그렇게 느린 연결은 커널이 끊는다.",
    "The kernel reports POLLOUT only when about a third of the send buffer is free. A send would"
    " have succeeded after some 41 kB, but nobody tries one before POLLOUT. At 128 kB a second"
    " that takes ten seconds, in which the server sees no progress, although the client reads"
    " without a pause. So the time of the last send is no measure of a peer. The right server"
    " asks the kernel what the peer has acknowledged (SIOCOUTQ, TCP_INFO).":
        "커널은 송신 버퍼의 약 3분의 1이 비어야 POLLOUT을 알린다. send라면 41 kB쯤 비었을 때 이미"
        " 성공했겠지만, POLLOUT 전에는 아무도 시도하지 않는다. 1초에 128 kB라면 10초가 걸린다."
        " 클라이언트가 쉬지 않고 읽는데도 서버에는 진전이 없어 보인다. 그러므로 마지막 send의"
        " 시각은 상대를 판단하는 기준이 되지 못한다. 올바른 서버는 상대가 무엇을 ACK했는지 커널에"
        " 묻는다(SIOCOUTQ, TCP_INFO).",
    "run(): last_active changes only when poll reports the connection.":
        "run(): last_active가 poll이 그 연결을 알릴 때만 바뀐다.",
    "Missing of a slow reader's echoes": "느리게 읽는 클라이언트의 에코 중 없어진 양",
    "Of the echoes of a slow but steady reader, {right} MB were missing from the right server,"
    " {wrong} MB from the wrong one.":
        "느리지만 꾸준히 읽는 클라이언트의 에코 중 올바른 서버에서는 {right} MB, 틀린 서버에서는"
        " {wrong} MB가 없어졌다.",
    "tcp(7) on SIOCOUTQ and TCP_INFO, socket(7) on SO_SNDBUF":
        "tcp(7)의 SIOCOUTQ와 TCP_INFO, socket(7)의 SO_SNDBUF",
    "A small SO_SNDBUF: a large echo goes out a segment at a time":
        "SO_SNDBUF가 작아 큰 에코가 세그먼트 하나씩 나간다",
    "A server sets SO_SNDBUF to 4,096 to save memory. A client on this machine asks for an echo"
    " of 1 MiB. What becomes of it?":
        "서버가 메모리를 아끼려고 SO_SNDBUF를 4,096으로 정했다. 같은 기계의 클라이언트가 1 MiB의"
        " 에코를 요청한다. 어떻게 되는가?",
    "Nothing: the loopback device needs no buffer.": "차이가 없다. loopback에는 버퍼가 필요 없다.",
    "It is refused: it is larger than the buffer.": "거절된다. 버퍼보다 크기 때문이다.",
    "It takes a hundred times as long, in many partial writes.":
        "부분 쓰기를 거듭하며 백 배쯤 오래 걸린다.",
    "The send buffer holds what is sent and not yet acknowledged. With room for one segment the"
    " server sends one and has to wait. The client acknowledges late, by up to 40 ms, because it"
    " waits for a second segment before it does so. Each partial write costs such a wait. Without"
    " SO_SNDBUF Linux lets the buffer grow as the connection needs it, up to the largest value in"
    " tcp_wmem; setting it turns that off.":
        "송신 버퍼는 보냈지만 아직 ACK되지 않은 것을 담는다. 세그먼트 하나가 들어가면 서버는 하나를"
        " 보내고 기다려야 한다. 클라이언트는 둘째 세그먼트를 기다리느라 ACK를 최대 40 ms까지"
        " 늦춘다. 부분 쓰기마다 그렇게 기다린다. SO_SNDBUF를 정하지 않으면 Linux는 연결에 필요한"
        " 만큼, tcp_wmem의 최댓값까지 버퍼를 키운다. 값을 정하면 이 조절이 꺼진다.",
    "Echo of 1 MiB, median": "1 MiB 에코, 중앙값",
    "An echo of 1 MiB took {right} ms in the right server. In the wrong one it took {wrong} ms"
    " and {extra} partial writes.":
        "1 MiB의 에코는 올바른 서버에서 {right} ms 걸렸다. 틀린 서버에서는 {wrong} ms와 부분 쓰기"
        " {extra}번이 들었다.",
    "socket(7), tcp(7) on tcp_wmem": "socket(7), tcp(7)의 tcp_wmem",
    "Announced were {size}.": "알린 길이는 {size}이다.",
    "The descriptor limit allows {count:,} idle connections.":
        "fd 제한 때문에 유휴 연결은 {count:,}개이다.",
    "A limit of {hard:,} descriptors is too low for {fewest:,} connections.":
        "fd 제한 {hard:,}개로는 연결 {fewest:,}개를 열 수 없다.",
    "select(2) takes none from descriptor 1,024 on.": "select(2)는 fd 1,024부터 받지 않는다.",
    "This machine has no IPv6 loopback address ({error}).":
        "이 기계에는 IPv6 loopback 주소가 없다({error}).",
    "That is not enough to show the mistake.": "이 차이로는 실수가 드러났다고 할 수 없다.",
}
# fmt: on
"""By the English text or template."""
