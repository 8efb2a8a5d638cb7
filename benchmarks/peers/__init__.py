"""What people would pick instead: NestJS, Synapse, ejabberd and Prosody, each set up for speed, with storage that lasts."""
import json
import os
import secrets
import shutil
import sqlite3
import string
import subprocess
import sys
from pathlib import Path

import pymysql
from sqlalchemy.engine import make_url

from ..servers import FOLDER as BENCHMARKS
from ..servers import Server, count_mysql, count_sqlite

FOLDER = Path(__file__).resolve().parent
NEST = FOLDER / 'nest'
SYNAPSE = BENCHMARKS.parent / '.venv-synapse'
EJABBERD_SCHEMA = Path('/usr/share/ejabberd/sql/mysql.sql')


class Nest(Server):
    """NestJS with TypeORM and socket.io: the code in nest/, on npm's packages; messages in MariaDB."""

    title = 'NestJS'

    def __init__(self, folder, url):
        super().__init__('nest', [shutil.which('node'), 'dist/main.js'], NEST, folder,
                         url.replace('mysql+pymysql:', 'mysql:'))

    @staticmethod
    def install():
        """Bring its packages to what the lock file says, once, and compile it.

        As everywhere here: returns None, or the command by which the user has to install it.
        """
        if not (NEST / 'node_modules').exists():
            subprocess.run(['npm', 'ci', '--no-audit', '--no-fund'], cwd=NEST, check=True, timeout=300)
        subprocess.run([NEST / 'node_modules/.bin/tsc', '-p', '.'], cwd=NEST, check=True, timeout=120)

    @staticmethod
    def version():
        packages = json.loads((NEST / 'package.json').read_text())['dependencies']
        return f'NestJS {packages["@nestjs/core"]}, TypeORM {packages["typeorm"]}'


class Synapse(Server):
    """Synapse in one process on SQLite. Its clients poll, and a room of 100 is what it can fill in a reasonable time."""

    title = 'Synapse (M6: of 100)'
    protocol = 'matrix'
    crowd = 100

    def __init__(self, folder, _url):
        super().__init__('synapse', [str(SYNAPSE / 'bin/python'), '-m', 'synapse.app.homeserver', '-c', 'homeserver.yaml'],
                         new_folder(folder / 'synapse'), folder, f'sqlite:///{folder}/synapse/homeserver.db')
        self.env['LD_PRELOAD'] = next((str(path) for path in Path('/usr/lib').glob('*/libjemalloc.so.2')), '')
        write(FOLDER / 'homeserver.yaml', self._cwd, PORT=self.port, FOLDER=self._cwd, SECRET=secrets.token_hex(16))
        shutil.copy(FOLDER / 'synapse.log.yaml', self._cwd / 'log.yaml')
        subprocess.run([*self._command, '--generate-keys'], cwd=self._cwd, check=True, capture_output=True, timeout=60)

    def stored(self):
        return count_sqlite(self.database_url, "SELECT COUNT(*) FROM events WHERE type = 'm.room.message'")

    @staticmethod
    def install():
        if not (SYNAPSE / 'bin/synapse_homeserver').exists():
            subprocess.run([sys.executable, '-m', 'venv', SYNAPSE], check=True, timeout=120)
            subprocess.run([SYNAPSE / 'bin/pip', 'install', '--quiet', '--disable-pip-version-check', '-r',
                            FOLDER / 'synapse.txt'], check=True, timeout=600)

    @staticmethod
    def version():
        return f'Synapse {(FOLDER / "synapse.txt").read_text().strip().partition("==")[2]}'


