"""`python -m tests.support.logs URL`: logs of several processes in one, on a Redis, as somebody who dies leaves them behind.

Who has died is not declared dead by the process that knew it, which dies too, but by one that came after both had gone out of
the list of those who are there. Ends with 0 if that is so.
"""
import sys

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402

from chat.core.shared import attendance, redis_log  # noqa: E402

SHORT = 2      # seconds after which a process is dead
PATIENCE = 15  # seconds


class Names:
    """State of which each process contributes a name."""

    def __init__(self, log):
        self.by_process, self._log = {}, log
        log.replicate('names', self)

    def contribution(self):
        return f'name of {self._log.process}'

    def rejoined(self, entry):
        self.by_process[entry.process] = entry.data

    def died(self, entry):
        self.by_process.pop(entry.data, None)

    def snapshot(self):
        return self.by_process

    def restore(self, snapshot):
        self.by_process = dict(snapshot)


def begin(url):
    log = redis_log.RedisLog(url)
    names = Names(log)
    log.start()
    return log, names


def die(log):
    gevent.killall(log._greenlets)


def main(url):
    attendance.DEAD_AFTER, redis_log.BEAT_SECONDS = SHORT, 0.2
    (first, _), (second, known) = begin(url), begin(url)
    assert set(known.by_process) == {first.process, second.process}
    die(first)
    second._greenlets[-1].kill()  # it beats by hand, and so declares nobody dead
    while first.process in second._attendance.others:
        gevent.sleep(0.2)
        second._attendance.beat()
    third, known = begin(url)
    assert set(known.by_process) == {first.process, second.process, third.process}
    die(second)
    with gevent.Timeout(PATIENCE):
        while set(known.by_process) != {third.process}:
            gevent.sleep(0.1)
    third.stop()


if __name__ == '__main__':
    main(sys.argv[1])
