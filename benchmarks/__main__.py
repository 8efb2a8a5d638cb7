"""`python -m benchmarks [peers|scale] [--quick] [--only m1,m3] [--out results.json]`: measure, and print the table."""
import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from tests.support.mariadb import MariaDB

from . import peers, report, scale, servers
from .plan import FULL, OF_PEERS, QUICK, of_peers
from .runner import Runner

USUAL = ('chat', 'peer', 'sqlite')


def main():
    parser = argparse.ArgumentParser(prog='python -m benchmarks', description=__doc__)
    parser.add_argument('comparison', nargs='?', choices=('usual', 'peers', 'scale'), default='usual',
                        help='with one usual server of Node.js, with what people would pick instead, or with itself as '
                             'several processes')
    parser.add_argument('--quick', action='store_true', help='a few minutes; ratios are rougher')
    parser.add_argument('--only', default='', help='scenarios, such as m1,m3; default: all')
    parser.add_argument('--servers', help=f'of {", ".join(USUAL)}, and with peers of {", ".join(peers.PEERS)}; default: all')
    parser.add_argument('--peer', choices=('usual', 'lean'), default='usual', help='see README.md')
    parser.add_argument('--out', help='a file for every single measurement, as JSON')
    arguments = parser.parse_args()
    missing = MariaDB.unavailable_reason() or (shutil.which('node') is None and 'Node.js is not installed')
    if missing:
        sys.exit(missing)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    servers.install_peer()
    plan = QUICK if arguments.quick else FULL
    if arguments.comparison == 'scale':
        print(scale.compared(plan))
        return
    only = {name for name in arguments.only.split(',') if name}
    names = arguments.servers.split(',') if arguments.servers else USUAL
    make_table = report.table
    if arguments.comparison == 'peers':
        plan, only, make_table = of_peers(plan), only & OF_PEERS or OF_PEERS, report.table_of_peers
        names = peers.install(arguments.servers.split(',') if arguments.servers else [*USUAL, *peers.PEERS])
    with tempfile.TemporaryDirectory(prefix='chat-benchmarks-') as folder:
        runner, heading = measure(plan, only, names, arguments.peer, Path(folder))
    if arguments.out:
        write(runner, Path(arguments.out))
    print(f'{heading} ({arguments.peer})\n\n{make_table(runner)}')


def measure(plan, only, names, peer, folder):
    """The Runner with its results, and what they were measured on."""
    mariadb = MariaDB()
    try:
        mariadb.start()
        heading = ' '.join([report.machine(mariadb.query('SELECT VERSION()')[0][0]),
                            *(f'{peers.PEERS[name].version()}.' for name in names if name in peers.PEERS)])
        make = {
            'chat': lambda: servers.chat('chat', folder, mariadb.create_database()),
            'peer': lambda: servers.peer(folder, mariadb.create_database(), peer),
            'sqlite': lambda: servers.chat('sqlite', folder, f'sqlite:///{folder / "chat.db"}'),
            **{name: partial(make_peer, folder, mariadb.create_database()) for name, make_peer in peers.PEERS.items()},
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
