"""Uploads over HTTP: files on their way into messages, and back to those who may see them."""
from flask import request

from .downloads import answer
from .forms import received_form, store, the_file
from .support import core, make_blueprint, me_or_nobody, signable

blueprint = make_blueprint('uploads', '/api/uploads')


@blueprint.post('')
def upload():
    with received_form() as (_, files):
        return core.uploads.as_object(store(the_file(files))), 201


@blueprint.get('/<id:upload_id>')
@signable
def download(upload_id):
    return answer(core.uploads.open(upload_id, me_or_nobody(), request.args.get('signature')))


@blueprint.get('/<id:upload_id>/thumbnail')
@signable
def download_thumbnail(upload_id):
    return answer(core.uploads.open(upload_id, me_or_nobody(), request.args.get('signature'), thumbnail=True))
