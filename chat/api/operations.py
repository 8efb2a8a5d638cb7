"""What monitors ask."""
from .. import migrating
from .support import core, make_blueprint, public

blueprint = make_blueprint('operations')


@blueprint.get('/health')
@public
def health():
    return {'ok': True}


@blueprint.get('/ready')
@public
def ready():
    answers = core.database.answers()
    state = {
        'database': 'ok' if answers else 'does not answer',
        'migrations': 'unknown' if not answers else 'ok' if migrating.is_current() else 'pending',
        'queue': 'ok' if core.writer.accepts() else 'full or stopped',
    }
    is_ready = set(state.values()) == {'ok'}
    return {'ok': is_ready} | state, 200 if is_ready else 503
