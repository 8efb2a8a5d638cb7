"""Catching up over HTTP."""
from flask import Blueprint

from ..core.objects import SyncPage
from ..schemas.messages import Sync
from .context import core, me
from .operation import operation

blueprint = Blueprint('sync', __name__, url_prefix='/api/sync')


@blueprint.get('')
@operation(query=Sync, answers={200: SyncPage})
def sync(query: Sync) -> SyncPage:
    """What is new or has changed in one's rooms since a place."""
    return core.sync.page(me(), query.after, query.limit)
