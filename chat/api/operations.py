"""What monitors ask."""
from .. import migrating
from ..errors import Unavailable
from .support import core, make_blueprint, public

blueprint = make_blueprint('operations')


@blueprint.get('/health')
@public
def health():
    return {'ok': True}


@blueprint.get('/ready')
@public
def ready():
    state = {'database': 'ok', 'migrations': 'ok', 'queue': 'ok' if core.writer.accepts() else 'full or stopped'}
    try:
        with core.database.reading() as connection:
            if not migrating.is_current(connection):
                state['migrations'] = 'pending'
    except Unavailable:
        state |= {'database': 'does not answer', 'migrations': 'unknown'}
    if set(state.values()) == {'ok'}:
        return {'ok': True} | state
    error = Unavailable('The server is not ready')
    return {'ok': False} | state | error.as_object(), error.status, {'Retry-After': str(error.retry_after)}
