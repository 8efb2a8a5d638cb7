"""A private Redis server in a temporary directory."""

import itertools
import shutil
import socket
import tempfile
from pathlib import Path

from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.waiting import wait_until

DATABASES = 1000


class Redis:
    """`Redis().start()`: a server on a TCP port of 127.0.0.1 that keeps nothing on disk."""

    def __init__(self):
        self.port = free_port()
        self._folder = None
        self._process = None
        self._numbers = itertools.count(1)

    @staticmethod
    def unavailable_reason():
        """What is missing on this machine, or None."""
        found = shutil.which('redis-server')
        return None if found else 'Redis is not installed: no redis-server (apt-get install redis-server)'

    @classmethod
    def available(cls):
        """Whether redis-server is installed."""
        return cls.unavailable_reason() is None

    @property
    def url(self):
        """What REDIS_URL takes, of its first database: for whoever has it alone."""
        return f'redis://{HOST}:{self.port}/0'

    def new_url(self):
        """What REDIS_URL takes, of a database in which nothing is: the processes of one server share one with no others."""
        return f'redis://{HOST}:{self.port}/{next(self._numbers)}'

    @property
    def pid(self):
        """The process id of the running server."""
        return self._process.pid

    def start(self):
        """Starts the server and waits until it answers."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix='chat-redis-'))
        command = [
            'redis-server', '--bind', HOST, '--port', str(self.port), '--dir', str(self._folder),
            '--save', '', '--appendonly', 'no', '--databases', f'{DATABASES}',
        ]
        self._process = Process(command, self._folder / 'log', cwd=self._folder)
        wait_until(self._answers, 20, 'Redis answers')
        return self

    def pause(self):
        """Ends the server; with it goes all that it knew."""
        self._process.stop(10)

    def resume(self):
        """Starts it again, on the same port."""
        self.start()

    def stop(self):
        """Ends the server by its own process id and removes its folder."""
        try:
            if self._process is not None:
                process, self._process = self._process, None
                process.stop(10)
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _answers(self):
        if not self._process.alive:
            log = (self._folder / 'log').read_text(errors='replace')
            raise RuntimeError(f'Redis ended with {self._process.returncode}:\n{log[-2000:]}')
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b'PING\r\n')
                return connection.recv(7) == b'+PONG\r\n'
        except OSError:
            return False
