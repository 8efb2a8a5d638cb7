"""Uploads over HTTP: files on their way into messages, and back to those who may see them."""
from flask import Blueprint, Response, request

from ..core.objects import Attachment
from ..errors import NotFound
from .context import core, me_or_nobody
from .downloads import RangeNotSatisfiable, answer
from .forms import ReceivedFile, store
from .operation import SIGNED, FileBytes, operation

blueprint = Blueprint('uploads', __name__, url_prefix='/api/uploads')
BYTES = {200: FileBytes, 206: FileBytes, 304: None}


@blueprint.post('')
@operation(files=1, answers={201: Attachment})
def upload(file: ReceivedFile) -> tuple[Attachment, int]:
    """Upload a file, to be sent by its id within a day."""
    return core.uploads.as_object(store(file)), 201


@blueprint.get('/<id:upload_id>')
@operation(answers=BYTES, errors=[NotFound, RangeNotSatisfiable], access=SIGNED)
def download(upload_id: int) -> Response:
    """The bytes of a file, whole or in a range."""
    return answer(core.uploads.open(upload_id, me_or_nobody(), request.args.get('signature')))


@blueprint.get('/<id:upload_id>/thumbnail')
@operation(answers=BYTES, errors=[NotFound, RangeNotSatisfiable], access=SIGNED)
def download_thumbnail(upload_id: int) -> Response:
    """A small picture of a file that is one."""
    return answer(core.uploads.open(upload_id, me_or_nobody(), request.args.get('signature'), thumbnail=True))
