"""Twisted's own receiver for this protocol, Int32StringReceiver."""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.protocols.basic import Int32StringReceiver

from benchmarks.peers.serving import BACKLOG, announce, arguments


class Echo(Int32StringReceiver):  # type: ignore[misc]
    """Sends each string back as it is."""

    MAX_LENGTH = 1 << 30

    def connectionMade(self) -> None:  # noqa: N802 (Twisted's name)
        self.transport.setTcpNoDelay(True)

    def stringReceived(self, string: bytes) -> None:  # noqa: N802 (Twisted's name)
        self.sendString(string)


def main(host: str, port: int) -> None:
    listener = reactor.listenTCP(port, Factory.forProtocol(Echo), backlog=BACKLOG, interface=host)
    address = listener.getHost()
    announce(address.host, address.port)
    reactor.run()


if __name__ == "__main__":
    options = arguments(__doc__)
    main(options.host, options.port)
