"""A video call between two pages in a real browser, with this server as their only signalling."""
import shutil
from pathlib import Path

import pytest

from tests.support.chromium import Pages
from tests.support.node import FOLDER
from tests.support.waiting import wait_until

PAGE = Path(__file__).with_name('pages') / 'call.html'
CLIENT = FOLDER / 'node_modules/socket.io-client/dist/socket.io.min.js'
ICE = {'STUN_URLS': 'stun:127.0.0.1:9', 'TURN_URLS': 'turn:127.0.0.1:9?transport=udp', 'TURN_SECRET': 'north'}
FRAMES = 30


@pytest.fixture
def page(tmp_path, bridge):
    """The URL of the page; `bridge` has installed the client that it uses."""
    for file in (PAGE, CLIENT):
        shutil.copy(file, tmp_path)
    pages = Pages(tmp_path)
    yield f'{pages.url}/{PAGE.name}'
    pages.stop()


def plays(window):
    """Whether the window has shown enough of the other's video."""
    seen = window.run('watched()')
    return seen['decoded'] >= FRAMES and seen['played'] >= FRAMES and seen['width'] > 0 and seen['seconds'] > 0


def test_two_pages_see_each_other(start_server, open_http, chromium, page):
    server = start_server(env=ICE)
    http = open_http(server)
    people = [http.register(name) for name in ('ann', 'bob')]
    windows = []
    for account in people:
        windows.append(chromium.open(page))
        windows[-1].run('signIn(...args)', server.url, account.token, account.username)
    call_id = windows[0].run('startCall(args[0])', people[1].id)
    for window in windows:
        wait_until(lambda window=window: plays(window), 30, 'the other one\'s video plays', interval=0.2)
        assert window.run('connection.connectionState') == 'connected'
    windows[1].run('hangUp()')
    wait_until(lambda: windows[0].run('ended') == 'hung up', 5, 'the other one hangs up')
    record, = http.as_user(people[0]).get('/api/calls').json()
    assert (record['id'], record['outcome'], record['calleeId']) == (call_id, 'completed', people[1].id)
    for window in windows:
        window.close()
