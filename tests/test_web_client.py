"""The web client, as people use it: each in a window of their own, on a real server."""
import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.conftest import skip_or_fail
from tests.support.browser import NARROW, WIDE
from tests.support.files import post_file
from tests.support.media import png, wav
from tests.support.node import FOLDER, NodeProcess, install
from tests.support.proxy import CuttingProxy
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once  # nothing here depends on the database

AXE = FOLDER / 'node_modules/axe-core/axe.min.js'
GONE = 'ERR_INTERNET_DISCONNECTED', 'WebSocket'  # what the console says of a line that is cut


@pytest.fixture
def ann(new_user):
    return new_user(displayName='Ann Lee')


@pytest.fixture
def bob(new_user):
    return new_user(displayName='Bob Okafor')


@pytest.fixture
def make_room(http):
    """Makes a private room: `make_room(admin, *members)`; returns it as the admin sees it."""
    def made(admin, *members, name=None):
        name = name or f'Room {uuid.uuid4().hex[:8]}'
        room = http.as_user(admin).post('/api/rooms', {'name': name, 'isPrivate': True}).json()['room']
        for member in members:
            assert http.as_user(member).post('/api/rooms/join', {'inviteCode': room['inviteCode']}).status_code == 200
        return room

    return made


def write(window, text):
    """Types a message and sends it."""
    box = window.page.get_by_role('textbox', name='Message')
    box.fill(text)
    box.press('Enter')


def message(window, text):
    """The message with that text."""
    return window.page.locator('article.message', has_text=text).first


def act(window, text, action):
    """Chooses an action from a message's menu, by the keyboard."""
    message(window, text).focus()
    window.page.keyboard.press('Enter')
    window.page.get_by_role('menuitem', name=action, exact=True).click()


def test_somebody_signs_up_and_finds_what_to_do_first(open_window):
    name = f'u{uuid.uuid4().hex[:10]}'
    page = open_window().page
    page.get_by_role('link', name='Create an account').click()
    page.get_by_label('Name', exact=True).fill('Ann Lee')
    page.get_by_label('Username').fill(name)
    page.get_by_label('Email').fill(f'{name}@example.com')
    page.get_by_label('Password').fill('secret-1')
    page.get_by_role('button', name='Create an account').click()
    expect(page.get_by_role('link', name='Find people')).to_be_visible()
    page.reload()
    expect(page.get_by_role('heading', name='Chats')).to_be_visible()


def test_a_wrong_password_is_said_in_words(open_window, ann):
    window = open_window()
    with window.expecting('401'):
        window.page.get_by_label('Username or email').fill(ann.username)
        window.page.get_by_label('Password').fill('wrong')
        window.page.get_by_role('button', name='Sign in').click()
        expect(window.page.get_by_role('alert')).not_to_be_empty()


def test_two_people_make_a_room_and_write_to_each_other(open_window, ann, bob):
    first, second = open_window(ann), open_window(bob)
    first.page.get_by_role('link', name='Rooms', exact=True).click()
    first.page.get_by_role('button', name='Make a room').click()
    dialog = first.page.get_by_role('dialog')
    dialog.get_by_label('Name of the room').fill('Tea at five')
    dialog.get_by_label('Private').check()
    dialog.get_by_role('button', name='Make a room').click()
    first.page.get_by_role('button', name='Details', exact=True).click()
    first.page.get_by_role('button', name='Invite people').click()
    link = first.page.get_by_label('Whoever has this link')
    expect(link).to_have_value(re.compile('#/join/.+'))
    second.page.goto(link.input_value())
    first.page.keyboard.press('Escape')
    expect(second.page.get_by_role('heading', name='Tea at five')).to_be_visible()

    write(first, 'Who brings the cake?')
    expect(message(second, 'Who brings the cake?')).to_be_visible()
    write(second, 'I do! https://example.com/cake.')
    expect(message(first, 'I do!').get_by_role('link')).to_have_attribute('href', 'https://example.com/cake')
    expect(message(first, 'Who brings').get_by_role('button', name='Read by 1 person')).to_be_attached()


