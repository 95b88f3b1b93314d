"""So many links to one port of the loopback, all open at once; prints from how many addresses they came."""

import json
import socket
import sys

import gevent

from loadtests.swarm.dial import Dial
from loadtests.swarm.wire import Wire

DEADLINE_S = 10.0


def main(count: int) -> None:
    sources: list[str] = []
    with socket.create_server(("127.0.0.1", 0), backlog=count) as server:
        wire = Wire(Dial(f"http://127.0.0.1:{server.getsockname()[1]}"))
        accepted = []

        def accept() -> None:
            while len(accepted) < count:
                connection, address = server.accept()
                accepted.append(connection)
                sources.append(address[0])

        accepting = gevent.spawn(accept)
        links = [wire.connect(DEADLINE_S) for _ in range(count)]
        accepting.join(DEADLINE_S)
        print(json.dumps({"links": len(links), "sources": len(set(sources)), "accepted": len(sources)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
