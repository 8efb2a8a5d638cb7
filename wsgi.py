"""The server: `python wsgi.py`, or `wsgi:app` for gunicorn and for the `flask` command."""
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SERVES = os.environ.get('FLASK_RUN_FROM_CLI') != 'true'  # `flask` has imported too much already to be patched
if SERVES:
    from gevent import monkey
    monkey.patch_all()

# What libraries load if it is there, for what this server does not do: 21 MiB of each process. Engine.IO's clients speak
# HTTP by the first three; PyMySQL and PyJWT know more kinds of keys by the fourth, see chat/core/machinery/engines.py; by
# the others python-socketio shares its rooms, which here chat/core/shared does; it loads Redis's once REDIS_URL is set.
NOT_NEEDED = ('requests', 'aiohttp', 'websocket', 'cryptography', 'redis', 'valkey')


@contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Have these libraries be missing to whoever tries to import them meanwhile, unless they are loaded already."""
    missing = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]  # None is Python's own sign for that
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]


with left_out(*NOT_NEEDED):
    from chat import create_app
    from chat.serving import replace_flask_run, serve
    from config import ConfigError

replace_flask_run()
try:
    app = create_app()
except ConfigError as error:
    sys.exit(f'The configuration is wrong: {error}')

if __name__ == '__main__':
    serve(app)
