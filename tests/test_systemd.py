"""deploy/chat@.service and chat.target: systemd accepts them, and what they forbid is nothing that the server does."""
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import skip_or_fail
from tests.support.files import post_file
from tests.support.media import png
from tests.support.server import REPOSITORY
from tests.support.sockets import expect_ok

UNIT = (REPOSITORY / 'deploy/chat@.service').read_text()
EXPOSURE = 1.1  # of 10, as systemd 252 counts it, at most


def run(*command):
    if shutil.which(command[0]) is None:
        skip_or_fail(f'{command[0]} is not installed')
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def units(tmp_path):
    """The files as a host has them, but for where the server is."""
    (tmp_path / 'chat.target').write_text((REPOSITORY / 'deploy/chat.target').read_text())
    (tmp_path / 'chat@5001.service').write_text(UNIT.replace('/opt/chat/.venv/bin/python', sys.executable).replace('/opt/chat', str(REPOSITORY)))
    return tmp_path


def test_systemd_accepts_the_units(units):
    checked = run('systemd-analyze', 'verify', '--recursive-errors=no', units / 'chat@5001.service', units / 'chat.target')
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, '')


def test_the_exposure_of_a_process_is_as_low_as_the_docs_say(units):
    looked = run('systemd-analyze', 'security', '--offline=yes', f'--threshold={EXPOSURE * 10:.0f}', units / 'chat@5001.service')
    assert looked.returncode == 0, looked.stdout[-200:]
    assert f'{EXPOSURE} of 10' in (REPOSITORY / 'docs/deployment.md').read_text()


def calls_in(group):
    """The names of the system calls of one of systemd's groups, and of those in it."""
    lines = [line.strip() for line in run('systemd-analyze', 'syscall-filter', group).stdout.splitlines()[1:]]
    names = [line for line in lines if line and not line.startswith('#')]
    return {call for name in names for call in (calls_in(name) if name.startswith('@') else [name])}


def test_a_process_that_is_used_does_nothing_that_the_unit_forbids(start_server, open_http, open_socket, mariadb, tmp_path):
    if shutil.which('strace') is None:
        skip_or_fail('strace is not installed')
    trace = tmp_path / 'trace'
    server = start_server(command=['strace', '-D', '-f', '-qq', '-o', str(trace), sys.executable, 'wsgi.py'],
                          database=mariadb.create_database(), env={'NOTIFY_SOCKET': str(tmp_path / 'nobody listens here')})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    post_file(http.as_user(ann), f'/api/messages/send/{bob.id}', png(), 'picture.png')
    for transport in ('polling', 'websocket'):
        expect_ok(open_socket(server, ann, transports=[transport]).call('send_message', {'toUserId': bob.id, 'content': 'x'}))
    server.stop()

    made = re.findall(r'^\d+ +(\w+)\(', trace.read_text(), re.MULTILINE)
    allowed, *refused = re.findall(r'^SystemCallFilter=(.*)$', UNIT, re.MULTILINE)
    groups = [group for line in refused for group in line.removeprefix('~').split()]
    permitted = calls_in(allowed).difference(*map(calls_in, groups))
    assert len(set(made)) > 30 and set(made) - permitted == set()
    families = set(re.findall(r'\bsocket(?:pair)?\((AF_\w+)', trace.read_text()))
    assert families <= set(re.search(r'^RestrictAddressFamilies=(.*)$', UNIT, re.MULTILINE)[1].split())
    assert not re.search(r'mmap\(.*PROT_WRITE\|PROT_EXEC|mprotect\(.*PROT_EXEC', trace.read_text()), 'MemoryDenyWriteExecute'
