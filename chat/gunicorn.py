"""A gunicorn worker that serves exactly as `python wsgi.py` does: the same requests, the same WebSockets."""
import sys

from gunicorn.arbiter import Arbiter
from gunicorn.workers.ggevent import GeventPyWSGIWorker

from config import ConfigError

from . import serving
from .transport import ChatHandler


class Worker(GeventPyWSGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """`gunicorn --worker-class chat.gunicorn.Worker --workers 1 wsgi:app`."""

    wsgi_handler = ChatHandler

    def run(self) -> None:
        """Serve until gunicorn says to stop; ends gunicorn when the configuration forbids it."""
        try:
            if self.cfg.workers > 1:
                raise ConfigError('Run one worker: several would not know of each other\'s connections.')
            serving.refuse_weak_secret(self.wsgi, [serving.host_of(listener) for listener in self.sockets])
            for listener in self.sockets:
                serving.send_at_once(listener)
            serving.prepare(self.wsgi)
        except ConfigError as error:
            self.log.error(str(error))
            sys.exit(Arbiter.APP_LOAD_ERROR)  # so that it is not started again and again
        super().run()
        serving.finish(self.wsgi)
