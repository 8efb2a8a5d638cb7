"""A video call between two pages in a real browser, with this server as their only signalling."""
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.node import FOLDER
from tests.support.pages import Pages

PAGE = Path(__file__).with_name('pages') / 'call.html'
CLIENT = FOLDER / 'node_modules/socket.io-client/dist/socket.io.min.js'
ICE = {'STUN_URLS': 'stun:127.0.0.1:9', 'TURN_URLS': 'turn:127.0.0.1:9?transport=udp', 'TURN_SECRET': 'north'}
FRAMES = 30
PLAYS = f"""async () => {{
  const seen = await watched();
  return seen.decoded >= {FRAMES} && seen.played >= {FRAMES} && seen.width > 0 && seen.seconds > 0;
}}"""


@pytest.fixture
def open_page(browser, tmp_path, bridge):
    """Opens the page in a window of its own; `bridge` has installed the client that it uses."""
    for file in (PAGE, CLIENT):
        shutil.copy(file, tmp_path)
    pages, windows = Pages(tmp_path), []

    def opened():
        windows.append(browser.open(pages.url, path=PAGE.name))
        return windows[-1].page

    yield opened
    for window in windows:
        window.close()
    pages.stop()


def test_two_pages_see_each_other(start_server, open_http, open_page):
    server = start_server(env=ICE)
    http = open_http(server)
    people = [http.register(name) for name in ('ann', 'bob')]
    pages = [open_page() for _ in people]
    for page, account in zip(pages, people, strict=True):
        page.evaluate('args => signIn(...args)', [server.url, account.token, account.username])
    call_id = pages[0].evaluate('id => startCall(id)', people[1].id)
    for page in pages:
        until(page, PLAYS)
        expect(page.locator('#state')).to_have_text('connected')
    pages[1].evaluate('() => hangUp()')
    until(pages[0], '() => ended === "hung up"')
    record, = http.as_user(people[0]).get('/api/calls').json()
    assert (record['id'], record['outcome'], record['calleeId']) == (call_id, 'completed', people[1].id)
