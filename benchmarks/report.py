"""The table: medians, ratios, what was wanted, and what each measurement cost."""
import datetime
import importlib.metadata
import json
import platform
import subprocess
from pathlib import Path

from . import paint
from .plan import MOST, WANTED, WITHIN
from .runner import median
from .servers import PEER

HEAD = ('| | this server | peer | ratio | per CPU-second | must · reach for | p99 ms, this · peer | on SQLite | '
        'CPU % server/database/generator, this · peer | stolen |')
PYTHON = ('Flask', 'python-socketio', 'SQLAlchemy', 'PyMySQL', 'gevent', 'orjson', 'pydantic')


def table(runner):
    """The whole report as Markdown."""
    lines = [HEAD, '| --- | --: | --: | --: | --: | --: | --: | --: | --- | --: |']
    for (name, unit), by_server in runner.results.items():
        lines.append(row(name, unit, by_server))
        if name.startswith('M4'):
            lines.append(inverse_row(name.replace('sign-ins beside a chat', 'p99 of the chat'), 'ms', by_server, 'p99'))
        if name.startswith('M8'):
            lines.append(absolute_row(f'{name}: p99', 'ms', {server: median(found, 'p99')
                                                             for server, found in by_server.items()}))
        if name.startswith('M5'):
            lines.append(absolute_row(f'{name}: each', 'KiB', {server: median(found, 'kibEach')
                                                               for server, found in by_server.items()}))
    rates = {name: median(by_server.get('chat', []), 'rate') for (name, _), by_server in runner.results.items()}
    for name, (one, other, most) in WITHIN.items():
        if rates.get(one) and rates.get(other):
            times = rates[other] / rates[one]
            lines.append(line(name, number(times), '', '', '', f'≤ {most}{"" if times <= most else " ✗"}', '', '', '', ''))
    if runner.paints:
        for unit, key in (('ms to the first paint', 'ms'), ('KiB transferred', 'kib')):
            lines.append(absolute_row(paint.NAME, unit, {server: median(found, key)
                                                         for server, found in runner.paints.items()}))
    lines.append(absolute_row('start', 'seconds to /health', medians(runner.starts)))
    lines.append(absolute_row('start', 'idle memory, MiB', medians(runner.memory)))
    return '\n'.join(lines)


def table_of_peers(runner):
    """The comparison with several peers as Markdown: a column for each server, a line for each figure."""
    titles = {server.name: server.title for server in runner.servers}
    lines = [line('', *titles.values()), f'| --- |{" --: |" * len(titles)}']

    def add(name, figures):
        lines.append(line(name, *(number(figures.get(server)) for server in titles)))

    for (name, unit), by_server in runner.results.items():
        keys = [(f', {unit}', 'rate'), (', per CPU-second with the database', 'perCpuSecondOfBoth'), (', p99 ms', 'p99')]
        for label, key in [(': each, KiB', 'kibEach')] if name.startswith('M5') else keys:
            add(f'{name}{label}', {server: median(found, key) for server, found in by_server.items()})
        lost = [f'{titles[server]} {one[key]:.2%} {key}' for server, found in by_server.items() for one in found
                for key in ('stored', 'delivered') if one.get(key, 1) != 1]
        lost += [f'{titles[server]} {one["errors"]} errors' for server, found in by_server.items() for one in found
                 if one['errors']]
        if lost:
            lines.append(line(f'{name}: not all, {", ".join(lost)}', *[''] * len(titles)))
    add('start, seconds to the first answer', medians(runner.starts))
    add('start, idle memory, MiB', medians(runner.memory))
    return '\n'.join(lines)


def medians(by_server):
    return {server: median([{'value': value} for value in values], 'value') for server, values in by_server.items()}


def row(name, unit, by_server):
    this, peer = by_server.get('chat', []), by_server.get('peer', [])
    rate, other = median(this, 'rate'), median(peer, 'rate')
    stolen = max(one['stolen'] for found in by_server.values() for one in found)
    errors = sum(one['errors'] for found in by_server.values() for one in found)
    return line(f'{name}, {unit}{f" ({errors} errors)" if errors else ""}', number(rate), number(other),
                ratio(rate, other), ratio(median(this, 'perCpuSecond'), median(peer, 'perCpuSecond')),
                wanted(name, rate and other and rate / other),
                f'{number(median(this, "p99"))} · {number(median(peer, "p99"))}',
                number(median(by_server.get('sqlite', []), 'rate')), f'{cost(this)} · {cost(peer)}', f'{stolen:g} %')


def inverse_row(name, unit, by_server, key):
    """A figure of which less is better."""
    this, peer, sqlite = (median(by_server.get(server, []), key) for server in ('chat', 'peer', 'sqlite'))
    return line(f'{name}, {unit}', number(this), number(peer), ratio(peer, this), '',
                wanted(name, this and peer and peer / this), '', number(sqlite), '', '')


def absolute_row(name, unit, values):
    """A figure with an absolute limit."""
    most, reach = MOST[unit]
    value = values.get('chat')
    verdict = f'≤ {most} · {reach}{"" if value is None or value <= most else " ✗"}'
    return line(f'{name}, {unit}', number(value), number(values.get('peer')), '', '', verdict, '',
                number(values.get('sqlite')), '', '')


def line(*cells):
    return f'| {" | ".join(cells)} |'


def wanted(name, reached):
    if name not in WANTED:
        return ''
    must, reach = WANTED[name]
    return f'{must:g} · {reach:g}{" ✗" if reached and reached < must else ""}'


def ratio(this, other):
    return f'**{this / other:.2f}**' if this and other else ''


def number(value):
    if value is None:
        return ''
    return f'{value:,.0f}' if value >= 100 else f'{value:,.1f}' if value >= 10 else f'{value:.2f}'


def cost(found):
    parts = [median([one['cpu'] for one in found], part) for part in ('server', 'database', 'generator')]
    return '/'.join('' if part is None else f'{part:.0f}' for part in parts)


def machine(mariadb_version):
    """Date, versions and machine."""
    cpu = next((entry.split(':')[1].strip() for entry in Path('/proc/cpuinfo').read_text().splitlines()
                if entry.startswith('model name')), platform.processor())
    cores = Path('/proc/cpuinfo').read_text().count('processor\t:')
    node = subprocess.run(['node', '--version'], capture_output=True, text=True, check=True).stdout.strip()
    mine = ', '.join(f'{name} {importlib.metadata.version(name)}' for name in PYTHON)
    theirs = ', '.join(f'{name} {version}' for name, version in
                       json.loads((PEER / 'package.json').read_text())['dependencies'].items())
    return (f'{datetime.date.today().isoformat()}, {cores} × {cpu}, Linux {platform.release()}, MariaDB '
            f'{mariadb_version}. This server: Python {platform.python_version()}, {mine}. Peer: Node.js {node}, {theirs}.')
