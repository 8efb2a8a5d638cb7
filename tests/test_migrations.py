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
from sqlalchemy import inspect, make_url

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
