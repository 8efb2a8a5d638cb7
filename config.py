"""The configuration: the one place that reads the environment.

Values come from the environment or from a `.env` file beside this module, the environment first; an empty value is an
unset one. `.env.example` lists every name with its default and meaning.
"""
import ipaddress
import logging
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import overload

from dotenv import dotenv_values
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

ROOT = Path(__file__).resolve().parent
WEAK_SECRET = ('JWT_SECRET has under 32 bytes or is a sample: anybody could sign in as anybody. '
               'Set at least 32 random bytes, or unset it to have one made.')
MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: a key for HS256 is at least as long as its hash
SAMPLE_SECRETS = {'your_jwt_secret', 'your_secret_key', 'supersecretkey', 'yourkey', 'secret', 'changeme'}
SECONDS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}
LONGEST = 3650 * 86400  # seconds
EVERYWHERE = ('0.0.0.0', '::')  # as a HOST
LOG_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')


class ConfigError(Exception):
    """A value of the environment can't be used; the message names it and says what it should be."""


class Config:
    """Every setting, under the name that Flask or its extension knows, or else under that of the environment.

    Raises ConfigError. Reads nothing but `environ` (by default the process's, with `.env` behind it) and the secret
    kept in the instance folder.
    """

    def __init__(self, environ: Mapping[str, str | None] | None = None) -> None:
        read = Reader(os.environ, dotenv_values(os.environ.get('ENV_FILE') or ROOT / '.env')) if environ is None else \
            Reader(environ)
        self.INSTANCE_PATH = str(Path(read.text('INSTANCE_PATH', default=str(ROOT / 'instance'))).absolute())
        self.HOST = read.text('HOST', default='127.0.0.1')
        self.PORT = read.number('PORT', 'SERVER_PORT', default=5000, most=65535)
        self.PUBLIC_URL = read.web_address('PUBLIC_URL')
        self.BASE_URL = self.PUBLIC_URL or url_of('localhost' if self.HOST in EVERYWHERE else self.HOST, self.PORT)
        self.LOG_LEVEL = read.choice('LOG_LEVEL', LOG_LEVELS, default='INFO')
        self._read_database(read)
        self._read_sign_in(read)
        self._read_limits(read)
        self._read_calls(read)
        self.CLIENT_URL = [origin.rstrip('/') for origin in read.items('CLIENT_URL') if origin != '*']
        self.TRUSTED_PROXIES = read.networks('TRUSTED_PROXIES')
        self.RECOVERY_SECONDS = read.number('RECOVERY_SECONDS', default=120, most=3600)
        self.SOCKET_TRANSPORT = read.choice('SOCKET_TRANSPORT', ('direct', 'stock'), default='direct')
        self.MAX_CONTENT_LENGTH = 256 * 1024  # bytes of a request's body, where no file is taken
        self._read_uploads(read)
        self._read_push(read)

    def _read_database(self, read: 'Reader') -> None:
        self.SQLALCHEMY_DATABASE_URI = read.database()
        self.DATABASE_SETTINGS = read.database_settings()  # to be named where the database refuses what they say
        self.AUTO_MIGRATE = read.flag('AUTO_MIGRATE', default=True)
        self.DB_POOL_SIZE = read.number('DB_POOL_SIZE', default=10, least=1, most=1000)
        self.REDIS_URL = read.redis('REDIS_URL')
        if self.REDIS_URL and self.SQLALCHEMY_DATABASE_URI.get_backend_name() == 'sqlite':
            raise ConfigError('REDIS_URL is for several processes, which need a database of their own: set DATABASE_URL to '
                              'MySQL or MariaDB, or unset REDIS_URL')

    def _read_sign_in(self, read: 'Reader') -> None:
        self.JWT_SECRET_KEY = read.text('JWT_SECRET', 'JWT_SECRET_KEY', 'secretKey') or kept_secret(self.INSTANCE_PATH)
        self.SECRET_IS_WEAK = is_weak(self.JWT_SECRET_KEY)
        self.JWT_ACCESS_TOKEN_EXPIRES = read.duration('JWT_EXPIRES_IN', default='24h')
        self.JWT_REFRESH_TOKEN_EXPIRES = read.duration('REFRESH_EXPIRES_IN', default='30d')
        self.JWT_ENCODE_NBF = False  # it would only add that the clocks of two machines must not differ
        self.JWT_COOKIE_CSRF_PROTECT = False  # tokens travel in headers, never in cookies
        self.BCRYPT_LOG_ROUNDS = read.number('BCRYPT_LOG_ROUNDS', default=12, least=4, most=18)
        self.BCRYPT_HANDLE_LONG_PASSWORDS = True  # hashed first, since bcrypt itself reads no more than 72 bytes
        self.REGISTRATION_OPEN = read.choice('REGISTRATION', ('open', 'closed'), default='open') == 'open'

    def _read_limits(self, read: 'Reader') -> None:
        self.RATE_LIMIT_MESSAGES = read.limit('RATE_LIMIT_MESSAGES', default='5/10')
        self.RATE_LIMIT_DIRECT = read.limit('RATE_LIMIT_DIRECT', default='60/10')
        self.RATE_LIMIT_EVENTS = read.limit('RATE_LIMIT_EVENTS', default='300/10')
        self.RATE_LIMIT_REQUESTS = read.limit('RATE_LIMIT_REQUESTS', default='1200/60')
        self.RATE_LIMIT_SIGN_IN = read.limit('RATE_LIMIT_SIGN_IN', default='10/900')
        self.RATE_LIMIT_SIGN_UP = read.limit('RATE_LIMIT_SIGN_UP', default='20/3600')

    def _read_calls(self, read: 'Reader') -> None:
        self.CALL_TIMEOUT = read.number('CALL_TIMEOUT', default=30, least=1, most=3600)
        self.STUN_URLS = read.urls('STUN_URLS', 'stun', 'stuns')
        self.TURN_URLS = read.urls('TURN_URLS', 'turn', 'turns')
        self.TURN_SECRET = read.text('TURN_SECRET')
        if self.TURN_URLS and not self.TURN_SECRET:
            raise ConfigError('TURN_URLS needs TURN_SECRET: browsers refuse servers of which one has no credentials')

    def _read_uploads(self, read: 'Reader') -> None:
        folder = read.text('UPLOAD_FOLDER', default=str(Path(self.INSTANCE_PATH) / 'uploads'))
        self.UPLOAD_FOLDER = str(Path(folder).absolute())
        self.MAX_UPLOAD_BYTES = read.number('MAX_UPLOAD_BYTES', default=25 * 2**20, least=1)
        self.UPLOAD_QUOTA_BYTES = read.number('UPLOAD_QUOTA_BYTES', default=2**30)

    def _read_push(self, read: 'Reader') -> None:
        self.PUSH_AFTER = read.number('PUSH_AFTER', default=10, most=3600)
        self.PUSH_ALLOW = read.networks('PUSH_ALLOW')
        is_secure = self.PUBLIC_URL.startswith('https://')
        self.PUSH_CONTACT = read.contact('PUSH_CONTACT') or (self.PUBLIC_URL if is_secure else None)


