"""The inbox over HTTP."""
from .support import core, make_blueprint, me

blueprint = make_blueprint('conversations', '/api/conversations')


@blueprint.get('')
def list_conversations():
    return core.inbox.conversations(me())
