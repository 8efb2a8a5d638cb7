"""The schema: migrated on every database, equal to the models, by one process at a time."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, make_url, text

from chat import create_app
from chat.extensions import db
from chat.migrating import bind, newest_revisions
from tests.support.server import REPOSITORY


@pytest.fixture
def app(database, tmp_path):
    app = create_app({'DATABASE_URL': database.new_url(), 'INSTANCE_PATH': str(tmp_path), 'LOG_LEVEL': 'ERROR'})
    bind(app)
    with app.app_context():
        yield app
        app.extensions['chat'].database.close()


def test_the_migrations_give_exactly_the_tables_of_the_models(app):
    upgrade()
    with db.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
        tables = set(inspect(connection).get_table_names())
    assert tables == set(db.metadata.tables) | {'alembic_version'}


COUNTED = {
    'sqlite': "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'",
    'mysql': "SELECT table_name FROM information_schema.columns WHERE table_schema = DATABASE() AND extra = 'auto_increment'"}


def test_no_id_is_used_again_once_its_row_is_gone(app):
    """As that of a removed room."""
    upgrade()
    counted = {table.name for table in db.metadata.tables.values() if table.autoincrement_column is not None}
    with db.engine.connect() as connection:
        assert set(connection.execute(text(COUNTED[db.engine.url.get_backend_name()])).scalars()) == counted


def test_every_revision_can_be_stepped_through_forwards_and_back(app):
    scripts = ScriptDirectory.from_config(app.extensions['migrate'].migrate.get_config())
    assert newest_revisions() == set(scripts.get_heads())
    revisions = [script.revision for script in scripts.walk_revisions()]
    for revision in reversed(revisions):
        upgrade(revision=revision)
    downgrade(revision='base')
    with db.engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {'alembic_version'}
    upgrade()


def test_rooms_keep_the_order_of_their_newest_messages_when_their_tables_change(app):
    upgrade(revision='0004')
    with db.engine.begin() as connection:
        connection.execute(text(
            "INSERT INTO users (id, username, username_key, email, email_key, display_name, display_key, password_hash, "
            "is_admin, created_at) VALUES (1, 'a', 'a', 'a', 'a', 'a', 'a', 'a', 0, 1)"))
        for room_id, last_id in enumerate((None, 12, 11, 13), 100):
            connection.execute(text("INSERT INTO rooms (id, kind, name, created_at, last_seq, last_message_id, member_count) "
                                    "VALUES (:id, 'public', 'x', 1, 1, :last, 0)"), {'id': room_id, 'last': last_id})
        for room_id, message_id, at in (101, 12, 5000), (102, 11, 4000), (103, 13, 6000):
            connection.execute(text("INSERT INTO messages (id, room_id, sender_id, seq, type, content, nonce, created_at) "
                                    "VALUES (:id, :room, 1, 1, 'text', 'x', 1, :at)"),
                               {'id': message_id, 'room': room_id, 'at': at})
    upgrade()
    with db.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, newest_at FROM rooms WHERE kind = 'public' ORDER BY newest_at DESC"))
        assert [tuple(row) for row in rows] == [(103, 6_000_000), (101, 5_000_000), (102, 4_000_000), (100, 0)]
    downgrade(revision='0004')
    with db.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, last_message_id FROM rooms WHERE kind = 'public' ORDER BY id"))
        assert [tuple(row) for row in rows] == [(100, None), (101, 12), (102, 11), (103, 13)]


def test_of_several_processes_that_start_at_once_one_migrates(database, tmp_path):
    env = {'PATH': os.environ['PATH'], 'DATABASE_URL': database.new_url(), 'INSTANCE_PATH': str(tmp_path)}
    code = 'from wsgi import app; app.extensions["chat.start"](); app.extensions["chat"].stop()'

    def start(_):
        return subprocess.run([sys.executable, '-c', code], cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=60)

    with ThreadPoolExecutor(4) as pool:
        for done in pool.map(start, range(4)):
            assert done.returncode == 0, done.stderr
            assert 'Traceback' not in done.stderr


def test_without_auto_migrate_the_schema_is_left_alone(start_server, open_http, database):
    server = start_server(env={'AUTO_MIGRATE': 'false'}, database=database)
    ready = open_http(server).get('/ready')
    assert (ready.status_code, ready.json()['migrations']) == (503, 'pending')


def test_text_is_utf8mb4_throughout_and_keys_are_binary(mariadb, start_server):
    url = make_url(mariadb.create_database())
    start_server(database=url.render_as_string(hide_password=False))
    columns = mariadb.query(
        'SELECT column_name, character_set_name, collation_name FROM information_schema.columns WHERE table_schema = %s '
        'AND table_name != "alembic_version" AND character_set_name IS NOT NULL', (url.database,))
    assert {row[1] for row in columns} == {'utf8mb4'}
    assert {row[0] for row in columns if row[2] == 'utf8mb4_bin'} >= {'username_key', 'email_key', 'unique_key'}