class Reader:
    """Typed reading of the environment: of several sources, then of several names of one setting, the first set counts."""

    def __init__(self, *sources: Mapping[str, str | None]) -> None:
        self.sources = sources

    @overload
    def text(self, *names: str, default: str) -> str: ...

    @overload
    def text(self, *names: str, default: None = None) -> str | None: ...

    def text(self, *names: str, default: str | None = None) -> str | None:
        """The setting as it stands there."""
        return next((found for source in self.sources for name in names if (found := source.get(name))), default)

    def items(self, name: str) -> list[str]:
        """A comma-separated list."""
        return [item.strip() for item in self.text(name, default='').split(',') if item.strip()]

    def urls(self, name: str, *schemes: str) -> list[str]:
        """A comma-separated list of addresses with one of these schemes; browsers refuse a list with any other."""
        urls = self.items(name)
        for url in urls:
            if not re.fullmatch(rf'(?:{"|".join(schemes)}):[^\s/]+', url):
                raise ConfigError(f'{name} must be addresses such as {schemes[0]}:turn.example.com:3478, not {url!r}')
        return urls

    def number(self, *names: str, default: int, least: int = 0, most: int = 2**53) -> int:
        """A whole number."""
        text = self.text(*names)
        if text is None:
            return default
        if not re.fullmatch(r'[0-9]{1,16}', text) or not least <= int(text) <= most:
            raise ConfigError(f'{names[0]} must be a whole number from {least} to {most}, not {text!r}')
        return int(text)

    def choice(self, name: str, values: Sequence[str], default: str) -> str:
        """One of the values, as it is spelt there."""
        text = self.text(name, default=default)
        for value in values:
            if text.lower() == value.lower():
                return value
        raise ConfigError(f'{name} must be one of {", ".join(values)}, not {text!r}')

    def flag(self, name: str, default: bool) -> bool:
        """Yes or no."""
        yes, no = ('true', '1', 'yes', 'on'), ('false', '0', 'no', 'off')
        return self.choice(name, yes + no, default=str(default)) in yes

    def duration(self, name: str, default: str) -> timedelta:
        """A time with its unit; seconds without one."""
        text = self.text(name, default=default)
        match = re.fullmatch(r'([1-9][0-9]{0,8})([smhd]?)', text)
        if not match:
            raise ConfigError(f'{name} must be a number with s, m, h or d, such as 15m, not {text!r}')
        seconds = int(match[1]) * SECONDS[match[2] or 's']
        if seconds > LONGEST:
            raise ConfigError(f'{name} must be ten years at most, not {text!r}')
        return timedelta(seconds=seconds)

    def limit(self, name: str, default: str) -> tuple[int, int] | None:
        """`count/seconds` as a pair of numbers; None for `none`."""
        text = self.text(name, default=default)
        if text.lower() == 'none':
            return None
        match = re.fullmatch(r'([1-9][0-9]{0,8})/([1-9][0-9]{0,8})', text)
        if not match:
            raise ConfigError(f'{name} must be count/seconds, such as 5/10, or none, not {text!r}')
        return int(match[1]), int(match[2])

    def web_address(self, name: str) -> str:
        """The address of a site, without a slash at its end; '' if unset."""
        text = self.text(name, default='').rstrip('/')
        if text and not re.fullmatch(r'https?://[^\s?#]+', text):
            raise ConfigError(f'{name} must look like https://chat.example.com, not {text!r}')
        return text

    def redis(self, name: str) -> str | None:
        """The address of a Redis server."""
        text = self.text(name)
        if text and not re.fullmatch(r'(rediss?|unix)://\S+', text):
            raise ConfigError(f'{name} must look like redis://127.0.0.1:6379/0, not {text!r}')
        return text

    def contact(self, name: str) -> str | None:
        """Where somebody can be reached: a mail address or a site."""
        text = self.text(name)
        if text and not re.fullmatch(r'(mailto:[^\s@]+@[^\s@]+|https://\S+)', text):
            raise ConfigError(f'{name} must look like mailto:me@example.com or https://example.com, not {text!r}')
        return text

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        """Addresses or networks in CIDR notation."""
        try:
            return [ipaddress.ip_network(item, strict=False) for item in self.items(name)]
        except ValueError as error:
            raise ConfigError(f'{name} must be addresses or networks such as 10.0.0.0/8: {error}') from None

    def database(self) -> URL:
        """The URL for SQLAlchemy: DATABASE_URL, or DB_HOST and its kin, or SQLite in the instance folder."""
        text = self.text('DATABASE_URL')
        if text is None and self.text('DB_HOST', 'DB_NAME', 'DB_USER'):
            return mysql_url(URL.create(
                'mysql', self.text('DB_USER', default='root'), self.text('DB_PASS'),
                self.text('DB_HOST', default='127.0.0.1'), self.number('DB_PORT', default=3306, most=65535),
                self.text('DB_NAME', default='chat')))
        try:
            url = make_url(text or 'sqlite:///chat.db')
        except (ArgumentError, ValueError):
            raise ConfigError('DATABASE_URL must look like mysql://user:password@host:3306/name '
                              'or sqlite:///file.db') from None
        backend = url.get_backend_name()
        if backend in ('mysql', 'mariadb'):
            return mysql_url(url)
        if backend == 'sqlite':
            return url.set(drivername='sqlite')
        raise ConfigError(f'DATABASE_URL must name mysql, mariadb or sqlite, not {backend}')

    def database_settings(self) -> tuple[str, str]:
        """The names of the settings that hold (the user and the password, the name of the database)."""
        if self.text('DATABASE_URL') is not None:
            return 'DATABASE_URL', 'DATABASE_URL'
        return 'DB_USER and DB_PASS', 'DB_NAME'


