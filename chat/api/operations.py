"""What monitors ask."""
from flask import Blueprint

from .. import migrating
from ..answers import Health, NotReady, Readiness
from ..errors import Unavailable
from .context import core
from .operation import PUBLIC, operation

blueprint = Blueprint('operations', __name__)


@blueprint.get('/health')
@operation(answers={200: Health}, access=PUBLIC)
def health() -> Health:
    """Whether the process runs."""
    return {'ok': True}


@blueprint.get('/ready')
@operation(answers={200: Readiness, 503: NotReady}, access=PUBLIC)
def ready() -> Readiness | tuple[NotReady, int, dict[str, str]]:
    """Whether the database, its migrations and the queue of messages are fine; and what Redis does, where it is used."""
    state: Readiness = {'ok': True, 'database': 'ok', 'migrations': 'ok',
                        'queue': 'ok' if core.writer.accepts() else 'full or stopped'}
    if core.log.is_shared:  # for hosts to know: the process goes on alone, and is ready for that
        state['redis'] = 'ok' if core.log.is_connected else 'does not answer'
    try:
        with core.database.reading() as connection:
            if not migrating.is_current(connection):
                state['migrations'] = 'pending'
    except Unavailable:
        state['database'], state['migrations'] = 'does not answer', 'unknown'
    if state['database'] == state['migrations'] == state['queue'] == 'ok':
        return state
    error = Unavailable('The server is not ready')
    answer: NotReady = {**state, 'ok': False, 'code': error.code, 'message': error.message}
    return answer, error.status, {'Retry-After': str(error.retry_after)}
