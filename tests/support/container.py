"""deploy/Containerfile and deploy/compose.yaml, read and followed as far as that goes without a container engine."""
import fnmatch
import json
import re
import shlex
import shutil

import yaml

from tests.support.server import REPOSITORY

DEPLOY = REPOSITORY / 'deploy'


class Image:
    """What the Containerfile says: `env`, `run` (the commands), `copied` [(sources, target)], `command`, `folder`, `volume`."""

    def __init__(self):
        self.env, self.run, self.copied = {}, [], []
        text = re.sub(r'\\\n\s*', ' ', (DEPLOY / 'Containerfile').read_text())
        for line in text.splitlines():
            if line and not line.startswith('#'):
                self._take(*line.split(' ', 1))

    def _take(self, instruction, rest):
        match instruction:
            case 'ENV':
                self.env.update(word.split('=', 1) for word in shlex.split(rest))
            case 'RUN':
                self.run.append(rest)
            case 'COPY':
                *sources, target = rest.split()
                self.copied.append((sources, target))
            case 'CMD':
                self.command = json.loads(rest)
            case 'WORKDIR':
                self.folder = rest
            case 'VOLUME':
                self.volume = rest
            case 'FROM' | 'USER' | 'EXPOSE':
                pass
            case _:
                raise AssertionError(f'the tests do not know what {instruction} does')

    def copy_to(self, folder):
        """Copy the files of the image, but for what .dockerignore leaves out."""
        *patterns, unwanted = (REPOSITORY / '.dockerignore').read_text().split()
        allowed = [pattern.removeprefix('!') for pattern in patterns if pattern.startswith('!')]
        assert patterns[0] == '*' and unwanted.startswith('**/')
        for source, target in ((source, target) for sources, target in self.copied for source in sources):
            assert source in allowed, f'{source} is left out by .dockerignore'
            _copy(REPOSITORY / source, folder / target, unwanted.removeprefix('**/'))


def _copy(source, target, unwanted):
    if source.is_dir():
        shutil.copytree(source, target, ignore=lambda _, names: fnmatch.filter(names, unwanted))
    else:
        shutil.copy(source, target)


def compose(variables):
    """compose.yaml with these variables put in; one that it requires and that is missing is a KeyError."""
    text = re.sub(r'\$\{(\w+):\?[^}]*\}', lambda match: variables[match[1]], (DEPLOY / 'compose.yaml').read_text())
    assert '${' not in text
    return yaml.safe_load(text)
