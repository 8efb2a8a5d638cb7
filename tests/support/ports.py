"""Free TCP ports on the loopback interface."""

import random
import socket

HOST = '127.0.0.1'

# Below the range from which Linux takes the ports of outgoing connections (32768 on): a server can stop and start
# again on its port without a client having taken it meanwhile.
_RANGE = range(20000, 32000)


def is_free(port):
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port():
    """A port that nobody listens on; random, so that test runs side by side seldom choose the same one."""
    for port in random.sample(_RANGE, 200):
        if is_free(port):
            return port
    raise OSError('found no free port on ' + HOST)


def accepted(listener):
    """The connections that a listening socket accepts, until it is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        yield connection
