"""A client that no one here wrote: Twisted's Int32StringReceiver."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import LOOP_KINDS
from tests.peers import Running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("twisted") is None, reason="Twisted is not installed"
    ),
]

# In a process of its own: a reactor can be run once, and not beside another event loop.
SCRIPT = """
import json, random, sys
from twisted.internet import protocol, reactor
from twisted.protocols.basic import Int32StringReceiver

random = random.Random(5)
sent = [random.randbytes(random.choice((0, 1, 5, 300, 70_000))) for _ in range(400)]
received, over = [], []

class Peer(Int32StringReceiver):
    MAX_LENGTH = 1 << 20

    def connectionMade(self):
        for body in sent:
            self.sendString(body)

    def stringReceived(self, body):
        received.append(body)
        if len(received) == len(sent):
            self.transport.loseConnection()

    def lengthLimitExceeded(self, length):
        over.append(length)
        self.transport.loseConnection()

    def connectionLost(self, reason):
        reactor.stop()

class Peers(protocol.ClientFactory):
    protocol = Peer

    def clientConnectionFailed(self, connector, reason):
        reactor.stop()

reactor.connectTCP("127.0.0.1", int(sys.argv[1]), Peers())
reactor.callLater(20, reactor.stop)
reactor.run()
print(json.dumps({"same": received == sent, "received": len(received), "over": over}))
"""


@pytest.mark.parametrize("poller", sorted({poller for poller, _ in LOOP_KINDS}))
def test_a_twisted_client_gets_its_strings_back(serve: Callable[..., Running], poller: str) -> None:
    running = serve(poller=poller)
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(running.server.port)],
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert json.loads(ended.stdout) == {"same": True, "received": 400, "over": []}
    assert running.closed(1).frames_out == 400