def test_a_message_is_edited_answered_reacted_to_and_deleted(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    write(first, 'Tea at fve')
    expect(message(second, 'Tea at fve')).to_be_visible()
    expect(message(first, 'Tea at fve').get_by_role('button', name=re.compile('Sent|Read|Delivered'))).to_be_attached()

    first.page.get_by_role('textbox', name='Message').press('ArrowUp')
    write(first, 'Tea at five')
    expect(message(second, 'Tea at five')).to_contain_text('edited')

    act(second, 'Tea at five', 'React with 👍')
    expect(message(first, 'Tea at five').get_by_role('button', name='👍 1 from Bob Okafor')).to_be_attached()
    act(second, 'Tea at five', 'Reply')
    write(second, 'Gladly')
    expect(message(first, 'Gladly').locator('.quote')).to_contain_text('Tea at five')

    act(first, 'Tea at five', 'Delete')
    first.page.get_by_role('dialog').get_by_role('button', name='Delete').click()
    expect(message(second, 'Message deleted')).to_be_visible()


def test_the_first_message_to_somebody_begins_the_conversation(open_window, ann, bob):
    window, other = open_window(ann), open_window(bob)
    window.page.get_by_role('link', name='People', exact=True).click()
    window.page.get_by_role('searchbox').fill(bob.username)
    window.page.get_by_role('main').get_by_role('link', name=bob.username).click()
    write(window, 'Hello Bob')
    expect(window.page).to_have_url(re.compile(r'#/rooms/\d+$'))
    expect(other.page.get_by_role('navigation').get_by_role('link', name='Ann Lee')).to_contain_text('1 unread message')
    other.page.get_by_role('navigation').get_by_role('link', name='Ann Lee').click()
    expect(message(other, 'Hello Bob')).to_be_visible()
    expect(other.page.get_by_text('New messages', exact=True)).to_be_visible()
    expect(other.page.get_by_role('button', name=re.compile('^To the newest message'))).to_be_hidden()
    expect(message(window, 'Hello Bob').get_by_role('button', name='Read')).to_be_attached()


def test_a_conversation_that_the_other_begins_meanwhile_is_shown_with_what_was_typed(open_window, http, ann, bob):
    window = open_window(ann, path=f'#/with/{bob.id}')
    window.page.get_by_role('textbox', name='Message').fill('half a')
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'I was first'})
    expect(message(window, 'I was first')).to_be_visible()
    expect(window.page.get_by_role('textbox', name='Message')).to_have_value('half a')


