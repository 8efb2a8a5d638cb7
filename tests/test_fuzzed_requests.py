"""schemathesis asks a real server for whatever its OpenAPI document allows, and for what it does not, alone and in sequences.

It looks for 5xx, for statuses, types, headers and bodies that are not declared, for what is accepted though the document
forbids it, and for what answers without a token. The same requests each time; `make soak` draws new ones for SOAK_MINUTES.
"""
import os
import subprocess
import sys

from config import ROOT

CONFIGURATION = ROOT / 'tests' / 'fuzzing' / 'schemathesis.toml'
SOAK_SECONDS = int(float(os.environ.get('SOAK_MINUTES') or 0) * 60)
PROGRAM = 'from schemathesis.cli import schemathesis; schemathesis()'


def test_schemathesis_finds_nothing_that_is_not_declared(start_server):
    server = start_server()
    drawn = ['--max-time', str(SOAK_SECONDS)] if SOAK_SECONDS else ['--generation-deterministic']
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM, '--config-file', CONFIGURATION, 'run', f'{server.url}/api/openapi.json', '--no-color', *drawn],
        cwd=ROOT, capture_output=True, text=True, timeout=600 + 2 * SOAK_SECONDS, env=os.environ | {'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    for phase in ('Examples', 'Coverage', 'Fuzzing', 'Stateful'):
        assert f'✅ {phase}' in done.stdout, done.stdout