class Ejabberd(Server):
    """ejabberd with its archive in MariaDB. Its Erlang node has no name, so that it starts no daemon beside it."""

    title = 'ejabberd'
    protocol = 'xmpp'
    health = path = '/ws'

    def __init__(self, folder, url):
        home = new_folder(folder / 'ejabberd')
        super().__init__('ejabberd', [shutil.which('erl'), '+K', 'true', '+P', '250000', '-noinput', '-mnesia', 'dir',
                                      f'"{home}/mnesia"', '-s', 'ejabberd'], home, folder, url)
        database = make_url(url)
        write(FOLDER / 'ejabberd.yml', home, PORT=self.port, DATABASE_HOST=database.host, DATABASE_PORT=database.port,
              DATABASE_NAME=database.database, DATABASE_USER=database.username, DATABASE_PASSWORD=database.password)
        self.env |= {'HOME': str(home), 'EJABBERD_CONFIG_PATH': str(home / 'ejabberd.yml'), 'ERL_MAX_PORTS': '65536',
                     'EJABBERD_LOG_PATH': str(home / 'log'), 'ERL_CRASH_DUMP': str(home / 'crash'),
                     'ERL_LIBS': str(next(iter(Path('/usr/lib').glob('*/ejabberd-*'))).parent)}
        make_tables(database, EJABBERD_SCHEMA.read_text())

    def stored(self):
        return count_mysql(self.database_url, 'SELECT COUNT(*) FROM archive')

    @staticmethod
    def install():
        is_there = shutil.which('erl') and EJABBERD_SCHEMA.exists() and any(Path('/usr/lib/erlang/lib').glob('p1_mysql-*'))
        return None if is_there else 'apt-get install ejabberd erlang-p1-mysql'

    @staticmethod
    def version():
        return f'ejabberd {debian_version("ejabberd")}'


class Prosody(Server):
    """Prosody with its archive in SQLite."""

    title = 'Prosody'
    protocol = 'xmpp'
    health = path = '/xmpp-websocket'

    def __init__(self, folder, _url):
        home = new_folder(folder / 'prosody')
        super().__init__('prosody', [shutil.which('prosody'), '--config', str(home / 'prosody.cfg.lua'), '-F'], home, folder,
                         f'sqlite:///{home}/prosody.sqlite')
        write(FOLDER / 'prosody.cfg.lua', home, PORT=self.port, FOLDER=home)
        database = sqlite3.connect(home / 'prosody.sqlite')
        database.execute('PRAGMA journal_mode = WAL')  # which the file remembers: half the fsyncs of what it comes with
        database.close()

    def stored(self):
        try:
            return count_sqlite(self.database_url, "SELECT COUNT(*) FROM prosodyarchive WHERE store = 'muc_log'")
        except sqlite3.OperationalError:
            return 0  # the table comes with the first message

    @staticmethod
    def install():
        is_there = shutil.which('prosody') and any(Path('/usr/lib').glob('*/lua/5.4/dbd/sqlite3.so'))
        return None if is_there else 'apt-get install prosody lua-dbi-sqlite3'

    @staticmethod
    def version():
        return f'Prosody {debian_version("prosody")}'


PEERS = {'nest': Nest, 'synapse': Synapse, 'ejabberd': Ejabberd, 'prosody': Prosody}


def install(names):
    """Bring what is missing of these; returns the names of those that can be measured, and says what the others lack."""
    lacking = {name: PEERS[name].install() for name in names if name in PEERS}
    for name, command in lacking.items():
        if command:
            print(f'{PEERS[name].title} is left out, since it is not installed: {command}', file=sys.stderr)
    return [name for name in names if not lacking.get(name)]


# ---------------------------------------------------------------------- how they are set up

def new_folder(path):
    path.mkdir()
    return path


def write(template, folder, **values):
    """Put a configuration of this folder into a server's own, filled in."""
    (folder / template.name).write_text(string.Template(template.read_text()).substitute(values))


def make_tables(url, schema):
    connection = pymysql.connect(host=url.host, port=url.port, user=url.username, password=url.password,
                                 database=url.database, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
    with connection, connection.cursor() as cursor:
        cursor.execute(schema)
        while cursor.nextset():
            pass


def debian_version(package):
    done = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package], capture_output=True, text=True, check=True,
                          env=os.environ | {'LC_ALL': 'C'})
    return done.stdout
