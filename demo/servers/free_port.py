"""TCP ports on 127.0.0.1 for servers of ours."""

import socket
import sys


class FreePort:
    """A TCP port on 127.0.0.1 that stays ours until `close`, also while the server on it is down.

    The server must set SO_REUSEADDR, as Redis, Kafka and werkzeug do. Nobody else is given the port meanwhile;
    connecting while no server runs is refused. Outside Linux the port was merely free a moment ago.
    """

    def __init__(self) -> None:
        self._holder = socket.socket()
        self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._holder.bind(("127.0.0.1", 0))
        self.number: int = self._holder.getsockname()[1]
        # Only Linux lets a server listen beside a socket that is bound but does not listen.
        if sys.platform != "linux":
            self._holder.close()

    def close(self) -> None:
        self._holder.close()
