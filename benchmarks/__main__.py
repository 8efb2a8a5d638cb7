"""`python -m benchmarks [--quick] [--only m1,m3] [--out results.json]`: measure, and print the table."""
import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.mariadb import MariaDB

from . import report, servers
from .plan import FULL, QUICK
from .runner import Runner


def main():
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('--quick', action='store_true', help='a few minutes; ratios are rougher')
    parser.add_argument('--only', default='', help='scenarios, such as m1,m3; default: all')
    parser.add_argument('--servers', default='chat,peer,sqlite', help='of chat, peer and sqlite; default: all')
    parser.add_argument('--peer', choices=('usual', 'lean'), default='usual', help='see README.md')
    parser.add_argument('--out', help='a file for every single measurement, as JSON')
    arguments = parser.parse_args()
    missing = MariaDB.unavailable_reason() or (shutil.which('node') is None and 'Node.js is not installed')
    if missing:
        sys.exit(missing)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    servers.install_peer()
    only = {name for name in arguments.only.split(',') if name}
    with tempfile.TemporaryDirectory(prefix='chat-benchmarks-') as folder:
        runner, heading = measure(QUICK if arguments.quick else FULL, only, arguments.servers.split(','), arguments.peer,
                                  Path(folder))
    if arguments.out:
        write(runner, Path(arguments.out))
    print(f'{heading} ({arguments.peer})\n\n{report.table(runner)}')


def measure(plan, only, names, peer, folder):
    """The Runner with its results, and what they were measured on."""
    mariadb = MariaDB()
    try:
        mariadb.start()
        heading = report.machine(mariadb.query('SELECT VERSION()')[0][0])
        make = {
            'chat': lambda: servers.chat('chat', folder, mariadb.create_database()),
            'peer': lambda: servers.peer(folder, mariadb.create_database(), peer),
            'sqlite': lambda: servers.chat('sqlite', folder, f'sqlite:///{folder / "chat.db"}'),
        }
        runner = Runner(plan, [make[name]() for name in names], mariadb.pid)
        try:
            runner.run(only)
        except (KeyboardInterrupt, subprocess.TimeoutExpired) as error:
            print(f'ended early ({error!r}): the table holds what was measured', file=sys.stderr)
        return runner, heading
    finally:
        mariadb.stop()


def write(runner, path):
    results = [{'name': name, 'unit': unit, 'server': server, 'results': found}
               for (name, unit), by_server in runner.results.items() for server, found in by_server.items()]
    path.write_text(json.dumps({'results': results, 'starts': runner.starts, 'memory': runner.memory,
                                'paints': runner.paints}, indent=1))


if __name__ == '__main__':
    main()
