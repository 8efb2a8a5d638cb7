"""The page of the references in a real browser: all is there, found and reached, in both widths and schemes."""
import re

import pytest
from playwright.sync_api import expect

from tests.support import declared
from tests.support.browser import until
from tests.support.node import FOLDER

AXE = FOLDER / 'node_modules' / 'axe-core' / 'axe.min.js'
WIDTHS = {'narrow': (390, 844), 'wide': (1280, 900)}
PARTS = ['post-api-messages-send-receiverid', 'get-api-uploads-uploadid', 'event-standard-sent-send_message',
         'event-realtime-chat-told-message-new', 'event-told-error', 'object-SendAnywhere']


@pytest.fixture
def open_page(server_on_sqlite, browser, bridge):  # which installs axe
    """Opens the page of a server in a window of some width and colour scheme, at an anchor; waits until it is there."""
    windows = []

    def opened(width='wide', scheme='light', anchor=''):
        windows.append(browser.open(server_on_sqlite.url, size=WIDTHS[width], is_dark=scheme == 'dark', path=f'api/docs#{anchor}'))
        page = windows[-1].page
        until(page, '() => document.querySelectorAll("main details").length > 100')
        return page

    yield opened
    problems = [problem for window in windows for problem in window.problems]
    for window in windows:
        window.close()
    assert not problems, '\n'.join(problems)


def shown(page):
    """The names that are to be seen, of what can be opened."""
    return page.locator('main details').evaluate_all(
        'all => all.filter((one) => one.offsetParent).map((one) => one.querySelector(".name").textContent)')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', WIDTHS)
def test_the_page_fits_and_axe_finds_nothing(open_page, width, scheme):
    page = open_page(width, scheme)
    for part in [*PARTS, 'groups']:
        page.evaluate('id => { document.getElementById(id).open = true; }', part)
    expect(page.locator('main .body')).to_have_count(len(PARTS))
    assert page.evaluate('document.documentElement.scrollWidth') <= WIDTHS[width][0]
    page.evaluate(AXE.read_text())
    found = page.evaluate('axe.run()')
    assert [(one['id'], one['nodes'][0]['html']) for one in found['violations']] == []


def test_every_route_and_event_is_on_the_page_and_can_be_opened(open_page):
    page = open_page()
    names = shown(page)
    assert {route.path for route in declared.routes().values()} <= set(names)
    assert {operation['title'] for operation in declared.asyncapi_document()['operations'].values()} <= set(names)
    assert set(declared.openapi_document()['components']['schemas']) <= set(names)
    page.locator('main details').evaluate_all('all => all.forEach((one) => { one.open = true; })')
    bodies = page.locator('main .body')
    expect(bodies).to_have_count(len(names))
    assert bodies.evaluate_all('all => all.filter((one) => !one.textContent.trim()).length') == 0
    links = page.locator('main a').evaluate_all(
        'all => all.map((one) => one.getAttribute("href").slice(1)).filter((id) => !document.getElementById(id))')
    assert links == []


def test_an_address_with_an_anchor_opens_what_it_names_with_its_examples(open_page):
    page = open_page(anchor='event-standard-sent-send_message')
    opened = page.locator('main details[open]').first
    for part in ('emitWithAck("send_message"', 'Hi Ann 👋', '"ok": true'):
        expect(opened).to_contain_text(part)
    page.evaluate('() => { location.hash = "#put-api-rooms-roomid-messages-messageid-reactions-emoji"; }')
    expect(page.locator('details', has=page.locator(':focus'))).to_contain_text('curl -X PUT')


def test_it_is_searched_and_used_by_the_keyboard(open_page):
    page = open_page()
    page.keyboard.press('/')
    expect(page.locator('#search')).to_be_focused()
    page.keyboard.type('typing')
    expect(page.locator('#found')).to_have_text(re.compile('^4 of '))
    assert shown(page) == ['typing', 'typing', 'Typing', 'TypingEvent']
    first = page.locator('main details:not([hidden]) summary').first
    first.focus()
    page.keyboard.press('Enter')
    expect(page.locator('main details[open]')).to_contain_text('isTyping')
    expect(first).to_have_css('outline-style', 'solid')


def test_it_is_searched_for_the_code_of_an_error(open_page):
    page = open_page()
    page.keyboard.type('/unsupported_media_type')
    expect(page.locator('main details', has=page.get_by_text('/api/uploads', exact=True)).first).to_be_visible()
    assert '/api/uploads' in shown(page)


def test_a_search_is_narrowed_to_a_dialect(open_page):
    page = open_page()
    page.locator('#dialect').select_option('chat-io')
    expect(page.locator('main details .name', has_text=re.compile('^send_message$'))).to_be_hidden()
    names = shown(page)
    assert 'send-message' in names and 'error' in names and 'send_message' not in names
