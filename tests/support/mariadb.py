"""A private MariaDB server in a temporary directory."""

import itertools
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

import pymysql
from sqlalchemy.engine import make_url

from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.waiting import wait_until

USER = 'chat'
PASSWORD = 'chat-test-password'

_PROGRAMS = ('mariadbd', 'mariadb-install-db')
_SEARCH_PATH = os.pathsep.join([os.environ.get('PATH', os.defpath), '/usr/sbin', '/usr/local/sbin'])


class MariaDB:
    """`MariaDB().start()`: a server with default durability, on a unix socket and on a TCP port of 127.0.0.1.

    Everything it owns is in one temporary directory, which `stop` removes. It runs as whoever runs the tests.
    """

    host = HOST
    user = USER
    password = PASSWORD

    def __init__(self):
        self.port = free_port()
        self._folder = None
        self._process = None
        self._numbers = itertools.count(1)
        self._prefix = f'chat_{secrets.token_hex(3)}'

    @staticmethod
    def unavailable_reason():
        """What is missing on this machine, or None."""
        missing = ', '.join(name for name in _PROGRAMS if _which(name) is None)
        return f'MariaDB is not installed: no {missing} (apt-get install mariadb-server)' if missing else None

    @classmethod
    def available(cls):
        """Whether the programs are installed."""
        return cls.unavailable_reason() is None

    @property
    def socket(self):
        """The path of the unix socket."""
        return str(self._folder / 'sock')

    @property
    def pid(self):
        """The process id of the running server."""
        return self._process.pid

    def start(self):
        """Installs the system tables on the first call, starts the server, waits until it answers."""
        if self._folder is None:
            # Not pytest's own folder: the path of a unix socket has at most 107 bytes.
            self._folder = Path(tempfile.mkdtemp(prefix='chat-mariadb-'))
            self._install()
        self._process = Process([_which('mariadbd'), *self._options()], self._folder / 'log', cwd=self._folder)
        wait_until(self._answers, 60, 'MariaDB answers', interval=0.05)
        return self

    def shut_down(self, timeout=30):
        """Ends the server process and keeps its data: the database is out of reach until `start`."""
        if self._process is not None:
            process, self._process = self._process, None
            process.stop(timeout)

    def restart(self):
        """Stops it and starts it again, on the same port and data."""
        self.shut_down()
        self.start()

    def stop(self):
        """Ends the server process and removes its data."""
        try:
            self.shut_down()
        finally:
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def create_database(self, unix_socket=False, scheme='mysql+pymysql', charset='utf8mb4'):
        """Makes an empty database under a name of its own, and returns its URL, over TCP unless told otherwise."""
        name = f'{self._prefix}_{next(self._numbers)}'
        self.query(f'CREATE DATABASE `{name}` CHARACTER SET {charset}')
        for host in (HOST, 'localhost'):
            self.query(f"GRANT ALL ON `{name}`.* TO '{USER}'@'{host}' IDENTIFIED BY '{PASSWORD}'")
        if unix_socket:
            return f'{scheme}://{USER}:{PASSWORD}@localhost/{name}?unix_socket={quote(self.socket, safe="")}'
        return f'{scheme}://{USER}:{PASSWORD}@{HOST}:{self.port}/{name}'

    def kill_connections(self, url=None):
        """Breaks every connection of the user `chat`, or only those to the database of `url`.

        Returns how many, once they are gone; their owners notice when they use them next.
        """
        victims = self._connections(make_url(url).database if url else None)
        for number in victims:
            try:
                self.query(f'KILL CONNECTION {number}')
            except pymysql.err.OperationalError as error:
                if error.args[0] != pymysql.constants.ER.NO_SUCH_THREAD:
                    raise
        wait_until(lambda: not victims & self._connections(None), 10, 'the connections of MariaDB are gone')
        return len(victims)

    def query(self, sql, parameters=None, database=None):
        """Runs one statement as root over the unix socket and returns its rows."""
        connection = pymysql.connect(unix_socket=self.socket, user='root', database=database, autocommit=True)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def _connections(self, database):
        rows = self.query('SELECT id, db FROM information_schema.processlist WHERE user = %s', (USER,))
        return {number for number, used in rows if database in (None, used)}

    def _install(self):
        temporary = self._folder / 'tmp'  # of its own: a server that starts removes what others have in a shared one
        temporary.mkdir(mode=0o777)
        temporary.chmod(0o777)
        command = [
            _which('mariadb-install-db'), '--no-defaults', f'--datadir={self._folder / "data"}', *_run_as(),
            f'--tmpdir={temporary}', '--auth-root-authentication-method=normal', '--skip-test-db',
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f'mariadb-install-db failed: {done.stdout}{done.stderr}')

    def _options(self):
        """Small files and no lookups, for a fast start; whatever decides about durability is left as it comes."""
        return [
            '--no-defaults', *_run_as(), f'--datadir={self._folder / "data"}', f'--socket={self.socket}',
            f'--tmpdir={self._folder / "tmp"}', f'--pid-file={self._folder / "pid"}', f'--bind-address={HOST}', f'--port={self.port}',
            '--skip-name-resolve', '--innodb-log-file-size=16M', '--innodb-buffer-pool-size=64M',
        ]

    def _answers(self):
        if not self._process.alive:
            log = (self._folder / 'log').read_text(errors='replace')
            raise RuntimeError(f'MariaDB ended with {self._process.returncode}:\n{log[-3000:]}')
        try:
            # Asked first, since PyMySQL doesn't close a unix socket on which nobody answers.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self.socket)
            return self.query('SELECT 1')
        except (OSError, pymysql.err.OperationalError):
            return None


def _which(program):
    return shutil.which(program, path=_SEARCH_PATH)


def _run_as():
    """MariaDB refuses to run as root unless told so by name."""
    return ['--user=root'] if os.geteuid() == 0 else []
