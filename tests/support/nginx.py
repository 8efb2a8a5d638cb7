"""A private nginx in front of a server, configured as docs/deployment.md shows it."""
import re
import shutil
import tempfile
from pathlib import Path

from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.server import REPOSITORY
from tests.support.waiting import wait_until


class Nginx:
    """Proxies `url` to the server on `port`."""

    def __init__(self, port):
        self._folder = Path(tempfile.mkdtemp(prefix='chat-nginx-'))
        self.port = free_port()
        self.url = f'http://{HOST}:{self.port}'
        paths = ''.join(f'{name}_temp_path {self._folder}/{name};'
                        for name in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        site = _readme_site().replace('listen 80;', f'listen {HOST}:{self.port};').replace('127.0.0.1:5000', f'{HOST}:{port}')
        (self._folder / 'nginx.conf').write_text(
            f'daemon off; pid {self._folder}/pid; error_log {self._folder}/error.log; events {{}}'
            f'http {{ access_log off; {paths} {site} }}')
        self._process = None

    @staticmethod
    def unavailable_reason():
        """Why it can't be had here, or None."""
        return None if shutil.which('nginx') else 'nginx is not installed'

    def start(self):
        command = [shutil.which('nginx'), '-c', str(self._folder / 'nginx.conf'), '-e', str(self._folder / 'error.log')]
        self._process = Process(command, self._folder / 'log')
        wait_until((self._folder / 'pid').exists)
        return self

    def stop(self):
        self._process.stop(10)
        shutil.rmtree(self._folder)


def _readme_site():
    """The server block of docs/deployment.md."""
    return re.search(r'^```nginx\n(.*?)^```', (REPOSITORY / 'docs/deployment.md').read_text(), re.MULTILINE | re.DOTALL)[1]
