"""Measures: starts the servers, has the generator drive one after the other, and repeats what the host disturbed."""
import json
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import groupby

from . import paint
from .plan import SMALL_HISTORY, points
from .servers import FOLDER, fill, index

MOST_STOLEN = 5   # percent of the machine that the host may take from a measurement
ATTEMPTS = 3      # for one measurement that is disturbed
TIMEOUT = 180     # seconds for one call of the generator,
PREPARING = 900   # and for that which makes all accounts and rooms
SENDING = ('m1', 'm6')             # where messages are counted in the database, before and after
COUNTED = ('stored', 'delivered')  # shares of what was sent


class Runner:
    """Results by the name of a point and of a server: lists of what the generator said, one for each repetition."""

    def __init__(self, plan, servers, database_pid):
        self._plan, self.servers, self._database_pid = plan, servers, database_pid
        self.results, self.starts, self.memory, self.paints = {}, {}, {}, {}
        self._oldest = {}  # server name: the id before which the oldest 50 messages of the large history are

    def run(self, only):
        self.prepare(with_histories=not only or only & {'m3', 'm8'})
        for _ in range(self._plan.starts):
            self._each_once(self._measure_start)
        for _ in range(self._plan.repeats):
            for _, group in groupby(points(self._plan, only), key=lambda point: (point.scenario, point.peer_env)):
                self._run_scenario(list(group))
            if not only or 'm9' in only:
                self._each_once(self._measure_paint)

    def prepare(self, with_histories):
        """Accounts, rooms and histories for every server."""
        for server in self.servers:
            say(f'preparing {server.name}')
            server.start()
            server.state.write_text(self._generate(server, 'prepare', rooms=26, members=10, crowd=server.crowd,
                                                   idle=self._plan.idle, readers=self._plan.readers))
            server.stop()
            if with_histories:
                state = json.loads(server.state.read_text())
                user_id = state['users'][0]['id']
                fill(server, state['smallHistory'], user_id, SMALL_HISTORY)
                self._oldest[server.name] = fill(server, state['largeHistory'], user_id, self._plan.messages)
                if server.name != 'peer':
                    say(f'{server.name}: indexed in {index(server):.0f} s')

    def _each_once(self, function):
        for server in self.servers:
            function(server)

    def _measure_start(self, server):
        self.starts.setdefault(server.name, []).append(server.start())
        time.sleep(1)
        self.memory.setdefault(server.name, []).append(server.memory())
        server.stop()

    def _measure_paint(self, server):
        if server.name == 'peer':  # which has no web client
            return
        if reason := paint.unavailable_reason():
            say(f'{paint.NAME}: left out, {reason}')
            return
        server.start()
        try:
            found = paint.measure(server)
        finally:
            server.stop()
        self.paints.setdefault(server.name, []).append(found)
        say(f'{paint.NAME}, {server.name}: {found["ms"]:.0f} ms, {found["kib"]:.0f} KiB')

    def _run_scenario(self, group):
        try:
            for server in self.servers:
                server.start(group[0].rounds, dict(group[0].peer_env))
            for point in group:
                for server in self.servers:
                    if point.has_peer or server.name != 'peer':
                        with self._others_halted(server):
                            self._measure(point, server)
        finally:
            for server in self.servers:
                server.stop()

    @contextmanager
    def _others_halted(self, server):
        others = [other for other in self.servers if other is not server and other.works_on]
        for other in others:
            other.halt()
        try:
            yield
        finally:
            for other in others:
                other.go_on()

    def _measure(self, point, server):
        options = {'seconds': self._plan.seconds, **point.options}
        if options.pop('deep', False):
            options['before'] = self._oldest[server.name]
        for attempt in range(ATTEMPTS):
            found = self._drive(point, server, options)
            stolen = max(one['stolen'] for one in found)
            if stolen <= MOST_STOLEN or point.scenario == 'm5':  # the connections of the first attempt would count
                break
            say(f'{point.name}, {server.name}: {stolen} % stolen, again' if attempt < ATTEMPTS - 1 else
                f'{point.name}, {server.name}: {stolen} % stolen, kept')
        for one in found:
            name = f'M5 · {one["connections"]:,} connections' if 'connections' in one else point.name
            self.results.setdefault((name, point.unit), {}).setdefault(server.name, []).append(one)
            say(f'{name}, {server.name}: {one["rate"]:g} {point.unit}, p99 {one.get("p99")} ms, errors {one["errors"]}, '
                f'cpu {one["cpu"]}, {one["perCpuSecond"]} per CPU-second, stolen {one["stolen"]} %'
                + ''.join(f', {key} {one[key]:.2%}' for key in COUNTED if key in one))

    def _drive(self, point, server, options):
        before = server.stored() if point.scenario in SENDING else None
        found = json.loads(self._generate(server, point.scenario, **options))
        found = found if isinstance(found, list) else [found]
        if before is not None:
            found[0]['stored'] = round((server.stored() - before) / found[0]['sent'], 4)
        return found

    def _generate(self, server, scenario, **options):
        arguments = {'scenario': scenario, 'protocol': server.protocol, 'url': server.url, 'pid': server.pid,
                     'dbpid': self._database_pid, **options}
        if scenario != 'prepare':
            arguments['state'] = str(server.state)
        done = subprocess.run(['node', 'main.js', json.dumps(arguments)], cwd=FOLDER / 'generator',
                              timeout=PREPARING if scenario == 'prepare' else TIMEOUT, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            raise RuntimeError(f'{scenario} of {server.name} failed: {done.stderr[-3000:]}')
        return done.stdout


def say(text):
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


def median(results, key):
    """The median of a figure over the repetitions; None if it was not measured."""
    values = [result[key] for result in results if result.get(key) is not None]
    return statistics.median(values) if values else None
