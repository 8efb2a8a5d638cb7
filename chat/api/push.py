"""Push over HTTP: a browser has itself told of messages while its user is away."""
from flask import Blueprint

from ..answers import PushKey
from ..schemas.push import PushEndpoint, PushSubscription
from .context import core, identity, me
from .operation import operation

blueprint = Blueprint('push', __name__, url_prefix='/api/push')


@blueprint.get('/key')
@operation(answers={200: PushKey})
def get_key() -> PushKey:
    """The server's public key, with which browsers subscribe at their push service."""
    return {'publicKey': core.subscriptions.public_key()}


@blueprint.put('/subscriptions')
@operation(body=PushSubscription, answers={204: None})
def subscribe(body: PushSubscription) -> tuple[str, int]:
    """Have a browser told of messages, for as long as this sign-in goes on."""
    core.subscriptions.add(me(), identity().sign_in_id, endpoint=body.endpoint, p256dh=body.keys.p256dh,
                           auth=body.keys.auth, expires_at=body.expires_at)
    return '', 204


@blueprint.delete('/subscriptions')
@operation(body=PushEndpoint, answers={204: None})
def unsubscribe(body: PushEndpoint) -> tuple[str, int]:
    """Have a browser of one's own told no longer."""
    core.subscriptions.remove(me(), body.endpoint)
    return '', 204
