"""Rooms in the web client, and the inbox that has them all."""
import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import NARROW
from tests.web.walks import conversation, message, receipt, write

pytestmark = pytest.mark.once  # nothing here depends on the database


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
    expect(receipt(first, 'Who brings', 'Read by 1 person')).to_be_attached()


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
    expect(conversation(first, 'Tea at six')).to_contain_text('pinned')
    page.get_by_role('button', name='More about Bob Okafor').click()
    page.get_by_role('menuitem', name='Remove from the room').click()
    page.get_by_role('dialog').get_by_role('button', name='Remove').click()
    expect(conversation(second, 'Tea at six')).to_have_count(0)


def test_who_is_removed_from_the_room_that_is_open_is_told_and_led_to_the_inbox(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(bob, path=f'#/rooms/{room["id"]}')
    expect(window.page.get_by_role('textbox', name='Message')).to_be_visible()
    assert http.as_user(ann).delete(f'/api/rooms/{room["id"]}/members/{bob.id}').status_code == 204
    expect(window.page.get_by_text('You are no longer in this room.')).to_be_visible()
    expect(window.page.get_by_role('textbox', name='Message')).to_have_count(0)


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
    row = conversation(window, room['name'])
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


def test_a_pinned_room_comes_first_whatever_is_written_in_others(open_window, http, ann, bob, make_room):
    first, second = (make_room(ann, bob, name=name) for name in ('Tea at five', 'Cake at six'))

    def say(room):
        assert http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': f'in {room["name"]}'}).status_code == 201

    say(first)
    say(second)
    window = open_window(ann, path=f'#/rooms/{first["id"]}')
    names = window.page.get_by_role('navigation').locator('.row .name')
    expect(names).to_have_text(['Cake at six', 'Tea at five', 'Lobby'])
    window.page.get_by_role('button', name='Details', exact=True).click()
    window.page.get_by_label('Pin to the top').check()
    expect(names).to_have_text(['Tea at five', 'Cake at six', 'Lobby'])
    say(second)
    expect(conversation(window, 'Cake at six')).to_contain_text('2 unread messages')
    expect(names).to_have_text(['Tea at five', 'Cake at six', 'Lobby'])
    window.page.reload()
    expect(names).to_have_text(['Tea at five', 'Cake at six', 'Lobby'])
    window.page.get_by_role('button', name='Details', exact=True).click()
    window.page.get_by_label('Pin to the top').uncheck()
    expect(names).to_have_text(['Cake at six', 'Tea at five', 'Lobby'])
