"""Korean of the help, the captions of the demo and the screen of the lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
SCREEN_TEXTS: Final[Mapping[str, str]] = {
    "move": "이동",
    "table": "표",
    "views": "뷰",
    "act": "조작",
    "view": "보기",
    "loop": "루프",
    "export": "내보내기",
    "program": "프로그램",
    "the connection above": "위의 연결",
    "the connection below": "아래 연결",
    "up by a screenful": "한 화면 위로",
    "down by a screenful": "한 화면 아래로",
    "the first connection": "첫 연결",
    "the last connection": "마지막 연결",
    "the figure to the left": "왼쪽 수치",
    "the next: ? explains it": "다음 수치, ?로 설명",
    "open the connection": "연결 열기",
    "filter the table": "표 필터",
    "filter off, on": "필터 끄기, 켜기",
    "only what is stuck, or all": "멈춘 것만, 또는 모두",
    "only what is noted, or all": "메모 있는 것만, 모두",
    "sort by the next column": "다음 열로 정렬",
    "sort by the one before": "이전 열로 정렬",
    "reverse the order": "순서 뒤집기",
    "choose the columns": "열 고르기",
    "tag the connection": "연결에 표시",
    "closed ones, or the open": "닫힌 것, 또는 열린 것",
    "groups, the worst first": "그룹, 나쁜 것부터",
    "out of group, view, charts": "그룹, 뷰, 차트 나가기",
    "make this a view": "지금 모습을 뷰로",
    "kill the connection": "연결 kill",
    "kill the tagged or filtered": "표시, 필터된 것 kill",
    "a fault on purpose": "고의 장애",
    "change the CAP": "CAP 바꾸기",
    "timeouts, write mode": "타임아웃, 쓰기 모드",
    "what was done": "한 일 목록",
    "pause the screen": "화면 멈춤",
    "charts of the server": "서버 차트",
    "the loop, call by call": "루프를 호출마다",
    "the bytes that are kept": "보관한 바이트",
    "how its bytes were cut": "바이트가 나뉜 모양",
    "its last bytes, in hex": "마지막 바이트, hex",
    "detail or event log": "상세 또는 이벤트 로그",
    "the next theme": "다음 테마",
    "keep theme, columns, order": "테마, 열, 순서 저장",
    "hold the loop, then a call": "루프 멈춤, 호출 하나",
    "to the next poll": "다음 poll까지",
    "let a held loop go on": "멈춘 루프 계속",
    "at a pace, or a slower one": "정해진 속도로, 느리게",
    "at a faster pace": "더 빠르게",
    "copy the connection": "연결 복사",
    "copy it as JSON": "JSON으로 복사",
    "export the table": "표 내보내기",
    "export the screen": "화면 내보내기",
    "record, end recording": "기록 시작, 끝",
    "any of these by name": "이름으로 찾아 실행",
    "help here, all keys": "여기 도움말, 모든 키",
    "quit": "끝내기",
    "view {}": "뷰 {}",
    "a view": "뷰",
    "find the slow reader": "느린 상대 찾기",
    "{filter} why:slow Enter": "{filter} why:slow Enter",
    "find what hangs": "멈춘 것 찾기",
    "{stuck} shows only what stands still, which a slow reader does not":
        "{stuck}를 누르면 멈춘 것만 나온다. 느리게 읽는 것은 멈춘 것이 아니다",
    "find bad habits": "나쁜 습관 찾기",
    "{noted} shows only what has notes (column !); {open} tells each with its evidence":
        "{noted}를 누르면 메모가 있는 것만 나온다(! 열). {open}로 열면 메모마다 근거가 있다",
    "say why it waits": "기다리는 이유",
    "{open} on it: the verdict, its figures, its queues, its events":
        "{open}로 연다. 판정, 근거 수치, 큐, 이벤트가 있다",
    "find what failed": "실패한 것 찾기",
    "{closed} shows what closed last; {bytes} the bytes around a failure":
        "{closed}는 최근에 닫힌 것, {bytes}는 실패 앞뒤의 바이트를 보인다",
    "end all of one host": "한 호스트 모두 끊기",
    "{filter} peer=127.0.0.1 Enter, then {kill_several}: it ends what the filter shows":
        "{filter} peer=127.0.0.1 Enter, 이어서 {kill_several}. 필터가 보이는 것을 끊는다",
    "keep the evidence": "증거 남기기",
    "{record} begins and ends a recording of all connections, with each call of the selected one;"
    " `echo-tui replay FILE` opens it":
        "{record}로 모든 연결과 고른 연결의 호출을 기록하기 시작하고 끝낸다. `echo-tui replay"
        " FILE`로 연다",
    "keep what is seen": "보이는 것 저장",
    "{export} writes the table to a file, {export_screen} the screen; {copy_json} copies the"
    " connection as JSON":
        "{export}는 표를, {export_screen}는 화면을 파일에 쓴다. {copy_json}는 연결을 JSON으로"
        " 복사한다",
    "armed or direct": "armed와 direct",
    "{settings} changes the write mode; compare the toggles, and a minute later the service times"
    " in {charts}":
        "{settings}로 쓰기 모드를 바꾼다. toggles를, 1분 뒤에는 {charts}의 service time을 비교한다",
    "read the event log": "이벤트 로그 읽기",
    "Tab goes to it ({log} first, if it is hidden); PageUp, Home and / find a line, Enter opens"
    " it": "Tab으로 간다(숨어 있으면 {log} 먼저). PageUp, Home, /로 찾고 Enter로 연다",
    "help": "도움말",
    "{at} of {count} explanations": "설명 {count}개 중 {at}",
    "tagged": "표시됨",
    "tagged: {key} kills these, else all that the filter shows":
        "표시됨. {key}는 이것들을, 없으면 필터가 보이는 모두를 kill한다",
    "reads 4 header bytes": "헤더 4바이트를 읽는다",
    "reads the body": "바디를 읽는다",
    "echo pending": "에코가 남아 있다",
    "the end is decided": "종료가 정해졌다",
    "ended, with its reason": "끝났다. 이유가 함께 있다",
    "POLLOUT armed": "POLLOUT이 켜졌다",
    "times armed or disarmed": "POLLOUT을 켜고 끈 횟수",
    "echo that the kernel has not accepted yet": "커널이 아직 받지 않은 에코",
    "suspected: it stands still, and its bytes do not fit":
        "의심: 멈춰 있고 바이트가 형식과 맞지 않는다",
    "and the mouse select text (Option on a Mac), or --no-mouse":
        "와 마우스로 글을 고른다(Mac은 Option). 또는 --no-mouse",
    "send the whole screen again; suspend, until `fg`":
        "화면 전체를 다시 그린다. `fg`까지 잠시 멈춘다",
    "in a dialog: copy its last line, the command of ctl":
        "대화 상자에서: 마지막 줄의 ctl 명령을 복사한다",
    "§ is a section of the source document, “Non-blocking I/O and multiplexing”, 14 September"
    " 2025": "§는 원문 「소켓프로그래밍 - 논블로킹 I/O와 멀티플렉싱」(2025-09-14)의 절이다",
    "source document §{section} · man {manual} {name}": "원문 §{section} · man {manual} {name}",
    "columns of the table": "표의 열",
    "header and workers": "머리줄과 worker",
    "charts": "차트",
    "the loop": "루프",
    "groups": "그룹",
    "page of a connection": "연결 페이지",
    "events": "이벤트",
    "why a connection waits": "연결이 기다리는 이유",
    "notes about a peer": "상대에 대한 메모",
    "states": "상태",
    "why a connection closed": "연결이 닫힌 이유",
    "What was asked of the server since this dashboard has known it, whoever asked: the latest"
    " 500, the newest first. Escape closes it.":
        "이 대시보드가 서버를 알게 된 뒤로 서버에 요청된 것이다. 누가 요청했든 최근 500개이고"
        " 새것부터 있다. Escape로 닫는다.",
    "The bytes that the server keeps of one connection, from its first one on and around its"
    " failure: offset, hex, text. A bar stands where a read begins, carets under a refused"
    " header. The arrow keys, PageUp, PageDown, Home and End scroll. The bytes are those of the"
    " moment at which they were asked for; the same key asks again. Escape goes back.":
        "서버가 보관한 한 연결의 바이트이다. 첫 바이트부터, 그리고 실패 앞뒤의 것이 오프셋, hex,"
        " 글자로 있다. 세로줄은 read가 시작된 곳이고, ^는 거절된 헤더를 가리킨다. 화살표 키,"
        " PageUp, PageDown, Home, End로 스크롤한다. 요청한 순간의 바이트이며, 같은 키로 다시"
        " 요청한다. Escape로 돌아간다.",
    "The chop map: a line for each read of a connection, from its first byte on: offset, size,"
    " the time since the read before, the headers and bodies that it held, and where one came"
    " apart. A frame that comes in one piece shows nothing: networks cut where they like, so a"
    " right server takes any cut. The arrow keys scroll. Escape goes back.":
        "chop map이다. 연결의 첫 바이트부터 read마다 한 줄이고, 오프셋, 크기, 앞 read부터의 시간,"
        " 들어 있던 헤더와 바디, 나뉜 곳이 있다. 한 번에 온 프레임은 아무것도 보이지 않는다."
        " 네트워크는 아무 데서나 자르므로 올바른 서버는 어떻게 잘려도 받는다. 화살표 키로"
        " 스크롤한다. Escape로 돌아간다.",
    "Space or a click shows or hides a column; shift with an arrow key carries it up or down."
    " Enter applies the choice, Automatic goes back to whatever fits. Every column that is shown"
    " can be sorted by: by a click on its title, or by the sort key.":
        "Space나 클릭으로 열을 보이거나 숨긴다. Shift와 화살표 키로 위아래로 옮긴다. Enter는"
        " 적용하고, Automatic은 폭에 맞는 열로 되돌린다. 보이는 열이면 무엇으로든 정렬할 수 있다."
        " 제목을 클릭하거나 정렬 키를 누른다.",
    "All that is known of one connection, as it is now: facts first, then what they mean. The"
    " arrow keys, PageUp and PageDown scroll. When it closes the page stays and says so. Escape"
    " goes back to the table.":
        "한 연결에 대해 지금 아는 모든 것이다. 사실이 먼저, 그 뜻이 다음에 있다. 화살표 키, PageUp,"
        " PageDown으로 스크롤한다. 연결이 닫혀도 페이지는 남고, 닫혔다고 알린다. Escape는 표로"
        " 돌아간다.",
    "The connections, one a line. A click selects, and so do the arrow keys; a click at the left"
    " edge, or with the control key, tags; a click on a title sorts by its column, another turns"
    " the order round; the wheel scrolls. ← and → choose a column, which ? then explains. What"
    " you kill is always a connection by its id.":
        "한 줄에 연결 하나이다. 클릭이나 화살표 키로 고르고, 왼쪽 끝을 클릭하거나 Ctrl과 함께"
        " 클릭하면 표시한다. 제목을 클릭하면 그 열로 정렬하고, 한 번 더 클릭하면 순서가 뒤집힌다."
        " 휠로 스크롤한다. ←와 →로 열을 고르면 ?가 그 열을 설명한다. kill은 언제나 번호로 정해진"
        " 연결에 대한 것이다.",
    "Tab and the arrow keys go round, Enter chooses, Escape leaves everything as it is.":
        "Tab과 화살표 키로 돌아다니고, Enter로 고르고, Escape는 모두 그대로 둔다.",
    "Type a size: 65536, 64KiB, 1MiB. It is judged while you type, with what it would mean for"
    " the frames in flight, and would have meant for recent ones. Enter sets it, Escape leaves"
    " the CAP as it is.":
        "크기를 적는다: 65536, 64KiB, 1MiB. 적는 동안 판정하고, 진행 중인 프레임에 어떤 뜻인지,"
        " 최근 프레임에는 어땠을지 알려 준다. Enter는 적용하고, Escape는 CAP을 그대로 둔다.",
    "Type words with commas: slice=1..3,gap=0.05. N counts the bytes of echo of the connection"
    " from 0, headers included. PageDown shows the rest of the words. Enter does it, Take away"
    " ends it, Escape changes nothing. What was really done stands on the page of the connection,"
    " and in the list of closed ones.":
        "낱말을 쉼표로 이어 적는다: slice=1..3,gap=0.05. N은 연결의 에코 바이트를 0부터 세며 헤더를"
        " 포함한다. PageDown은 나머지 낱말을 보인다. Enter는 적용하고, Take away는 걷어 내고,"
        " Escape는 아무것도 바꾸지 않는다. 실제로 한 일은 연결 페이지와 닫힌 연결 목록에 있다.",
    "A filter is in force while you type it. Words are looked for in peer, state, reason and #id;"
    " state:WRITE_BODY, peer:127.0.0.2, pending>64K, idle>10s, toggles>=5 look at a column; and,"
    " or, not and ( ) join them. Tab completes a name, an operator or a value, and once more"
    " offers the next one. Enter keeps the filter, Escape restores the one before.":
        "필터는 적는 동안 바로 적용된다. 낱말은 peer, state, reason, #id에서 찾는다."
        " state:WRITE_BODY, peer:127.0.0.2, pending>64K, idle>10s, toggles>=5는 한 열을 본다. and,"
        " or, not, ( )로 잇는다. Tab은 이름, 연산자, 값을 완성하고, 한 번 더 누르면 다음 것을"
        " 내놓는다. Enter는 필터를 남기고, Escape는 이전 필터로 되돌린다.",
    "The connections in groups, with sums: the group with the most stuck ones first, then the one"
    " with the most bytes pending or unacknowledged, then the largest. The arrow keys left and"
    " right, or the key that opened this, group by something else. Enter shows the connections of"
    " the group, and Escape then goes back to those that were shown before.":
        "연결을 그룹으로 묶고 합을 보인다. 멈춘 연결이 가장 많은 그룹이 먼저이고, 다음은"
        " pending이나 unacked 바이트가 많은 것, 다음은 큰 것이다. 왼쪽과 오른쪽 화살표 키, 또는 이"
        " 화면을 연 키로 다른 기준으로 묶는다. Enter는 그룹의 연결을 보이고, Escape는 그 전에 보던"
        " 것으로 돌아간다.",
    "Nothing is ended before you choose how. The dialog is about the connections that it names,"
    " whatever happens to the table meanwhile, and tells what would be lost now; it closes once"
    " none of them is open. Escape and Cancel end none.":
        "방법을 고르기 전에는 아무것도 끊지 않는다. 그동안 표가 어떻게 바뀌든 이 대화 상자는 적혀"
        " 있는 연결에 대한 것이고, 지금 끊으면 무엇을 잃는지 알려 준다. 그중 열린 것이 없게 되면"
        " 닫힌다. Escape와 Cancel은 아무것도 끊지 않는다.",
    "Enter, or Ctrl-Z again, suspends. Escape goes back to the dashboard.":
        "Enter나 Ctrl-Z를 다시 누르면 잠시 멈춘다. Escape는 대시보드로 돌아간다.",
    "Seconds for each timeout, 0 turns it off; a field that is left as it is changes nothing."
    " Enter sets what differs, Escape leaves all as it is.":
        "타임아웃마다 초를 적는다. 0은 끄는 것이고, 그대로 둔 칸은 아무것도 바꾸지 않는다. Enter는"
        " 달라진 것을 적용하고, Escape는 모두 그대로 둔다.",
    "A digit makes the filter, the order and the columns of the table the view of that number;"
    " later the same digit brings them back. A view that has the number already is replaced.":
        "숫자를 누르면 표의 필터, 순서, 열이 그 번호의 뷰가 된다. 나중에 같은 숫자로 다시 부른다."
        " 그 번호에 이미 있던 뷰는 바뀐다.",
    "The events of the server. The arrow keys, PageUp, PageDown, Home and End walk through them;"
    " it stays where it is while new ones come, until End. / searches, n goes on to older ones, N"
    " to newer ones. Enter opens the event whole and explains it, Escape goes back to the"
    " connections.":
        "서버의 이벤트이다. 화살표 키, PageUp, PageDown, Home, End로 오간다. 새 이벤트가 와도"
        " End까지는 그 자리에 머문다. /는 찾고, n은 더 오래된 것, N은 더 새것으로 간다. Enter는"
        " 이벤트를 통째로 열어 설명하고, Escape는 연결로 돌아간다.",
    "Enter, or the key that brought you here, quits. Escape goes back to the dashboard.":
        "Enter나 여기로 온 키를 누르면 끝낸다. Escape는 대시보드로 돌아간다.",
    "Enter, or the key that brought you here, ends it. Escape lets it go on.":
        "Enter나 여기로 온 키를 누르면 끝낸다. Escape는 계속하게 둔다.",
    "A recording, not a live server: nothing in it can be changed.":
        "살아 있는 서버가 아니라 기록이다. 아무것도 바꿀 수 없다.",
    "has sent {count} of the 4 bytes of a header: READ_LEN waits for the rest, and meanwhile all"
    " others are served":
        "헤더 4바이트 중 {count}바이트를 보냈다. READ_LEN은 나머지를 기다리고, 그동안 다른 연결은"
        " 모두 처리된다",
    "sends a body of {size:,} bytes in pieces: READ_BODY until the last of them, then the whole"
    " frame is echoed":
        "{size:,}바이트 바디를 나누어 보낸다. 마지막 바이트까지 READ_BODY이고, 그다음 프레임 전체를"
        " 에코한다",
    "reads slowly: WRITE_BODY, partial writes so far: {count:,}. Watch POLLOUT: it is armed only"
    " while an echo waits for room":
        "느리게 읽는다. WRITE_BODY이고 부분 쓰기가 지금까지 {count:,}번이다. POLLOUT은 에코가"
        " 자리를 기다릴 때만 켜진다",
    "has a full queue in the kernel, which took no byte of an echo (EAGAIN so far: {count:,}):"
    " {pending:,} bytes wait for POLLOUT":
        "커널 큐가 가득 차 에코를 한 바이트도 받지 않았다(EAGAIN 지금까지 {count:,}번)."
        " {pending:,}바이트가 POLLOUT을 기다린다",
    "owes the rest of its header and has gone quiet: the header time-out ends it, if it is on":
        "헤더의 나머지를 보내지 않고 조용해졌다. 헤더 타임아웃이 켜져 있으면 그것이 연결을 끝낸다",
    "has half-closed, and {count:,} bytes of its echo are not acknowledged: DRAINING until it has"
    " fetched them":
        "half-close했고 에코 {count:,}바이트가 아직 ACK되지 않았다. 다 가져갈 때까지 DRAINING이다",
    "had {count:,} echoes and never needed POLLOUT: each was written at once, and only POLLIN is"
    " registered":
        "에코 {count:,}개 동안 POLLOUT이 필요 없었다. 매번 한 번에 다 썼고, POLLIN만 등록되어 있다",
    "right: echo-tui's own loop": "올바른 서버: echo-tui의 루프",
    "wrong: {line}": "틀린 서버: {line}",
    "healed: it serves as the right one": "고쳤다. 이제 올바른 것과 같다",
    "section {section}": "원문 {section}절",
    "the line": "틀린 곳",
    "read on": "더 읽기",
    "your answer": "답",
    "why #{id} waits": "#{id}가 기다리는 이유",
    "why #{id} closed": "#{id}가 닫힌 이유",
    "column": "열",
    "header": "머리줄",
    "chart": "차트",
    "group": "그룹",
    "page": "페이지",
    "event": "이벤트",
    "state": "상태",
    "note": "참고",
    "was refused at its header: {detail}": "헤더에서 거부되었다: {detail}",
    "was ended as {reason}: {detail}": "{reason}(으)로 끊겼다: {detail}",
    "has gone in the middle of a frame: {detail}": "프레임 중간에 사라졌다: {detail}",
    "heal": "고치기",
    "source": "소스",
    "loops": "두 루프",
    "hold": "멈춤",
    "a call": "호출 하나",
    "to poll": "poll까지",
    "go on": "계속",
    "pace": "속도",
    "looked at: no figure is taken": "보는 동안에는 값을 재지 않는다",
    "it heals when the loop goes on": "루프가 계속하면 고쳐진다",
    "it runs": "실행 중",
    "{number}: slept {slept}, poll {polled}, {ready} ready, {serving}":
        "{number}: 잠 {slept}, poll {polled}, 준비 {ready}개, {serving}",
    "The bars are on a scale of powers of ten.": "막대는 10의 거듭제곱 눈금이다.",
    "held before {call}": "{call} 앞에서 멈춤",
    "in {call}": "{call} 안에 있음",
    "heal the wrong one": "틀린 서버 고치기",
    "10 s on": "10초 앞으로",
    "a breakpoint": "중단점",
    "the next event": "다음 이벤트",
    "the event before": "앞 이벤트",
    "replay": "재생",
    "lab": "실험실",
    "its event before": "이 연결의 앞 이벤트",
    "its next event": "이 연결의 다음 이벤트",
    "slower": "느리게",
    "faster": "빠르게",
    "to the start": "처음으로",
    "to the end": "끝으로",
    "to a time": "어느 시각으로",
    "the next close": "다음 close",
    "the close before": "앞 close",
    "the next POLLOUT toggle": "다음 POLLOUT 토글",
    "the toggle before": "앞 토글",
    "the next error": "다음 에러",
    "the error before": "앞 에러",
    "the first answer": "첫째 답",
    "the second answer": "둘째 답",
    "the third answer": "셋째 답",
    "its source, or why": "소스, 또는 이유",
    "both loops, call by call": "두 루프를 호출마다",
    "The loop is held where this is met: toggle (POLLOUT armed or disarmed), EAGAIN, partial, "
    "#17, READ_LEN>READ_BODY, or a filter such as pending>64K. -2 removes the breakpoint of "
    "that number. Enter does it, Escape changes nothing.":
        "여기 적은 것이 일어나는 곳에서 루프가 멈춘다: toggle(POLLOUT 켜기나 끄기), EAGAIN,"
        " partial, #17, READ_LEN>READ_BODY, 또는 pending>64K 같은 필터. -2는 그 번호의 중단점을"
        " 지운다. Enter로 정하고, Escape는 아무것도 바꾸지 않는다.",
    "why": "이유",
}
# fmt: on
"""By the English text or template."""
