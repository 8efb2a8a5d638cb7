"""Several processes of one server: one MariaDB, one Redis, one folder of files, one secret."""
import time
from contextlib import contextmanager

import redis

from tests.support.balancer import Balancer
from tests.support.ports import HOST
from tests.support.server import ChatServer
from tests.support.waiting import wait_until

SECRET = 'a secret of at least thirty-two bytes that all processes share'
ON_ITS_WAY = 0.005  # seconds


class Several:
    """`Several(3, database_url=..., redis_url=..., folder=...).start()`: `processes` are ChatServers, each on a port of its own.

    At `url` they are one server, as clients see it: each connection leads to another of them.
    """

    def __init__(self, count, database_url, redis_url, folder, env=None):
        shared = {'REDIS_URL': redis_url, 'JWT_SECRET': SECRET, 'UPLOAD_FOLDER': str(folder / 'uploads'),
                  'INSTANCE_PATH': str(folder / 'instance'), 'TRUSTED_PROXIES': '127.0.0.1', **(env or {})}
        self.folder = folder
        self._redis = redis.Redis.from_url(redis_url)
        self.processes = []
        for number in range(count):
            (folder / str(number)).mkdir()
            self.processes.append(ChatServer(env=shared, database_url=database_url, folder=folder / str(number)))
        self._balancer = None

    def start(self):
        """Start them one after the other; the first one makes the schema."""
        for process in self.processes:
            process.start()
        self._balancer = Balancer([process.port for process in self.processes])
        return self

    def close(self):
        """Stop those that run."""
        errors = []
        for process in self.processes:
            try:
                process.close()
            except Exception as error:
                errors.append(error)
        self._redis.close()
        if self._balancer is not None:
            self._balancer.close()
        if errors:
            raise errors[0]

    @property
    def port(self):
        """Where they are one server."""
        return self._balancer.port

    @property
    def url(self):
        """The same, without a slash at its end."""
        return f'http://{HOST}:{self.port}'

    @property
    def environment(self):
        """What a process sees, for commands that run beside it."""
        return self.processes[0].environment

    @property
    def running(self):
        """Whether all of them are there."""
        return all(process.running for process in self.processes)

    def log(self):
        """All that they have written, one after the other."""
        return ''.join(process.log() for process in self.processes)

    def settle(self):
        """Wait until all processes have read what all of them have said: each waits for more, as Redis sees it, and does so still
        a moment later, by when what was on its way to Redis has come there."""
        for _ in range(2):
            time.sleep(ON_ITS_WAY)
            wait_until(self._all_wait, 10, 'the processes have read all', interval=0.002)

    def _all_wait(self):
        database = str(self._redis.get_connection_kwargs()['db'])
        return len(self) == sum(client['db'] == database and client['cmd'] == 'xread' and 'b' in client['flags']
                                for client in self._redis.client_list())

    def check_log(self):
        """Asserts that none has written a traceback since the last check."""
        for process in self.processes:
            process.check_log()

    def __getitem__(self, number):
        return self.processes[number]

    def __len__(self):
        return len(self.processes)


@contextmanager
def several(*arguments):
    """Several, started and in the end closed; the arguments are theirs."""
    processes = Several(*arguments)
    try:
        yield processes.start()
    finally:
        processes.close()
