"""Messages in the web client: written, answered, changed, and who has them."""
import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.waiting import wait_until
from tests.web.walks import act, conversation, message, receipt, write

pytestmark = pytest.mark.once  # nothing here depends on the database


def test_a_message_is_edited_answered_reacted_to_and_deleted(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    write(first, 'Tea at fve')
    expect(message(second, 'Tea at fve')).to_be_visible()
    expect(receipt(first, 'Tea at fve', re.compile('Sent|Read|Delivered'))).to_be_attached()

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
    expect(conversation(other, 'Ann Lee')).to_contain_text('1 unread message')
    conversation(other, 'Ann Lee').click()
    expect(message(other, 'Hello Bob')).to_be_visible()
    expect(other.page.get_by_text('New messages', exact=True)).to_be_visible()
    expect(other.page.get_by_role('button', name=re.compile('^To the newest message'))).to_be_hidden()
    expect(receipt(window, 'Hello Bob', 'Read')).to_be_attached()


def test_a_conversation_that_the_other_begins_meanwhile_is_shown_with_what_was_typed(open_window, http, ann, bob):
    window = open_window(ann, path=f'#/with/{bob.id}')
    window.page.get_by_role('textbox', name='Message').fill('half a')
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'I was first'})
    expect(message(window, 'I was first')).to_be_visible()
    expect(window.page.get_by_role('textbox', name='Message')).to_have_value('half a')


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


def test_what_the_server_refuses_is_said_at_the_message_which_can_be_discarded(open_window, http, ann, bob):
    http.as_user(bob).put(f'/api/users/{ann.id}/block')
    window = open_window(ann, path=f'#/with/{bob.id}')
    write(window, 'Do you hear me?')
    failed = message(window, 'Do you hear me?')
    expect(failed).to_contain_text('not sent')
    failed.get_by_role('button', name='Discard').click()
    expect(failed).to_have_count(0)


def test_who_types_is_shown_to_the_others(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    expect(second.page.get_by_role('heading', name=room['name'])).to_be_visible()
    first.page.get_by_role('textbox', name='Message').press_sequentially('Hel')
    expect(second.page.get_by_text('Ann Lee is typing …')).to_be_visible()
    write(first, 'Hello')
    expect(second.page.get_by_text('Ann Lee is typing …')).to_be_hidden()


@pytest.mark.parametrize(('changes_in', 'action'), (('menu', None), ('menu', 'Delete'), ('dialog', 'Delete')), ids=('menu', 'menu before a dialog', 'dialog'))
def test_the_focus_comes_back_to_a_message_that_has_changed_meanwhile(open_window, http, ann, bob, make_room, changes_in, action):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    said = http.as_user(ann).post(path, {'content': 'Tea at five'}).json()['message']
    window = open_window(ann, path=f'#/rooms/{room["id"]}')

    def change(place):
        if place == changes_in:
            http.as_user(bob).put(f'{path}/{said["id"]}/reactions/👍')
            expect(message(window, 'Tea at five').locator('.reaction')).to_be_attached()

    message(window, 'Tea at five').focus()
    window.page.keyboard.press('Enter')
    change('menu')
    if action:
        window.page.get_by_role('menuitem', name=action).click()
        expect(window.page.get_by_role('dialog')).to_be_visible()
        change('dialog')
    window.page.keyboard.press('Escape')
    expect(message(window, 'Tea at five')).to_be_focused()


def test_who_has_read_a_message_is_named_also_after_a_reload(open_window, http, new_user, ann, bob, make_room):
    cem = new_user(displayName='Cem Kaya')
    room = make_room(ann, bob, cem)
    path = f'/api/rooms/{room["id"]}/messages'
    said = http.as_user(ann).post(path, {'content': 'Tea at five'}).json()['message']
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    open_window(bob, path=f'#/rooms/{room["id"]}')
    open_window(cem, path='#/settings')
    expect(receipt(window, 'Tea at five', 'Read by 1 person')).to_be_attached()
    wait_until(lambda: len(http.as_user(ann).get(f'{path}/{said["id"]}/receipts').json()['receipts']) == 2, 30, 'both have it')
    for _ in range(2):
        act(window, 'Tea at five', 'Who has read it')
        dialog = window.page.get_by_role('dialog', name='Who has read it')
        expect(dialog.locator('h3', has_text=re.compile('^Read$')).locator('+ ul')).to_contain_text('Bob Okafor')
        expect(dialog.locator('h3', has_text=re.compile('^Delivered$')).locator('+ ul')).to_contain_text('Cem Kaya')
        expect(dialog.get_by_role('listitem')).to_have_count(2)
        window.page.keyboard.press('Escape')
        expect(dialog).to_have_count(0)
        window.page.reload()
        expect(message(window, 'Tea at five')).to_be_visible()


def test_what_is_told_while_the_history_is_on_its_way_is_shown(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    said = http.as_user(bob).post(path, {'content': 'Tea at fve'}).json()['message']
    window = open_window(ann, path=None)
    window.context.add_init_script(r"""(() => {
      const { fetch } = window;
      window.fetch = async (address, ...options) => {
        const answer = await fetch(address, ...options);
        if (/\/messages\?limit=50$/.test(address)) await new Promise((done) => { window.letGo = done; });
        return answer;
      };
    })()""")
    window.page.goto(f'{window.url}/#/rooms/{room["id"]}')
    until(window.page, '() => Boolean(window.letGo)')
    http.as_user(bob).patch(f'{path}/{said["id"]}', {'content': 'Tea at five'})
    http.as_user(bob).put(f'{path}/{said["id"]}/reactions/👍')
    http.as_user(bob).post(path, {'content': 'Who brings the cake?'})
    expect(conversation(window, room['name'])).to_contain_text('Who brings the cake?')
    window.page.evaluate('() => letGo()')
    expect(message(window, 'Who brings the cake?')).to_be_visible()
    expect(message(window, 'Tea at five').locator('.reaction')).to_be_visible()
