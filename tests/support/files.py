"""Files in forms, in the server's storage, and in its database."""

import sqlite3
from contextlib import closing

import pymysql
from sqlalchemy import make_url


def post_file(client, path, *files, **fields):
    """POSTs a form with files, each its bytes, or bytes and filename; one file's name may follow it."""
    if len(files) == 2 and isinstance(files[1], str):
        files = [files]
    files = [(file, 'file.bin') if isinstance(file, bytes) else file for file in files]
    parts = [('file', (name, data)) for data, name in files] or [('content', (None, fields.pop('content', '')))]
    return client.request('POST', path, files=parts, data=fields)


def kept(server):
    """The names of the files in the server's storage, temporary ones too."""
    return sorted(path.name for path in (server.folder / 'uploads').rglob('*') if path.is_file())


def execute(server, sql, *values):
    """Runs a statement on the server's database, beside it, and returns its rows."""
    url = make_url(server.environment['DATABASE_URL'])
    if url.get_backend_name() == 'sqlite':
        with closing(sqlite3.connect(url.database)) as connection, connection:
            return connection.execute(sql, values).fetchall()
    options = {'host': url.host, 'port': url.port, 'user': url.username, 'password': url.password}
    with closing(pymysql.connect(database=url.database, autocommit=True, **options)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(sql.replace('?', '%s'), values)
            return cursor.fetchall()
