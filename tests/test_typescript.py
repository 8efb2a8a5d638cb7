"""The types for TypeScript: as the declarations are now, and of use to programs with socket.io-client."""
import json
import re
import subprocess

import pytest

from chat.reference import typescript
from config import ROOT
from tests.support.node import FOLDER

PACKAGE = ROOT / 'clients' / 'typescript'
PROGRAM = ROOT / 'tests' / 'types' / 'program.ts'
CONFIGURATION = {'compilerOptions': {
    'strict': True, 'noEmit': True, 'module': 'nodenext', 'target': 'es2022', 'lib': ['es2022', 'dom'], 'types': [],
    'noUncheckedIndexedAccess': False}}


@pytest.fixture
def compile_program(tmp_path, bridge):
    """Compiles a program beside the installed package; returns what the compiler says."""
    modules = tmp_path / 'node_modules'
    modules.mkdir()
    for installed in (FOLDER / 'node_modules').iterdir():
        (modules / installed.name).symlink_to(installed)
    (modules / 'chat-server-types').symlink_to(PACKAGE)

    def run(text):
        (tmp_path / 'package.json').write_text('{"type": "module"}')
        (tmp_path / 'program.ts').write_text(text)
        (tmp_path / 'tsconfig.json').write_text(json.dumps(CONFIGURATION | {'files': ['program.ts']}))
        done = subprocess.run([FOLDER / 'node_modules/.bin/tsc', '-p', tmp_path], capture_output=True, text=True, timeout=120)
        return done.stdout

    return run


def test_the_types_are_those_of_the_declarations():
    assert typescript.FILE.read_text() == typescript.made(), 'make types makes them anew'


def test_a_program_with_socket_io_client_compiles_by_them(compile_program):
    assert compile_program(PROGRAM.read_text()) == ''


def test_the_program_of_the_packages_readme_compiles(compile_program):
    program, = re.findall(r'^```ts\n(.*?)^```', (PACKAGE / 'README.md').read_text(), re.MULTILINE | re.DOTALL)
    assert compile_program(program) == ''


def test_a_wrong_program_does_not_compile(compile_program):
    assert 'TS2353' in compile_program(PROGRAM.read_text() + '\nsocket.emit("delivered", { messageId: 1, at: 2 });\n')


def test_the_package_holds_the_types_in_the_version_of_the_server():
    package = json.loads((PACKAGE / 'package.json').read_text())
    version, = re.findall(r'^version = "(.*)"$', (ROOT / 'pyproject.toml').read_text(), re.MULTILINE)
    assert package['version'] == re.sub(r'\.dev(\d+)$', r'-dev.\1', version)
    assert all((PACKAGE / name).exists() for name in (*package['files'], package['types']))