def test_files_are_uploaded_removed_and_sent(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    first.page.locator('message-box input[type=file]').set_input_files([
        {'name': 'picture.png', 'mimeType': 'image/png', 'buffer': png((400, 300))},
        {'name': 'notes.txt', 'mimeType': 'text/plain', 'buffer': b'notes'},
        {'name': 'wrong.txt', 'mimeType': 'text/plain', 'buffer': b'wrong'}])
    first.page.get_by_role('button', name='Remove wrong.txt').click()
    expect(first.page.locator('message-box progress:visible')).to_have_count(0)
    write(first, 'Look at these')
    sent = message(second, 'Look at these')
    expect(sent.get_by_role('link', name='notes.txt')).to_be_visible()
    expect(sent.locator('.file')).to_have_count(1)
    sent.get_by_role('button', name='Open picture picture.png').click()
    expect(second.page.get_by_role('dialog')).to_be_visible()


def test_what_is_written_without_a_line_is_sent_once_and_in_order_when_it_is_back(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    write(window, 'with a line')
    expect(message(window, 'with a line').get_by_role('button', name='Sent')).to_be_attached()
    texts = [f'without a line {number}' for number in range(3)]
    with window.expecting(*GONE):
        window.cut()
        expect(window.page.get_by_role('status').filter(has_text='What you write is sent')).to_be_visible()
        for text in texts:
            write(window, text)
        expect(message(window, texts[2])).to_contain_text('waiting to be sent')
        window.page.get_by_role('textbox', name='Message').fill('a draft')
        window.mend()
        expect(message(window, texts[2]).get_by_role('button', name='Sent')).to_be_attached()
    kept = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
    assert [one['content'] for one in kept] == ['with a line', *texts]
    window.page.reload()
    expect(window.page.get_by_role('textbox', name='Message')).to_have_value('a draft')


def test_what_was_missed_is_there_when_the_line_is_back(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    before = http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'before'}).json()['message']
    expect(message(window, 'before')).to_be_visible()
    with window.expecting(*GONE):
        window.cut()
        path = f'/api/rooms/{room["id"]}/messages'
        http.as_user(bob).post(path, {'content': 'missed'})
        http.as_user(bob).patch(f'{path}/{before["id"]}', {'content': 'before, changed'})
        expect(window.page.get_by_role('status').filter(has_text='What you write is sent')).to_be_visible()
        window.mend()
        expect(message(window, 'missed')).to_be_visible()
        expect(message(window, 'before, changed')).to_be_visible()


def test_a_long_history_is_loaded_while_one_scrolls_up(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    ids = [http.as_user(bob).post(path, {'content': f'number {number}'}).json()['message']['id'] for number in range(300)]
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/read', {'messageId': ids[-1]})
    page = open_window(ann, path=f'#/rooms/{room["id"]}').page
    expect(page.get_by_text('number 299', exact=True)).to_be_visible()
    scroller = page.locator('.scroller')
    wait_until(lambda: scroller.evaluate('one => { one.scrollTop = 0; return one.textContent.includes("number 0"); }'), 30, 'all pages are loaded')
    assert page.locator('article.message').count() < 80
    scroller.evaluate('one => { one.scrollTop = one.scrollHeight; }')
    expect(page.get_by_text('number 299', exact=True)).to_be_visible()


def test_ten_thousand_messages_scroll_with_only_what_is_seen_in_the_document(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    sent = http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'the newest'}).json()['message']
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    expect(message(window, 'the newest')).to_be_visible()
    taken = window.page.evaluate("""async (sent) => {
      const base = document.querySelector('script[type=module]').src.replace('app.js', '');
      const { store } = await import(`${base}store.js`);
      const old = (number) => ({ ...sent, id: number - 10000, content: `number ${number} ${'word '.repeat(number % 60)}`,
        createdAt: new Date(Date.now() - (10001 - number) * 60000).toISOString() });
      store.messages.extend(sent.roomId, Array.from({ length: 10000 }, (_, number) => old(number)), false);
      await new Promise((done) => setTimeout(done, 500));
      const list = document.querySelector('message-list'), times = [];
      for (let step = 0; step < 200; step += 1) {
        const begun = performance.now();
        list.scroller.scrollTop -= 400;
        list.scroller.dispatchEvent(new Event('scroll'));
        list.scroller.getBoundingClientRect();
        times.push(performance.now() - begun);
      }
      return { median: times.sort((a, b) => a - b)[100], items: list.items.length };
    }""", sent)
    assert taken['items'] > 10_000
    assert window.page.locator('article.message').count() < 80
    assert taken['median'] < 16, f'a step of scrolling took {taken["median"]} ms'


def test_on_a_small_screen_the_inbox_leads_to_a_conversation_and_back(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    page = open_window(ann, size=NARROW, is_touch=True).page
    page.get_by_role('link', name=room['name']).click()
    expect(page.get_by_role('textbox', name='Message')).to_be_visible()
    expect(page.get_by_role('heading', name='Chats')).to_be_hidden()
    page.get_by_role('link', name='Back to all chats').click()
    expect(page.get_by_role('heading', name='Chats')).to_be_visible()


def test_unread_messages_and_mentions_are_counted_shown_from_the_first_and_then_read(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    for number in range(70):
        http.as_user(bob).post(path, {'content': f'number {number}' if number else f'@{ann.username} number 0'})
    window = open_window(ann)
    row = window.page.get_by_role('navigation').get_by_role('link', name=room['name'])
    expect(row).to_contain_text('70 unread messages')
    expect(row).to_contain_text('1 mention of you')
    row.click()
    expect(window.page.get_by_text('New messages', exact=True)).to_be_in_viewport()
    expect(message(window, 'number 0')).to_be_in_viewport()
    newest = window.page.get_by_role('button', name=re.compile('To the newest message, .* unread'))
    newest.click()
    expect(message(window, 'number 69')).to_be_in_viewport()
    expect(newest).to_be_hidden()
    expect(row).not_to_contain_text('unread')


def test_a_name_is_completed_behind_an_at_sign(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    box = window.page.get_by_role('textbox', name='Message')
    box.press_sequentially('Hello @bob')
    expect(window.page.get_by_role('option', name='Bob Okafor')).to_have_attribute('aria-selected', 'true')
    box.press('Enter')
    expect(box).to_have_value(f'Hello @{bob.username} ')
    box.press('Enter')
    expect(message(window, 'Hello').locator('.mention')).to_have_text(f'@{bob.username}')


def test_a_search_leads_to_where_the_message_stands_and_back_to_the_newest(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    for number in range(220):
        last = http.as_user(bob).post(path, {'content': f'the walrus {number}' if number == 20 else f'number {number}'}).json()['message']
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/read', {'messageId': last['id']})
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    expect(message(window, 'number 219')).to_be_in_viewport()
    window.page.get_by_role('button', name='Search in this conversation').click()
    window.page.get_by_role('searchbox').fill('walr')
    window.page.get_by_role('link', name='the walrus').click()
    expect(message(window, 'the walrus 20')).to_be_in_viewport()
    assert message(window, 'number 219').count() == 0
    http.as_user(bob).post(path, {'content': 'just now'})
    window.page.get_by_role('button', name='To the newest message').click()
    expect(message(window, 'just now')).to_be_in_viewport()


def test_a_day_is_gone_to(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    for number in range(60):
        http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': f'number {number}'})
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    window.page.get_by_role('button', name='Details', exact=True).click()
    window.page.get_by_label('Go to a day').fill('2020-01-01')
    window.page.get_by_role('button', name='Go', exact=True).click()
    expect(message(window, 'number 0')).to_be_in_viewport()


def test_what_the_server_refuses_is_said_at_the_message_which_can_be_discarded(open_window, http, ann, bob):
    http.as_user(bob).put(f'/api/users/{ann.id}/block')
    window = open_window(ann, path=f'#/with/{bob.id}')
    write(window, 'Do you hear me?')
    failed = message(window, 'Do you hear me?')
    expect(failed).to_contain_text('not sent')
    failed.get_by_role('button', name='Discard').click()
    expect(failed).to_have_count(0)


def test_a_voice_message_is_recorded_and_arrives(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    first.page.get_by_role('button', name='Record a voice message').click()
    first.page.wait_for_timeout(1200)
    first.page.get_by_role('button', name='Send recording').click()
    expect(second.page.get_by_role('button', name='Play voice message')).to_be_visible()


def test_a_call_rings_is_answered_and_ends(open_window, http, ann, bob):
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'May I call?'})
    first, second = open_window(ann), open_window(bob)
    first.page.get_by_role('navigation').get_by_role('link', name='Bob Okafor').click()
    wait_until(lambda: first.page.evaluate('Boolean(customElements.get("chat-call"))'), 10, 'calls are loaded')
    wait_until(lambda: second.page.evaluate('Boolean(customElements.get("chat-call"))'), 10, 'calls are loaded')
    first.page.get_by_role('button', name='Video call').click()
    second.page.get_by_role('button', name='With camera').click()
    for window in first, second:
        wait_until(lambda page=window.page: page.evaluate('document.querySelector("chat-call video")?.videoWidth'), 20, 'there is a picture')
    first.page.get_by_role('button', name='End call').click()
    expect(second.page.get_by_text('The call has ended').first).to_be_visible()


def test_a_profile_and_a_password_are_changed_and_somebody_is_blocked(open_window, http, ann, bob):
    window = open_window(ann, path='#/settings')
    page = window.page
    page.get_by_label('Name', exact=True).fill('Ann Mary Lee')
    page.get_by_role('button', name='Save').click()
    expect(page.get_by_role('status').filter(has_text='Saved')).to_be_visible()
    assert http.as_user(bob).get(f'/api/users/{ann.id}').json()['displayName'] == 'Ann Mary Lee'
    page.locator('input[type=file]').set_input_files({'name': 'me.png', 'mimeType': 'image/png', 'buffer': png((80, 80))})
    expect(page.get_by_role('main').locator('.avatar img')).to_be_visible()
    with window.expecting('403'):
        page.get_by_label('Current password').last.fill('wrong')
        page.get_by_label('New password').fill('secret-2')
        page.get_by_role('button', name='Set new password').click()
        expect(page.get_by_role('alert').filter(has_text=re.compile('.+'))).to_be_visible()
    window.go('#/people')
    page.get_by_role('searchbox').fill(bob.username)
    expect(page.get_by_role('main').get_by_role('listitem')).to_have_count(1)
    page.get_by_role('button', name='More about Bob Okafor').click()
    page.get_by_role('menuitem', name='Block Bob Okafor').click()
    page.get_by_role('dialog').get_by_role('button', name='Block').click()
    expect(page.get_by_text('Bob Okafor is blocked')).to_be_visible()
    window.go('#/settings')
    expect(page.get_by_role('button', name='Unblock: Bob Okafor')).to_be_visible()


def test_signing_out_leaves_nothing_in_the_browser(open_window, ann):
    window = open_window(ann, path='#/settings')
    window.page.get_by_role('button', name='Sign out').click()
    window.page.get_by_role('dialog').get_by_role('button', name='Sign out').click()
    expect(window.page.get_by_role('heading', name='Sign in')).to_be_visible()
    assert window.page.evaluate('localStorage.length') == 0
    assert window.page.evaluate('indexedDB.databases()') == []


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
    """Every screen: its address, and what is clicked there."""
    conversation = f'#/rooms/{furnished["id"]}'
    return [('#/', None), (conversation, None), (conversation, 'Details'), (f'#/with/{bob.id}', None), ('#/people', None), ('#/rooms', None), ('#/rooms', 'room'),
            ('#/search', None), ('#/settings', None)]


@pytest.fixture
def axe():
    """What axe-core finds in a window's page as it is now: `axe(window)`."""
    if reason := NodeProcess.unavailable_reason():
        skip_or_fail(reason)
    install()
    script = AXE.read_text()

    def violations(window):
        window.page.evaluate(script)
        result = window.page.evaluate('axe.run(document, { resultTypes: ["violations"], rules: { "target-size": { enabled: true } } })')
        return [f'{one["id"]}: {node["html"][:300]}' for one in result['violations'] for node in one['nodes']]

    return violations


@pytest.mark.parametrize('is_dark', (False, True), ids=('light', 'dark'))
@pytest.mark.parametrize('size', (NARROW, WIDE), ids=('narrow', 'wide'))
def test_axe_finds_nothing_on_any_screen(open_window, axe, ann, screens, size, is_dark):
    found = []
    strangers = [open_window(size=size, is_dark=is_dark, path=path) for path in ('#/sign-in', '#/sign-up', '#/forgot', '#/reset/token')]
    for window in strangers:
        expect(window.page.locator('form')).to_be_visible()
        found += axe(window)
    window = open_window(ann, size=size, is_dark=is_dark)
    for path, name in screens:
        show(window, path, name)
        found += [f'{path} {name}: {violation}' for violation in axe(window)]
    assert not found, '\n'.join(found)


@pytest.mark.parametrize('is_dark', (False, True), ids=('light', 'dark'))
def test_axe_finds_nothing_in_menus_dialogs_and_what_waits(open_window, axe, ann, furnished, is_dark):
    window = open_window(ann, is_dark=is_dark, path=f'#/rooms/{furnished["id"]}')
    page, found = window.page, []
    write(window, 'Mine')
    expect(message(window, 'Mine').get_by_role('button', name='Sent')).to_be_attached()

    def look(name):
        page.wait_for_timeout(400)
        found.extend(f'{name}: {violation}' for violation in axe(window))

    message(window, 'Mine').focus()
    page.keyboard.press('Enter')
    look('menu')
    page.get_by_role('menuitem', name='Delete').click()
    look('confirmation')
    page.keyboard.press('Escape')
    expect(message(window, 'Mine')).to_be_focused()
    act(window, 'Mine', 'Who has read it')
    look('receipts')
    page.keyboard.press('Escape')
    page.get_by_role('button', name='Emoji').click()
    look('emoji')
    page.keyboard.press('Escape')
    page.get_by_role('textbox', name='Message').fill('Hello @')
    look('mentions')
    with window.expecting(*GONE):
        window.cut()
        expect(page.get_by_role('status').filter(has_text='What you write is sent')).to_be_visible()
        write(window, 'without a line')
        look('outbox')
        window.mend()
        expect(message(window, 'without a line').get_by_role('button', name='Sent')).to_be_attached()
    assert not found, '\n'.join(found)


def test_every_text_of_the_screens_is_there_in_german(open_window, ann, screens):
    window = open_window(ann, locale='de-DE')
    for path, name in screens:
        show(window, path, {'Details': 'Details', 'room': 'anlegen'}.get(name))
        text = window.page.locator('chat-app').inner_text() + ' '.join(window.page.locator('[aria-label]').evaluate_all('all => all.map((one) => one.ariaLabel)'))
        assert not re.search(r'\b(action|app|box|inbox|message|messages|room|rooms|people|settings|search|notify|account)\.[a-z]\w+', text), text
    assert window.page.locator('html').get_attribute('lang') == 'de'


def show(window, path, name):
    """Goes to a screen, and clicks on the button that has this in its name."""
    window.page.keyboard.press('Escape')
    window.go('#/')
    window.go(path)
    if name:
        window.page.get_by_role('main').get_by_role('button', name=name).last.click()
    window.page.wait_for_timeout(500)  # until what moves has moved


def test_without_a_line_the_page_opens_with_what_it_last_knew(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'known before'})
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    expect(message(window, 'known before')).to_be_visible()
    window.page.evaluate('navigator.serviceWorker.ready.then(() => true)')
    wait_until(lambda: window.page.evaluate('Boolean(navigator.serviceWorker.controller)'), 10, 'the service worker has the page')
    window.page.wait_for_timeout(1000)  # until it is written down
    with window.expecting(*GONE, 'ERR_FAILED', 'Failed to load resource'):
        window.cut()
        window.page.reload()
        expect(message(window, 'known before')).to_be_visible()
        write(window, 'written without a line')
        window.page.reload()
        expect(message(window, 'written without a line')).to_contain_text('waiting to be sent')
        window.mend()
        expect(message(window, 'written without a line').get_by_role('button', name='Sent')).to_be_attached()
    sent = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
    assert [one['content'] for one in sent] == ['known before', 'written without a line']


def test_who_types_is_shown_to_the_others(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    expect(second.page.get_by_role('heading', name=room['name'])).to_be_visible()
    first.page.get_by_role('textbox', name='Message').press_sequentially('Hel')
    expect(second.page.get_by_text('Ann Lee is typing …')).to_be_visible()
    write(first, 'Hello')
    expect(second.page.get_by_text('Ann Lee is typing …')).to_be_hidden()


def test_a_room_is_renamed_its_members_promoted_and_removed(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    page = first.page
    page.get_by_role('button', name='Details', exact=True).click()
    page.get_by_role('button', name='Rename the room').click()
    page.get_by_role('dialog').get_by_label('Name of the room').fill('Tea at six')
    page.get_by_role('dialog').get_by_role('button', name='Save').click()
    expect(second.page.get_by_role('heading', name='Tea at six')).to_be_visible()
    page.get_by_role('button', name='More about Bob Okafor').click()
    page.get_by_role('menuitem', name='Make admin').click()
    expect(page.get_by_role('complementary').get_by_role('listitem').filter(has_text='Bob Okafor')).to_contain_text('Admin')
    page.get_by_label('Pin to the top').check()
    expect(page.get_by_role('navigation').get_by_role('link', name='Tea at six')).to_contain_text('pinned')
    page.get_by_role('button', name='More about Bob Okafor').click()
    page.get_by_role('menuitem', name='Remove from the room').click()
    page.get_by_role('dialog').get_by_role('button', name='Remove').click()
    expect(second.page.get_by_role('navigation').get_by_role('link', name='Tea at six')).to_have_count(0)


def test_an_emoji_is_picked_and_pictures_are_pasted(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    window.page.get_by_role('button', name='Emoji').click()
    window.page.get_by_role('searchbox').fill('party')
    window.page.locator('emoji-picker .emoji-grid button').first.click()
    box = window.page.get_by_role('textbox', name='Message')
    expect(box).to_be_focused()
    expect(box).not_to_have_value('')
    window.page.evaluate('''() => {
      const data = new DataTransfer();
      data.items.add(new File(['text'], 'pasted.txt', { type: 'text/plain' }));
      document.querySelector('message-box textarea').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }''')
    expect(window.page.get_by_role('button', name='Remove pasted.txt')).to_be_visible()


def test_the_inbox_is_painted_at_once_from_a_cold_cache(open_window, http, ann, bob, make_room):
    for _ in range(20):
        make_room(ann, bob)
    window = open_window(ann, size=NARROW, path=None)
    session = window.context.new_cdp_session(window.page)
    session.send('Network.enable')
    session.send('Network.emulateNetworkConditions', {'offline': False, 'latency': 20, 'downloadThroughput': 10_000_000 / 8, 'uploadThroughput': 5_000_000 / 8})
    sizes = []
    session.on('Network.loadingFinished', lambda event: sizes.append(event['encodedDataLength']))
    window.page.goto(window.url)
    expect(window.page.locator('.rows a.row')).to_have_count(21)
    assert sum(sizes) <= 150 * 1024, f'{sum(sizes)} bytes in {len(sizes)} answers'


def test_a_sign_in_goes_on_when_its_token_ends(browser, start_server, open_http):
    server = start_server(env={'JWT_EXPIRES_IN': '4s'})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    windows = [browser.open(server.url, account) for account in (ann, bob)]
    try:
        windows[0].page.wait_for_timeout(9000)
        windows[0].go(f'#/with/{bob.id}')
        write(windows[0], 'still here')
        windows[1].page.get_by_role('navigation').get_by_role('link', name=ann.username).click()
        expect(message(windows[1], 'still here')).to_be_visible()
        windows[0].page.reload()
        expect(message(windows[0], 'still here')).to_be_visible()
        assert [window.problems for window in windows] == [[], []]
    finally:
        for window in windows:
            window.close()


def test_a_line_that_swallows_everything_is_given_up_and_the_message_sent_once_on_another(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    write(window, 'first')
    expect(message(window, 'first').get_by_role('button', name='Sent')).to_be_attached()
    window.page.evaluate("""() => {
      const { send } = WebSocket.prototype;
      WebSocket.prototype.send = () => {};
      setTimeout(() => { WebSocket.prototype.send = send; }, 3000);
    }""")
    write(window, 'into the void')
    expect(message(window, 'into the void').get_by_role('button', name='Sent')).to_be_attached(timeout=20_000)
    kept = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
    assert [one['content'] for one in kept] == ['first', 'into the void']


def test_a_message_whose_acknowledgement_was_lost_is_there_once(browser, watched_server, http, ann, bob, make_room):
    room = make_room(ann, bob)
    proxy = CuttingProxy(watched_server.port)
    window = browser.open(proxy.url, ann, path=f'#/rooms/{room["id"]}')
    try:
        write(window, 'first')
        expect(message(window, 'first').get_by_role('button', name='Sent')).to_be_attached()
        proxy.cut_in(b'acknowledged to nobody')
        write(window, 'acknowledged to nobody')
        expect(message(window, 'acknowledged to nobody').get_by_role('button', name='Sent')).to_be_attached(timeout=20_000)
        expect(window.page.locator('article.message', has_text='acknowledged to nobody')).to_have_count(1)
        kept = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
        assert [one['content'] for one in kept] == ['first', 'acknowledged to nobody']
    finally:
        window.close()
        proxy.close()


def sign_in(page, account):
    """Fills in the form for that and sends it."""
    page.get_by_label('Username or email').fill(account.username)
    page.get_by_label('Password').fill(account.password)
    page.get_by_role('button', name='Sign in').click()


def test_signing_in_in_one_tab_does_so_in_the_others_and_as_somebody_else_ends_the_first(open_window, ann, bob, make_room):
    make_room(ann, name='Of Ann only')
    window = open_window()
    other = window.context.new_page()
    other.goto(window.url)
    sign_in(window.page, ann)
    for page in window.page, other:
        expect(page.get_by_role('link', name='Of Ann only')).to_be_visible()
    other.evaluate('session => localStorage.setItem("chat.session", JSON.stringify(session))',
                   {'token': bob.token, 'refreshToken': bob.refresh_token, 'user': bob.user})
    expect(window.page.get_by_role('link', name='Settings of Bob Okafor')).to_be_visible()
    expect(window.page.get_by_role('link', name='Of Ann only')).to_have_count(0)


def test_who_comes_by_a_link_to_a_room_is_in_it_after_signing_up(open_window, ann, make_room):
    room = make_room(ann, name='Tea at five')
    page = open_window(path=f'#/join/{room["inviteCode"]}').page
    page.get_by_role('link', name='Create an account').click()
    page.get_by_label('Name', exact=True).fill('Cem')
    page.get_by_label('Email').fill(f'{uuid.uuid4().hex}@example.com')
    page.get_by_label('Password').fill('secret-1')
    page.get_by_role('button', name='Create an account').click()
    expect(page.get_by_role('heading', name='Tea at five')).to_be_visible()


@pytest.mark.parametrize('name', ('indexedDB', 'localStorage'))
def test_a_browser_that_keeps_nothing_can_be_used(open_window, ann, name):
    window = open_window(path=None)
    window.context.add_init_script(f'Object.defineProperty(window, "{name}", {{ get() {{ throw new DOMException("no", "SecurityError"); }} }});')
    with window.expecting('404'):
        window.page.goto(f'{window.url}/#/join/%')  # no room has this code, and no escape is like that
        sign_in(window.page, ann)
        expect(window.page.get_by_text('There is no room with this invite code')).to_be_visible()
    window.go('#/settings')
    window.page.get_by_role('button', name='Sign out').click()
    window.page.get_by_role('dialog').get_by_role('button', name='Sign out').click()
    expect(window.page.get_by_role('heading', name='Sign in')).to_be_visible()


def test_who_is_removed_from_the_room_that_is_open_is_told_and_led_to_the_inbox(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(bob, path=f'#/rooms/{room["id"]}')
    expect(window.page.get_by_role('textbox', name='Message')).to_be_visible()
    assert http.as_user(ann).delete(f'/api/rooms/{room["id"]}/members/{bob.id}').status_code == 204
    expect(window.page.get_by_text('You are no longer in this room.')).to_be_visible()
    expect(window.page.get_by_role('textbox', name='Message')).to_have_count(0)


@pytest.mark.parametrize('action', ('', 'Delete'), ids=('menu', 'dialog'))
def test_the_focus_comes_back_to_a_message_that_has_changed_meanwhile(open_window, http, ann, bob, make_room, action):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    said = http.as_user(ann).post(path, {'content': 'Tea at five'}).json()['message']
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    message(window, 'Tea at five').focus()
    window.page.keyboard.press('Enter')
    if action:
        window.page.get_by_role('menuitem', name=action).click()
        expect(window.page.get_by_role('dialog')).to_be_visible()
    http.as_user(bob).put(f'{path}/{said["id"]}/reactions/👍')
    expect(message(window, 'Tea at five').locator('.reaction')).to_be_attached()
    window.page.keyboard.press('Escape')
    expect(message(window, 'Tea at five')).to_be_focused()
