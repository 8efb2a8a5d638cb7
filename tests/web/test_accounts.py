"""Accounts in the web client: signing up, in and out, profiles and passwords."""
import re
import subprocess
import sys
import uuid

import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.media import png
from tests.support.server import REPOSITORY
from tests.web.walks import conversation, message, sign_in, sign_out, write

pytestmark = pytest.mark.once  # nothing here depends on the database


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
    page.wait_for_url('**/#/')  # to which signing up leads, perhaps after the inbox is there
    page.reload()
    expect(page.get_by_role('heading', name='Chats')).to_be_visible()


def test_a_wrong_password_is_said_in_words(open_window, ann):
    window = open_window()
    with window.expecting('401'):
        sign_in(window.page, ann, 'wrong')
        expect(window.page.get_by_role('alert').filter(visible=True)).to_have_text('The name or the password is wrong')


def test_a_wrong_password_is_said_in_german_on_a_german_page(open_window, ann):
    window = open_window(locale='de-DE')
    with window.expecting('401'):
        window.page.get_by_label('Benutzername oder E-Mail').fill(ann.username)
        window.page.get_by_label('Passwort').fill('wrong')
        window.page.get_by_role('button', name='Anmelden').click()
        expect(window.page.get_by_text('Der Name oder das Passwort ist falsch')).to_be_visible()


@pytest.mark.one_process('without PUBLIC_URL the link names the process beside which it was made')
def test_a_link_that_the_host_prints_sets_a_new_password(open_window, watched_server, ann):
    done = subprocess.run([sys.executable, '-m', 'flask', 'user', 'reset', ann.username], cwd=REPOSITORY, env=watched_server.environment,
                          capture_output=True, text=True, timeout=60, check=True)
    window, link = open_window(path=None), done.stdout.strip()
    window.page.goto(link)
    window.page.get_by_label('Password').fill('battery staple')
    window.page.get_by_role('button', name='Set new password').click()
    expect(window.page.get_by_role('heading', name='Chats')).to_be_visible()
    sign_out(window)
    with window.expecting('401'):
        sign_in(window.page, ann)
        expect(window.page.get_by_role('alert').filter(visible=True)).not_to_be_empty()
    sign_in(window.page, ann, 'battery staple')
    expect(window.page.get_by_role('heading', name='Chats')).to_be_visible()
    sign_out(window)
    with window.expecting('403'):
        window.page.goto(link)
        window.page.get_by_label('Password').fill('once again')
        window.page.get_by_role('button', name='Set new password').click()
        expect(window.page.get_by_role('alert').filter(visible=True)).not_to_be_empty()


def test_who_comes_by_a_link_to_a_room_is_in_it_after_signing_up(open_window, ann, make_room):
    room = make_room(ann, name='Tea at five')
    page = open_window(path=f'#/join/{room["inviteCode"]}').page
    page.get_by_role('link', name='Create an account').click()
    page.get_by_label('Name', exact=True).fill('Cem')
    page.get_by_label('Email').fill(f'{uuid.uuid4().hex}@example.com')
    page.get_by_label('Password').fill('secret-1')
    page.get_by_role('button', name='Create an account').click()
    expect(page.get_by_role('heading', name='Tea at five')).to_be_visible()


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
    window = open_window(ann)
    sign_out(window)
    assert window.page.evaluate('localStorage.length') == 0
    until(window.page, 'async () => !(await indexedDB.databases()).length')


def test_a_sign_in_goes_on_when_its_token_ends(open_window, start_server, open_http):
    server = start_server(env={'JWT_EXPIRES_IN': '3s'})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    window, other, lines = open_window(ann, server=server, path=None), open_window(bob, server=server), []
    window.page.on('websocket', lambda line: lines.append(line))
    with window.expecting('401'), other.expecting('401'):  # for what was asked in the moment in which it ended
        with window.page.expect_websocket(lambda line: line is not lines[0] and lines[0].is_closed()):
            window.page.goto(window.url)
        window.go(f'#/with/{bob.id}')
        write(window, 'still here')
        conversation(other, ann.username).click()
        expect(message(other, 'still here')).to_be_visible()
        window.page.reload()
        expect(message(window, 'still here')).to_be_visible()


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


@pytest.mark.parametrize('name', ('indexedDB', 'localStorage'))
def test_a_browser_that_keeps_nothing_can_be_used(open_window, ann, name):
    window = open_window(path=None)
    window.context.add_init_script(f'Object.defineProperty(window, "{name}", {{ get() {{ throw new DOMException("no", "SecurityError"); }} }});')
    with window.expecting('404'):
        window.page.goto(f'{window.url}/#/join/%')  # no room has this code, and no escape is like that
        sign_in(window.page, ann)
        expect(window.page.get_by_text('There is no room with this invite code')).to_be_visible()
    sign_out(window)
