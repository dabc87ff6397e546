"""Following a port that has no device file: a serial server in the network."""

import socket

from binnode_tools.console_follow import Follower


def test_a_port_in_the_network_that_says_nothing_stays_open():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        with Follower(f"socket://127.0.0.1:{server.getsockname()[1]}") as follower:
            assert follower.read(0.01) == b""
            line, _ = server.accept()
            with line:
                assert follower.read(0.01) == b"" and follower.there
                line.sendall(b"binnode: hello")
                assert follower.read(5).startswith(b"b") and follower.there
