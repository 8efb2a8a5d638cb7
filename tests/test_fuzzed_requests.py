"""schemathesis asks a real server for whatever its OpenAPI document allows, and for what it does not, alone and in sequences.

It looks for 5xx, for statuses, types, headers and bodies that are not declared, for what is accepted though the document
forbids it, and for what answers without a token. The same requests each time; `make soak` draws new ones, and more.
"""
import os
import subprocess
import sys

from config import ROOT

CONFIGURATION = ROOT / 'tests' / 'fuzzing' / 'schemathesis.toml'
IS_SOAK = bool(os.environ.get('SOAK'))
EACH = '100' if IS_SOAK else '4'  # requests of each kind and operation
SECONDS = 3600 if IS_SOAK else 300


def test_schemathesis_finds_nothing_that_is_not_declared(start_server):
    server = start_server()
    drawn = [] if IS_SOAK else ['--generation-deterministic']
    done = subprocess.run(
        [sys.executable, '-c', 'from schemathesis.cli import schemathesis; schemathesis()', '--config-file', CONFIGURATION,
         'run', f'{server.url}/api/openapi.json', '--no-color', '--max-examples', EACH, *drawn],
        cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, env=os.environ | {'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert 'Stateful (disabled)' not in done.stdout and 'failed' not in done.stdout
