"""A private nginx in front of one server or several, configured by deploy/nginx.conf."""
import re
import shutil
import tempfile
from pathlib import Path

from tests.support.certificates import self_signed
from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.server import REPOSITORY
from tests.support.waiting import wait_until

SITE = REPOSITORY / 'deploy/nginx.conf'
NAME = 'chat.example.com'  # of the site


class Nginx:
    """Proxies `url` to the servers on these ports; with TLS if `is_encrypted`: who trusts `certificate` can tell that it is the site."""

    def __init__(self, *ports, is_encrypted=False):
        self._folder = Path(tempfile.mkdtemp(prefix='chat-nginx-'))
        self._http, self.port = free_port(), free_port()
        self.url = f'{"https" if is_encrypted else "http"}://{HOST}:{self.port}'
        self.certificate, key = self._folder / 'certificate.pem', self._folder / 'key.pem'
        self_signed(self.certificate, key, NAME, HOST)
        paths = ''.join(f'{name}_temp_path {self._folder}/{name};'
                        for name in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        (self._folder / 'nginx.conf').write_text(
            f'daemon off; pid {self._folder}/pid; error_log {self._folder}/error.log; events {{ worker_connections 4096; }}\n'
            f'http {{ access_log off; {paths}\n{self._site(ports, key, is_encrypted)}\n}}')
        self._process = None

    def _site(self, ports, key, is_encrypted):
        """The site as it is, but for what is this machine's: addresses, and where files are."""
        listen = f'listen {HOST}:{self.port}{" ssl" if is_encrypted else ""};'
        servers = iter([f'server {HOST}:{port} max_fails=0;' for port in ports])
        changes = {r'\blisten 80;': f'listen {HOST}:{self._http};', r'\blisten 443 ssl;': listen,
                   r'\blisten \[::\]:80;': '', r'\blisten \[::\]:443 ssl;': '', '/var/log/nginx': str(self._folder),
                   r'/etc/letsencrypt/\S+/fullchain\.pem': str(self.certificate), r'/etc/letsencrypt/\S+/privkey\.pem': str(key)}
        text = SITE.read_text()
        for pattern, replacement in changes.items():
            text, count = re.subn(pattern, replacement, text)
            assert count == 1, f'{pattern} stands {count} times in {SITE}'
        return re.sub(r'\bserver 127\.0\.0\.1:\d+ max_fails=0;', lambda _: next(servers, ''), text)

    @property
    def redirecting_url(self):
        """Where it answers without TLS, to send everybody to where that is."""
        return f'http://{HOST}:{self._http}'

    @property
    def log(self):
        """The path of the log of requests."""
        return self._folder / 'chat.log'

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
