"""The web client, as people use it: each in a window of their own, on a real server."""
import re
import uuid

import pytest
from playwright.sync_api import expect

from tests.support.browser import NARROW
from tests.support.media import png
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once  # nothing here depends on the database

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
    expect(message(window, 'Hello Bob').get_by_role('button', name='Read')).to_be_attached()


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


def test_ten_thousand_messages_scroll_with_only_what_is_seen_in_the_document(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    ids = [http.as_user(bob).post(path, {'content': f'number {number}'}).json()['message']['id'] for number in range(400)]
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/read', {'messageId': ids[-1]})
    page = open_window(ann, path=f'#/rooms/{room["id"]}').page
    expect(page.get_by_text('number 399', exact=True)).to_be_visible()
    scroller = page.locator('.scroller')
    wait_until(lambda: scroller.evaluate('one => { one.scrollTop = 0; return one.textContent.includes("number 0"); }'), 30, 'all pages are loaded')
    assert page.locator('article.message').count() < 80
    scroller.evaluate('one => { one.scrollTop = one.scrollHeight; }')
    expect(page.get_by_text('number 399', exact=True)).to_be_visible()


def test_on_a_small_screen_the_inbox_leads_to_a_conversation_and_back(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    page = open_window(ann, size=NARROW, is_touch=True).page
    page.get_by_role('link', name=room['name']).click()
    expect(page.get_by_role('textbox', name='Message')).to_be_visible()
    expect(page.get_by_role('heading', name='Chats')).to_be_hidden()
    page.get_by_role('link', name='Back to all chats').click()
    expect(page.get_by_role('heading', name='Chats')).to_be_visible()
