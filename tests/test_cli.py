"""The host's commands."""
import re
import subprocess
import sys

import pytest

from tests.support.server import REPOSITORY, ChatServer


@pytest.fixture
def flask(start_server, database):
    """A running server, and `flask …` beside it."""
    server = start_server(database=database)

    def run(*arguments, fails=False):
        done = subprocess.run([sys.executable, '-m', 'flask', *arguments], cwd=REPOSITORY, env=server.environment,
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    return server, run


def printed():
    """The arguments of each `flask` command that the documents name; `a|b` are two."""
    text = ''.join(path.read_text() for path in [REPOSITORY / 'README.md', *REPOSITORY.glob('docs/*.md')])
    found = re.findall(r'`\.venv/bin/flask ([a-z]+) ([a-z|]+)', text)
    return sorted({(group, command) for group, commands in found for command in commands.split('|')})


@pytest.mark.parametrize('arguments', printed(), ids=' '.join)
def test_every_command_that_the_documents_name_is_there(arguments):
    done = subprocess.run([sys.executable, '-m', 'flask', *arguments, '--help'], cwd=REPOSITORY, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0 and f'{" ".join(arguments)} [OPTIONS]' in done.stdout, done.stdout + done.stderr


def login(http, name, password):
    return http.post('/api/auth/login', {'username': name, 'password': password})


def test_the_host_manages_accounts_beside_the_running_server(flask, open_http, open_socket):
    server, run = flask
    http = open_http(server)
    assert 'id' in run('user', 'create', 'ann', 'ann@example.com', '--display-name', 'Ann', '--password', 'secret-1')
    assert 'taken' in run('user', 'create', 'ANN', 'other@example.com', '--password', 'secret-1', fails=True)
    assert 'password' in run('user', 'create', 'bob', 'bob@example.com', '--password', 'x', fails=True)
    first = login(http, 'ann', 'secret-1').json()
    assert first['user']['displayName'] == 'Ann'

    client = open_socket(server, auth={'token': first['token']})
    run('user', 'passwd', 'ann@example.com', '--password', 'secret-2')
    client.expect('disconnect')
    assert http.as_user(first['token']).get('/api/users/me').status_code == 401
    assert login(http, 'ann', 'secret-1').status_code == 401

    second = login(http, 'ann', 'secret-2').json()
    client = open_socket(server, auth={'token': second['token']})
    run('user', 'admin', 'ann')
    run('user', 'deactivate', 'ann')
    client.expect('disconnect')
    assert login(http, 'ann', 'secret-2').status_code == 401
    assert http.post('/api/auth/refresh', {'refreshToken': second['refreshToken']}).status_code == 401
    other = http.register()
    assert http.as_user(other).get(f'/api/users/{second["user"]["id"]}').status_code == 404
    assert http.as_user(other).get('/api/users').json() == []
    assert 'no user' in run('user', 'deactivate', 'nobody', fails=True)


def test_the_host_has_messages_indexed(flask, open_http):
    server, run = flask
    http = open_http(server)
    http.as_user(http.register()).post('/api/messages/send', {'content': 'hello'})
    first = run('search', 'index')  # unless the server was quicker
    assert '1 messages are indexed' in first or '0 messages are indexed' in first
    assert '0 messages are indexed' in run('search', 'index')


def test_the_commands_of_flask_work(flask):
    _, run = flask
    assert '/api/auth/login' in run('routes')
    run('db', 'upgrade')
    assert '(head)' in run('db', 'current')


@pytest.mark.parametrize('url, told', [
    ('mysql://nobody:wrong@127.0.0.1:{port}/chat', 'correct DATABASE_URL'),
    ('mysql://nobody:wrong@127.0.0.1:1/chat', 'does not answer'),
], ids=['a wrong password', 'no database'])
def test_a_command_that_does_not_get_at_the_database_says_why_in_a_line(mariadb, tmp_path, url, told):
    environment = ChatServer(database_url=url.format(port=mariadb.port), folder=tmp_path).environment
    done = subprocess.run([sys.executable, '-m', 'flask', 'user', 'admin', 'ann'], cwd=REPOSITORY, env=environment,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert told in done.stderr.splitlines()[-1] and done.stderr.splitlines()[-1].startswith('Error: ')
