"""A private Caddy in front of one server or several, configured by deploy/Caddyfile."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.ports import HOST, free_port, is_free
from tests.support.process import Process
from tests.support.server import REPOSITORY
from tests.support.waiting import wait_until

SITE = REPOSITORY / 'deploy/Caddyfile'


class Caddy:
    """Proxies `url` to the servers on these ports, without TLS: for that it would ask others for a certificate."""

    def __init__(self, *ports):
        self._folder = Path(tempfile.mkdtemp(prefix='chat-caddy-'))
        self.port = free_port()
        self.url = f'http://{HOST}:{self.port}'
        to = 'to ' + ' '.join(f'{HOST}:{port}' for port in ports) + ('\nbuffer_requests' if _loses_bodies() else '')
        text, count = re.subn(r'\bto chat-.*', to, SITE.read_text())
        assert count == 1, f'the processes stand {count} times in {SITE}'
        (self._folder / 'Caddyfile').write_text(text)
        self._process = None

    @staticmethod
    def unavailable_reason():
        """Why it can't be had here, or None."""
        return None if shutil.which('caddy') else 'Caddy is not installed'

    def start(self):
        env = {'PATH': os.environ['PATH'], 'HOME': str(self._folder), 'CHAT_SITE': self.url,
               'CADDY_ADMIN': f'unix/{self._folder}/admin'}
        command = ['caddy', 'run', '--config', 'Caddyfile', '--adapter', 'caddyfile']
        self._process = Process(command, self._folder / 'log', env=env, cwd=self._folder)
        wait_until(lambda: not is_free(self.port), 20, lambda: f'Caddy listens:\n{(self._folder / "log").read_text()}')
        return self

    def stop(self):
        self._process.stop(20)
        shutil.rmtree(self._folder)


def _loses_bodies():
    """Whether it is Debian's 2.6, which closes a body with the first process that does not take it, and asks the next one without."""
    return subprocess.run(['caddy', 'version'], capture_output=True, text=True, check=True).stdout.removeprefix('v').startswith('2.6.')
