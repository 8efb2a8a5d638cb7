"""The servers that are compared, each as its own process, the way a host runs it."""
import http.client
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pymysql
from sqlalchemy.engine import make_url

from tests.support.ports import HOST, free_port
from tests.support.process import Process

FOLDER = Path(__file__).resolve().parent
PEER = FOLDER / 'peer'
START_TIMEOUT = 60  # seconds
LIMITS = ('MESSAGES', 'DIRECT', 'EVENTS', 'REQUESTS', 'SIGN_IN', 'SIGN_UP')
HIGH = '100000000/1'  # a limit that nobody reaches, but that is counted
CHEAP, COSTLY = 4, 12  # bcrypt's cost where passwords are beside the point, and where they are measured


class Server:
    """A server that is started anew for each scenario, on the same data."""

    title = ''  # in a table of several
    protocol = 'socketio'  # which the generator speaks with it
    path = ''  # of its WebSocket, where that is its only address
    health = '/health'  # which answers 200 once it is there
    crowd = 1000  # members of its large room
    works_on = False  # when nobody asks for anything: it is halted while others are measured

    def __init__(self, name, command, cwd, folder, url):
        self.name, self.database_url = name, url
        self.state = folder / f'{name}.json'  # accounts and rooms, as the generator wants them
        self._command, self._cwd = command, cwd
        self._log = folder / f'{name}.log'
        self.env = {
            'PATH': os.environ['PATH'], 'HOME': os.environ.get('HOME', '/'), 'NODE_ENV': 'production',
            'DATABASE_URL': url, 'JWT_SECRET': secrets.token_urlsafe(48), 'INSTANCE_PATH': str(folder / name),
            'PYTHONUNBUFFERED': '1', **{f'RATE_LIMIT_{limit}': HIGH for limit in LIMITS},
        }
        self._process = None
        self.port = free_port()

    @property
    def url(self):
        return f'http://{HOST}:{self.port}{self.path}'

    @property
    def pid(self):
        return self._process.pid

    def start(self, rounds=CHEAP, env=None):
        """Start it; returns the seconds until it answered."""
        started = time.monotonic()
        environ = self.env | (env or {}) | {'PORT': str(self.port), 'BCRYPT_LOG_ROUNDS': str(rounds)}
        self._process = Process(self._command, self._log, env=environ, cwd=self._cwd)
        while not self._answers():
            if not self._process.alive or time.monotonic() - started > START_TIMEOUT:
                raise RuntimeError(f'{self.name} did not start:\n{self._log.read_text()[-3000:]}')
            time.sleep(0.005)
        return time.monotonic() - started

    def stop(self):
        process, self._process = self._process, None
        if process is not None:
            process.stop(20)

    def halt(self):
        """Have it do nothing until `go_on`."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid, signal.SIGCONT)

    def memory(self):
        """Resident memory in MiB."""
        status = Path(f'/proc/{self.pid}/status').read_text()
        return int(status.split('VmRSS:')[1].split()[0]) / 1024

    def stored(self):
        """How many messages its database has."""
        count = count_sqlite if self.database_url.startswith('sqlite') else count_mysql
        return count(self.database_url, 'SELECT COUNT(*) FROM messages')

    def _answers(self):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request('GET', self.health)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def chat(name, folder, url):
    """This server."""
    server = Server(name, [sys.executable, 'wsgi.py'], FOLDER.parent, folder, url)
    server.title = 'this server' if name == 'chat' else 'this server, SQLite'
    server.works_on = True  # words are indexed behind the messages
    return server


def peer(folder, url, kind):
    """The usual Node.js one, or a leaner one."""
    server = Server('peer', [shutil.which('node'), 'server.js'], PEER, folder, url.replace('mysql+pymysql:', 'mysql:'))
    server.env['PEER'], server.title = kind, 'Express'
    return server


def install_peer():
    """Bring the peer's packages to what its lock file says, once."""
    if not (PEER / 'node_modules').exists():
        subprocess.run(['npm', 'ci', '--no-audit', '--no-fund'], cwd=PEER, check=True, timeout=300)


# ---------------------------------------------------------------------- what is stored

def count_mysql(url, query):
    parts = make_url(url)
    connection = pymysql.connect(host=parts.host, port=parts.port, user=parts.username, password=parts.password,
                                 database=parts.database)
    with connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchone()[0]


def count_sqlite(url, query):
    connection = sqlite3.connect(f'file:{make_url(url).database}?mode=ro', uri=True, timeout=30)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


# ---------------------------------------------------------------------- long histories

def fill(server, room_id, user_id, count):
    """Put `count` messages into an empty room; returns the id before which the oldest 50 are."""
    text = "CONCAT('the quick brown fox jumps over the lazy dog ', n)"
    if server.name == 'peer':
        insert = ('INSERT INTO messages (room_id, sender_id, content, created_at) '
                  f'SELECT {room_id}, {user_id}, {text}, NOW(3) FROM numbers')
        return fill_mysql(server.database_url, room_id, insert, count)
    insert = ('INSERT INTO messages (room_id, sender_id, seq, type, content, nonce, created_at) '
              f"SELECT {room_id}, {user_id}, n, 'text', {text}, n, {time.time_ns() // 1_000_000} FROM numbers")
    advance = f'UPDATE rooms SET last_seq = {count}, newest_at = {time.time_ns() // 1000} WHERE id = {room_id}'
    if server.database_url.startswith('sqlite'):
        insert = insert.replace(text, "'the quick brown fox jumps over the lazy dog ' || n")
        return fill_sqlite(server.database_url, room_id, insert, count, advance)
    return fill_mysql(server.database_url, room_id, insert, count, advance)


def index(server):
    """Have a server's messages indexed for search, as a host does; returns the seconds."""
    started = time.monotonic()
    subprocess.run([sys.executable, '-m', 'flask', 'search', 'index'], cwd=FOLDER.parent, env=server.env, check=True,
                   capture_output=True)
    return time.monotonic() - started


def fill_mysql(url, room_id, insert, count, *after):
    parts = make_url(url)
    connection = pymysql.connect(host=parts.host, port=parts.port, user=parts.username, password=parts.password,
                                 database=parts.database, autocommit=True)
    with connection, connection.cursor() as cursor:
        return fill_by(cursor, room_id, insert.replace('numbers', '(SELECT seq AS n FROM seq_{}_to_{}) numbers'),
                       count, after)


def fill_sqlite(url, room_id, insert, count, *after):
    numbers = ('(WITH RECURSIVE numbers(n) AS (SELECT {} UNION ALL SELECT n + 1 FROM numbers WHERE n < {}) '
               'SELECT n FROM numbers)')
    connection = sqlite3.connect(make_url(url).database, isolation_level=None)
    try:
        return fill_by(connection.cursor(), room_id, insert.replace('numbers', numbers), count, after)
    finally:
        connection.close()


def fill_by(cursor, room_id, insert, count, after, step=100_000):
    for first in range(1, count + 1, step):
        cursor.execute(insert.format(first, min(first + step - 1, count)))
    for statement in after:
        cursor.execute(statement)
    cursor.execute(f'SELECT id FROM messages WHERE room_id = {room_id} ORDER BY id LIMIT 1 OFFSET 50')
    return cursor.fetchone()[0]