def mysql_url(url: URL) -> URL:
    """The URL with the driver and the character set that this server needs, whatever it named."""
    return url.set(drivername='mysql+pymysql').update_query_dict({'charset': 'utf8mb4'})


def is_weak(secret: str) -> bool:
    """Whether a secret could be guessed: shorter than its algorithm wants, or copied from an example."""
    return len(secret.encode()) < MIN_SECRET_BYTES or secret in SAMPLE_SECRETS


def url_of(host: str, port: int) -> str:
    """The address of a server that listens there."""
    return f'http://{f"[{host}]" if ":" in host else host}:{port}'


def kept_secret(folder: str) -> str:
    """The secret in the instance folder."""
    return kept_text(folder, 'secret_key', partial(secrets.token_urlsafe, 48))


def kept_text(folder: str, name: str, make: Callable[[], str]) -> str:
    """What the file of that name in the folder holds: made on first use, readable by its owner only.

    Several processes that start at once agree on one: the file appears whole, and only one can be the first.
    """
    path = Path(folder) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f'.{name}.{secrets.token_hex(8)}')
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, 'w', encoding='ascii') as file:
            file.write(make())
        try:
            os.link(draft, path)
        except FileExistsError:
            logging.getLogger(__name__).debug('another process made %s first', name)
        finally:
            draft.unlink()
    return path.read_text(encoding='ascii').strip()
