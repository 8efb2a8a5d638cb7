"""Every screen of the web client: what axe finds, and its texts."""
import re

import pytest
from playwright.sync_api import expect

from tests.conftest import skip_or_fail
from tests.support.browser import NARROW, WIDE
from tests.support.files import post_file
from tests.support.media import png, wav
from tests.support.node import FOLDER, NodeProcess, install
from tests.web.walks import GONE, act, cut, message, receipt, write

pytestmark = pytest.mark.once  # nothing here depends on the database

AXE = FOLDER / 'node_modules/axe-core/axe.min.js'
LIST = '.paged :is(li, .foot > *)'  # a list of the server's has come, though it may be empty


@pytest.fixture
def furnished(http, ann, bob, make_room):
    """A room with a message of every sort, as ann and bob have it."""
    room = make_room(ann, bob, name='A room with a name that is far too long to be shown on one line of any screen')
    path = f'/api/rooms/{room["id"]}/messages'
    said = http.as_user(bob).post(path, {'content': f'Hello @{ann.username}, see https://example.com/'}).json()['message']
    http.as_user(ann).post(path, {'content': 'مرحبا', 'replyToId': said['id']})
    http.as_user(ann).put(f'{path}/{said["id"]}/reactions/👍')
    post_file(http.as_user(bob), path, (png(), 'picture.png'), (b'notes', 'notes.txt'), content='Files')
    post_file(http.as_user(ann), path, (wav(), 'voice.wav'), content='')
    deleted = http.as_user(bob).post(path, {'content': 'wrong'}).json()['message']
    http.as_user(bob).delete(f'{path}/{deleted["id"]}')
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': '🎉'})
    return room


@pytest.fixture
def screens(furnished, bob):
    """Every screen: its address, what is clicked there, and what is to be seen once all of it is there."""
    room = f'#/rooms/{furnished["id"]}'
    return [('#/', None, 'chat-inbox .row .name'), (room, None, 'article.deleted'), (room, '.details-button', 'room-details .people li'),
            (f'#/with/{bob.id}', None, 'article.only-emoji'), ('#/people', None, f'chat-people {LIST}'), ('#/rooms', None, f'chat-rooms {LIST}'),
            ('#/rooms', 'chat-rooms button.primary', 'dialog form'), ('#/search', None, 'chat-search input'), ('#/settings', None, f'chat-settings {LIST}')]


@pytest.fixture
def axe():
    """What axe-core finds in a window's page as it is now: `axe(window)`."""
    if reason := NodeProcess.unavailable_reason():
        skip_or_fail(reason)
    install()
    script = AXE.read_text()

    def violations(window):
        window.settle()
        if not window.page.evaluate('"axe" in window'):
            window.page.evaluate(script)
        result = window.page.evaluate('axe.run(document, { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } })')
        return [f'{one["id"]}: {node["html"][:300]}' for one in result['violations'] for node in one['nodes']]

    return violations


def show(window, path, opener, sign):
    """Goes to a screen, from the inbox, and waits until it is there."""
    window.page.keyboard.press('Escape')
    window.go('#/')
    expect(window.page.locator('chat-app')).to_have_attribute('data-page', 'inbox')
    window.go(path)
    if opener:
        window.page.locator(opener).first.click()
    expect(window.page.locator(sign).first).to_be_visible()


@pytest.mark.parametrize('is_dark', (False, True), ids=('light', 'dark'))
@pytest.mark.parametrize('size', (NARROW, WIDE), ids=('narrow', 'wide'))
def test_axe_finds_nothing_on_any_screen(open_window, axe, ann, screens, size, is_dark):
    found = []
    stranger = open_window(size=size, is_dark=is_dark)
    for path, field in (('#/sign-in', 'name'), ('#/sign-up', 'displayName'), ('#/forgot', 'email'), ('#/reset/token', 'password')):
        stranger.go(path)
        expect(stranger.page.locator(f'form [name={field}]')).to_be_visible()
        found += [f'{path}: {violation}' for violation in axe(stranger)]
    window = open_window(ann, size=size, is_dark=is_dark)
    for path, opener, sign in screens:
        show(window, path, opener, sign)
        found += [f'{path} {opener}: {violation}' for violation in axe(window)]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize('is_dark', (False, True), ids=('light', 'dark'))
def test_axe_finds_nothing_in_menus_dialogs_and_what_waits(open_window, axe, ann, furnished, is_dark):
    window = open_window(ann, is_dark=is_dark, path=f'#/rooms/{furnished["id"]}')
    page, found = window.page, []
    write(window, 'Mine')
    expect(receipt(window, 'Mine', 'Sent')).to_be_attached()

    def look(shown):
        expect(shown.first).to_be_visible()
        found.extend(f'{shown}: {violation}' for violation in axe(window))

    message(window, 'Mine').focus()
    page.keyboard.press('Enter')
    look(page.get_by_role('menu'))
    page.get_by_role('menuitem', name='Delete').click()
    look(page.get_by_role('dialog', name='Delete this message?'))
    page.keyboard.press('Escape')
    expect(message(window, 'Mine')).to_be_focused()
    act(window, 'Mine', 'Who has read it')
    look(page.get_by_role('dialog', name='Who has read it'))
    page.keyboard.press('Escape')
    page.get_by_role('button', name='Emoji').click()
    look(page.locator('.emoji-grid button'))
    page.keyboard.press('Escape')
    page.get_by_role('textbox', name='Message').fill('Hello @')
    look(page.get_by_role('option'))
    with window.expecting(*GONE):
        cut(window)
        write(window, 'without a line')
        look(message(window, 'without a line').filter(has_text='waiting to be sent'))
        window.mend()
        expect(receipt(window, 'without a line', 'Sent')).to_be_attached()
    assert not found, '\n'.join(found)


def test_every_text_of_the_screens_is_there_in_german(open_window, ann, screens):
    window = open_window(ann, locale='de-DE')
    for path, opener, sign in screens:
        show(window, path, opener, sign)
        text = window.page.locator('chat-app').inner_text() + ' '.join(window.page.locator('[aria-label]').evaluate_all('all => all.map((one) => one.ariaLabel)'))
        assert not re.search(r'\b(action|app|box|inbox|message|messages|room|rooms|people|settings|search|notify|account)\.[a-z]\w+', text), text
    assert window.page.locator('html').get_attribute('lang') == 'de'
