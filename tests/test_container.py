"""deploy/Containerfile and deploy/compose.yaml: what they copy, run and set makes a server, as far as that can be seen without an engine."""
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from sqlalchemy import make_url

from config import ROOT, Config
from tests.conftest import skip_or_fail
from tests.support.container import DEPLOY, Image, compose
from tests.support.ports import HOST, free_port
from tests.support.process import Process
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

VARIABLES = {'CHAT_NAME': 'chat.example.com', 'DB_PASS': 'of-the-database', 'JWT_SECRET': 'x' * 64}
SETTINGS = set(re.findall(r'^(\w+)=', (ROOT / '.env.example').read_text(), re.MULTILINE))


@pytest.fixture(scope='module')
def services():
    return compose(VARIABLES)['services']


def processes_of(services):
    return {name: service for name, service in services.items() if 'build' in service}


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """(image, its root): the image's files and, in a virtual environment of its own, what its commands install."""
    image, root = Image(), tmp_path_factory.mktemp('image')
    folder = root / image.folder.lstrip('/')
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, '-m', 'venv', root / 'python'], check=True)
    image.copy_to(folder)
    for command in image.run:
        if command.startswith('install -d') and os.geteuid() != 0:
            command = re.sub(r'-[og] \d+ ', '', command)  # only root can give it away
        command = command.replace(image.volume, str(root) + image.volume)
        (root / image.volume.lstrip('/')).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(['sh', '-ec', command], cwd=folder, env=environment(image, root, PIP_NO_CACHE_DIR=''), check=True, timeout=600)
    return image, root


def environment(image, root, **changes):
    """What a command sees in the image; pip may take from this machine's cache what it would download."""
    env = {**image.env, 'HOME': os.environ.get('HOME', '/'), **changes}
    return {name: value for name, value in env.items() if value} | {'PATH': f'{root / "python/bin"}:{os.environ["PATH"]}'}


def test_what_the_image_holds_serves_with_the_environment_of_compose(
        built, services, mariadb, own_redis, start_server, open_http, open_socket):
    image, root = built
    url = make_url(mariadb.create_database())
    here = {'HOST': HOST, 'INSTANCE_PATH': str(root) + image.volume, 'UPLOAD_FOLDER': None, 'PUBLIC_URL': None,
            'DATABASE_URL': None, 'DB_HOST': url.host, 'DB_PORT': url.port, 'DB_USER': url.username, 'DB_PASS': url.password,
            'DB_NAME': url.database, 'REDIS_URL': own_redis.url}
    env = {**image.env, **services['chat-1']['environment'], **here}
    del env['PORT']  # the test's own
    server = start_server(env=env, working_folder=root / image.folder.lstrip('/'),
                          command=[str(root / 'python/bin' / image.command[0]), *image.command[1:]])
    http = open_http(server)
    ann, bob = http.register(), http.register()
    expect_ok(open_socket(server, ann).call('send_message', {'toUserId': bob.id, 'content': 'x'}))
    assert '<html' in http.get('/').text and http.get('/ready').json()['redis'] == 'ok'
    assert check_health(image, root, services, server.port) == 0
    assert check_health(image, root, services, free_port()) != 0


def check_health(image, root, services, port):
    """What the health check of compose.yaml ends with, for a server on that port."""
    kind, *command = services['chat-1']['healthcheck']['test']
    assert kind == 'CMD'
    command = [word.replace(f':{image.env["PORT"]}/', f':{port}/') for word in command]
    return subprocess.run(command, env=environment(image, root), capture_output=True, check=False, timeout=30).returncode


def test_every_process_has_the_settings_of_one_server(services):
    processes = processes_of(services)
    assert len(processes) == 3
    for service in processes.values():
        assert service['environment'].keys() <= SETTINGS
        config = Config({**Image().env, **service['environment']})
        assert config.REDIS_URL and config.SQLALCHEMY_DATABASE_URI.host == 'database' and not config.SECRET_IS_WEAK
        assert service == processes['chat-1']
        volume, _, at = service['volumes'][0].partition(':')
        assert config.INSTANCE_PATH == at == Image().volume and config.UPLOAD_FOLDER.startswith(at + '/')
        assert volume in compose(VARIABLES)['volumes']


@pytest.mark.parametrize('missing', VARIABLES)
def test_a_variable_without_which_it_would_not_be_safe_is_required(missing):
    with pytest.raises(KeyError, match=missing):
        compose({name: value for name, value in VARIABLES.items() if name != missing})


def test_the_proxy_that_is_trusted_is_caddy_and_caddy_knows_every_process(services):
    whole = compose(VARIABLES)
    network = whole['networks']['default']['ipam']['config'][0]
    address = ipaddress.ip_address(services['caddy']['networks']['default']['ipv4_address'])
    assert address in ipaddress.ip_network(network['subnet']) and address not in ipaddress.ip_network(network['ip_range'])
    for name, service in processes_of(services).items():
        assert service['environment']['TRUSTED_PROXIES'] == str(address)
        assert f' {name}:{Image().env["PORT"]}' in (DEPLOY / 'Caddyfile').read_text()


def test_the_processes_share_the_database_with_its_own_settings(services):
    of_database, of_chat = services['database']['environment'], services['chat-1']['environment']
    assert [of_database[f'MARIADB_{name}'] for name in ('DATABASE', 'USER', 'PASSWORD')] == \
        [of_chat[f'DB_{name}'] for name in ('NAME', 'USER', 'PASS')]


def test_redis_starts_as_compose_starts_it_and_is_found_healthy(services, tmp_path):
    if shutil.which('redis-server') is None:
        skip_or_fail('Redis is not installed')
    port = str(free_port())
    redis = Process([*services['redis']['command'], '--port', port, '--bind', HOST], tmp_path / 'log', cwd=tmp_path)
    try:
        name, *rest = services['redis']['healthcheck']['test'][1:]
        wait_until(lambda: subprocess.run([name, '-p', port, *rest], capture_output=True, check=False).returncode == 0, 10)
    finally:
        redis.stop(10)
    assert not list(tmp_path.glob('*.rdb'))


def test_caddy_accepts_its_file_and_serves_the_name_by_https(services, tmp_path):
    if shutil.which('caddy') is None:
        skip_or_fail('Caddy is not installed')
    env = {'PATH': os.environ['PATH'], 'HOME': str(tmp_path), **services['caddy']['environment']}
    file = ['--config', str(DEPLOY / 'Caddyfile'), '--adapter', 'caddyfile']
    subprocess.run(['caddy', 'validate', *file], env=env, capture_output=True, check=True, timeout=30)
    adapted = json.loads(subprocess.run(['caddy', 'adapt', *file], env=env, capture_output=True, check=True, timeout=30).stdout)
    server, = adapted['apps']['http']['servers'].values()
    assert server['listen'] == [':443'] and server['routes'][0]['match'] == [{'host': [VARIABLES['CHAT_NAME']]}]
