"""The page of the references in a real browser: all is there, found and reached, in both widths and schemes."""
import pytest

from tests.conftest import skip_or_fail
from tests.support import declared
from tests.support.chromium import Chromium
from tests.support.node import FOLDER
from tests.support.waiting import wait_until

AXE = FOLDER / 'node_modules' / 'axe-core' / 'axe.min.js'
WIDTHS = {'narrow': (390, 844), 'wide': (1280, 900)}
ENTER = '\ue007'
PARTS = ['post-api-messages-send-receiverid', 'get-api-uploads-uploadid', 'event-standard-sent-send_message',
         'event-realtime-chat-told-message-new', 'event-told-error', 'object-SendAnywhere']


@pytest.fixture(scope='module')
def chromium():
    reason = Chromium.unavailable_reason()
    if reason:
        skip_or_fail(reason)
    browser = Chromium()
    try:
        yield browser.start()
    finally:
        browser.stop()


@pytest.fixture
def open_page(server_on_sqlite, chromium, bridge):  # which installs axe
    """Opens the page of a server in a window of some width and colour scheme, at an anchor; waits until it is there."""
    def opened(width='wide', scheme='light', anchor=''):
        window = chromium.open('about:blank')
        size = dict(zip(('width', 'height'), WIDTHS[width], strict=True))
        for command, parameters in (
                ('Emulation.setDeviceMetricsOverride', {**size, 'deviceScaleFactor': 1, 'mobile': False}),
                ('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': scheme}]})):
            window.ask('POST', '/goog/cdp/execute', {'cmd': command, 'params': parameters})
        window.ask('POST', '/url', {'url': f'{server_on_sqlite.url}/api/docs#{anchor}'})
        wait_until(lambda: window.run('document.querySelectorAll("main details").length') > 100, 20, 'the page is there')
        return window

    return opened


def shown(window):
    """The names that are to be seen, of what can be opened."""
    return window.run('[...document.querySelectorAll("main details")].filter(one => one.offsetParent)'
                      '.map(one => one.querySelector(".name").textContent)')


def press(window, *keys):
    actions = [{'type': kind, 'value': key} for key in keys for kind in ('keyDown', 'keyUp')]
    window.ask('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keyboard', 'actions': actions}]})


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', WIDTHS)
def test_the_page_fits_and_axe_finds_nothing(open_page, width, scheme):
    window = open_page(width, scheme)
    for part in PARTS:
        window.run('document.getElementById(args[0]).open = true', part)
    window.run('document.getElementById("groups").open = true')
    wait_until(lambda: window.run('document.querySelectorAll("main .body").length') == len(PARTS), 10, 'the parts are open')
    assert window.run('document.documentElement.scrollWidth') <= WIDTHS[width][0]
    window.ask('POST', '/execute/sync', {'script': AXE.read_text(), 'args': []})
    found = window.run('axe.run()')
    assert [(one['id'], one['nodes'][0]['html']) for one in found['violations']] == []


def test_every_route_and_event_is_on_the_page_and_can_be_opened(open_page):
    window = open_page()
    names = shown(window)
    assert {route.path for route in declared.routes().values()} <= set(names)
    assert {operation['title'] for operation in declared.asyncapi_document()['operations'].values()} <= set(names)
    assert set(declared.openapi_document()['components']['schemas']) <= set(names)
    window.run('document.querySelectorAll("main details").forEach(one => { one.open = true; })')
    wait_until(lambda: window.run('document.querySelectorAll("main .body").length') == len(names), 20, 'all is open')
    assert window.run('[...document.querySelectorAll("main .body")].filter(one => !one.textContent.trim()).length') == 0
    links = window.run('[...document.querySelectorAll("main a")].map(one => one.getAttribute("href").slice(1))'
                       '.filter(id => !document.getElementById(id))')
    assert links == []


def test_an_address_with_an_anchor_opens_what_it_names_with_its_examples(open_page):
    window = open_page(anchor='event-standard-sent-send_message')
    wait_until(lambda: window.run('document.querySelector("main details[open] .body")?.textContent'), 10, 'it is open')
    text = window.run('document.querySelector("main details[open]").textContent')
    assert 'emitWithAck("send_message"' in text and 'Hi Ann 👋' in text and '"ok": true' in text
    window.run('void (location.hash = "#put-api-rooms-roomid-messages-messageid-reactions-emoji")')
    wait_until(lambda: 'curl -X PUT' in window.run('document.activeElement.parentElement.textContent'), 10, 'the other is open')


def test_it_is_searched_and_used_by_the_keyboard(open_page):
    window = open_page()
    press(window, '/')
    assert window.run('document.activeElement.id') == 'search'
    press(window, *'typing')
    assert shown(window) == ['typing', 'typing', 'Typing', 'TypingEvent']
    assert window.run('document.querySelector("#found").textContent').startswith('4 of ')
    window.run('document.querySelector("main details:not([hidden]) summary").focus()')
    press(window, ENTER)
    wait_until(lambda: 'isTyping' in window.run('document.querySelector("main details[open]").textContent'), 10, 'it is open')
    assert window.run('getComputedStyle(document.activeElement).outlineStyle') == 'solid'


def test_it_is_searched_for_the_code_of_an_error(open_page):
    window = open_page()
    press(window, '/', *'unsupported_media_type')
    assert '/api/uploads' in shown(window)


def test_a_search_is_narrowed_to_a_dialect(open_page):
    window = open_page()
    window.run('{ const one = document.querySelector("#dialect"); one.value = "chat-io"; one.dispatchEvent(new Event("input")); }')
    names = shown(window)
    assert 'send-message' in names and 'error' in names and 'send_message' not in names
