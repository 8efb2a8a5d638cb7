"""The server: `python wsgi.py`, or `wsgi:app` for gunicorn and for the `flask` command."""
import os
import sys

SERVES = os.environ.get('FLASK_RUN_FROM_CLI') != 'true'  # `flask` has imported too much already to be patched
if SERVES:
    from gevent import monkey
    monkey.patch_all()

from chat import create_app  # noqa: E402
from chat.serving import replace_flask_run, serve  # noqa: E402
from config import ConfigError  # noqa: E402

replace_flask_run()
try:
    app = create_app()
except ConfigError as error:
    sys.exit(f'The configuration is wrong: {error}')

if __name__ == '__main__':
    serve(app)
