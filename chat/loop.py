"""The event loop, which everything shares."""
from typing import Any

import gevent


def give_way() -> None:
    """Let everything else that is ready run, sockets included, and then go on.

    After gevent.sleep(0) the hub may run this greenlet many times more before it looks at any socket again.
    """
    hub = gevent.get_hub()
    timer: Any = hub.loop.timer(0, priority=-2)
    with timer:
        hub.wait(timer)
