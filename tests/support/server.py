"""The real server as a process, the way a host runs it."""

import http.client
import os
import sys
import tempfile
from pathlib import Path

from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.waiting import TimedOut, wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, 'wsgi.py')

_INHERITED = ('PATH', 'HOME', 'LANG', 'COVERAGE_PROCESS_CONFIG')
_LIMITS = ('MESSAGES', 'DIRECT', 'EVENTS', 'REQUESTS', 'SIGN_IN', 'SIGN_UP')
_DEFAULTS = {
    'HOST': HOST,
    'BCRYPT_LOG_ROUNDS': '4',
    'PYTHONUNBUFFERED': '1',
    **{f'RATE_LIMIT_{name}': 'none' for name in _LIMITS},
}
# Ended by itself after SIGTERM, by the signal, or by the signal as a shell tells it.
_GOOD_ENDS = (0, -15, 143)


class StartFailed(AssertionError):
    """The server ended, with `returncode`, before it answered; `log` is all it said."""

    def __init__(self, returncode, log):
        super().__init__(f'the server ended with {returncode} before it answered:\n{log[-3000:]}')
        self.returncode = returncode
        self.log = log


class ChatServer:
    """One server process on a port of 127.0.0.1, with all its data in a folder of its own.

    It sees nothing of the environment but PATH, HOME, LANG and what coverage needs, then the defaults of the tests (cheap bcrypt, no
    limits), then `env`, where None unsets a default (by an empty value). `command` is another way to run it
    (gunicorn, say), in `working_folder`; the word `{port}` in it becomes the port. The log must hold no traceback, unless
    `allow_traceback`.
    """

    def __init__(self, env=None, database_url=None, command=COMMAND, folder=None, allow_traceback=False,
                 working_folder=REPOSITORY):
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix='chat-server-')
        self.folder = Path(folder or self._temporary.name)
        self.port = free_port()
        self._working_folder = working_folder
        self.allow_traceback = allow_traceback
        self._command = [word.replace('{port}', str(self.port)) for word in command]
        self._env = self._environment(env or {}, database_url)
        self._log_path = self.folder / 'server.log'
        self._log_path.touch()
        self._checked = 0
        self._process = None

    @property
    def url(self):
        """The base URL, without a slash at its end."""
        return f'http://{HOST}:{self.port}'

    @property
    def environment(self):
        """What the process sees, for commands that run beside it."""
        return dict(self._env)

    @property
    def pid(self):
        """The process id of the running server."""
        return self._process.pid

    @property
    def running(self):
        """Whether the process is there."""
        return self._process is not None and self._process.alive

    def log(self):
        """All that the server has written to stdout and stderr, over all its starts."""
        return self._log_path.read_text(errors='replace')

    def start(self, timeout=30):
        """Starts the process and waits until GET /health answers 200. Raises StartFailed when it ends before."""
        assert not self.running, 'the server runs already'
        self._process = Process(self._command, self._log_path, env=self._env, cwd=self._working_folder)
        try:
            wait_until(self._healthy, timeout, 'the server answers GET /health', interval=0.05)
        except TimedOut as error:
            self.kill()
            raise TimedOut(f'{error}:\n{self._tail()}') from None
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, timeout=10, allow_traceback=None):
        """SIGTERM; SIGKILL and a failure after `timeout` seconds. Then the log is checked. Twice is no error."""
        process, self._process = self._process, None
        try:
            if process is not None:
                assert process.alive, f'the server had ended by itself with {process.returncode}:\n{self._tail()}'
                returncode = process.stop(timeout)
                assert returncode in _GOOD_ENDS, f'on SIGTERM the server ended with {returncode}:\n{self._tail()}'
        finally:
            self.check_log(allow_traceback)

    def kill(self):
        """SIGKILL, as the kernel does it when memory is short; `start` works again afterwards."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def restart(self, timeout=10, allow_traceback=None):
        """Stops it and starts it again, on the same port and data."""
        self.stop(timeout, allow_traceback)
        self.start()

    def close(self):
        """Stops it and removes its folder, if it made the folder itself."""
        try:
            self.stop()
        finally:
            if self._temporary is not None:
                self._temporary.cleanup()

    def check_log(self, allow_traceback=None):
        """Asserts that nothing written since the last check holds a traceback."""
        text = self._log_path.read_bytes()
        # A line that is being written now is looked at next time, whole.
        end = text.rfind(b'\n') + 1 if self.running else len(text)
        new, self._checked = text[self._checked:end].decode(errors='replace'), end
        allowed = self.allow_traceback if allow_traceback is None else allow_traceback
        if not allowed and 'Traceback' in new:
            raise AssertionError(f'the log of the server holds a traceback:\n{new[-6000:]}')

    def _environment(self, changes, database_url):
        env = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        env['ENV_FILE'] = os.devnull  # not a developer's .env
        env.update(_DEFAULTS)
        env.update(
            PORT=str(self.port),
            DATABASE_URL=str(database_url or f'sqlite:///{self.folder / "chat.db"}'),
            UPLOAD_FOLDER=str(self.folder / 'uploads'),
            INSTANCE_PATH=str(self.folder / 'instance'),
        )
        env.update(changes)
        return {name: '' if value is None else str(value) for name, value in env.items()}

    def _healthy(self):
        if not self._process.alive:
            raise StartFailed(self._process.returncode, self.log())
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request('GET', '/health')
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _tail(self):
        return self.log()[-3000:]
