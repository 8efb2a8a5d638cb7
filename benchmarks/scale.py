"""`python -m benchmarks scale`: one server as 1, 2 and 4 processes, as throughput per processor second of all of them.

On a machine of two cores four processes get no further than two; what it takes to be several is what can be seen.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.mariadb import MariaDB
from tests.support.redis import Redis

from . import report, servers
from .runner import TIMEOUT, median, say

COUNTS = (1, 2, 4)
POINTS = (  # name, scenario, options, unit
    *((f'M1 · {senders} sender{"s" if senders > 1 else ""}', 'm1', {'senders': senders}, 'messages/s')
      for senders in (1, 64, 256)),
    ('M6 room of 1,000', 'm6', {}, 'deliveries/s'),
    ('M5', 'm5', {}, 'connections/s'),
)
HEAD = '| | alone | ' + ' | '.join(f'{count} with Redis' for count in COUNTS) + ' |'


class Shape:
    """One server as so many processes, with Redis or without."""

    def __init__(self, name, processes):
        self.name, self.processes = name, processes

    def start(self, rounds=servers.CHEAP):
        for process in self.processes:
            process.start(rounds)

    def stop(self):
        for process in self.processes:
            process.stop()


def compared(plan):
    """The table, and what it was measured on."""
    if missing := Redis.unavailable_reason():
        sys.exit(missing)
    mariadb, redis = MariaDB(), Redis()
    with tempfile.TemporaryDirectory(prefix='chat-benchmarks-') as folder:
        try:
            mariadb.start()
            redis.start()
            heading = report.machine(mariadb.query('SELECT VERSION()')[0][0])
            results = measure(plan, shapes(Path(folder), mariadb.create_database(), redis.url), mariadb.pid, redis.pid)
        finally:
            redis.stop()
            mariadb.stop()
    return f'{heading}\n\n{table(results)}'


def shapes(folder, url, redis_url):
    """The shapes that are compared; all have the same accounts and rooms."""
    first = servers.chat('alone', folder, url)
    made = [Shape('alone', [first])]
    for count in COUNTS:
        processes = [servers.chat(f'{count}-{number}', folder, url) for number in range(count)]
        for process in processes:
            process.env |= {name: first.env[name] for name in ('JWT_SECRET', 'INSTANCE_PATH')} | {'REDIS_URL': redis_url}
        made.append(Shape(f'{count} with Redis', processes))
    return made


def measure(plan, shapes, database_pid, redis_pid):
    """{(name, unit): {shape: [measurements]}}; in each, `redis` is the processor time of Redis in percent of a core."""
    state = shapes[0].processes[0].state
    shapes[0].start()
    state.write_text(generate(shapes[0], database_pid, None, 'prepare', rooms=26, members=10, crowd=1000, idle=1,
                              readers=()))
    shapes[0].stop()
    results = {}
    for _ in range(plan.repeats):
        for name, scenario, options, unit in POINTS:
            for shape in shapes:
                shape.start()
                try:
                    before = processor_seconds(redis_pid)
                    options = options | ({'connections': plan.connections} if scenario == 'm5' else {})
                    found = json.loads(generate(shape, database_pid, state, scenario, seconds=plan.seconds, **options))
                    used = processor_seconds(redis_pid) - before
                finally:
                    shape.stop()
                for one in found if isinstance(found, list) else [found]:
                    key = f'M5 · {one["connections"]:,} connections' if 'connections' in one else name
                    one['redis'] = used / (plan.seconds + 1) * 100
                    results.setdefault((key, unit), {}).setdefault(shape.name, []).append(one)
                    say(f'{key}, {shape.name}: {one["rate"]:g} {unit}, {one["perCpuSecond"]} per CPU-second, '
                        f'errors {one["errors"]}, cpu {one["cpu"]}, Redis {one["redis"]:.0f} %')
    return results


def processor_seconds(pid):
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def generate(shape, database_pid, state, scenario, **options):
    arguments = {'scenario': scenario, 'url': shape.processes[0].url, 'urls': [process.url for process in shape.processes],
                 'pid': [process.pid for process in shape.processes], 'dbpid': database_pid, **options}
    if state is not None:
        arguments['state'] = str(state)
    done = subprocess.run(['node', 'main.js', json.dumps(arguments)], cwd=servers.FOLDER / 'generator', timeout=TIMEOUT,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f'{scenario} of {shape.name} failed: {done.stderr[-3000:]}')
    return done.stdout


def table(results):
    """Operations per processor second of all processes, and how that compares with one process alone."""
    lines = [HEAD, '| --- |' + ' --: |' * (1 + len(COUNTS))]
    for (name, unit), by_shape in results.items():
        alone = median(by_shape['alone'], 'perCpuSecond')
        cells = [f'{value:,.0f} (**{value / alone:.2f}**)' if value else ''
                 for value in (median(found, 'perCpuSecond') for found in by_shape.values())]
        lines.append(f'| {name}, {unit.partition("/")[0]} per CPU-second | {" | ".join(cells)} |')
        redis = [f'{median(found, "redis"):.0f}' for found in by_shape.values()]
        lines.append(f'| {name}: Redis, % of a core | {" | ".join(redis)} |')
    return '\n'.join(lines)
