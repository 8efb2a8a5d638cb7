"""Pictures shown large in the web client."""
import pytest
from playwright.sync_api import expect

from tests.support.files import post_file
from tests.support.media import png
from tests.web.walks import message

pytestmark = pytest.mark.once  # nothing here depends on the database


def test_pictures_are_shown_one_at_a_time(open_page, new_user, upload):
    page, account = open_page('viewer'), new_user()
    pictures = [upload(account, png((size, size)), f'{size}.png') for size in (20, 30)]
    page.evaluate('''(pictures) => {
      document.body.append(document.createElement('picture-viewer'));
      document.querySelector('picture-viewer').show(pictures, 1);
    }''', [{'src': picture['url'], 'name': picture['filename'], 'width': picture['width'], 'height': picture['height']} for picture in pictures])
    dialog, shown = page.get_by_role('dialog'), page.locator('dialog img')
    expect(dialog).to_contain_text('30.png')
    expect(dialog).to_contain_text('2 of 2')
    expect(shown).to_have_js_property('naturalWidth', 30)
    page.keyboard.press('ArrowLeft')
    expect(shown).to_have_js_property('naturalWidth', 20)
    expect(dialog.get_by_role('link')).to_have_attribute('download', '20.png')
    dialog.get_by_role('button', name='Close').click()
    expect(dialog).to_be_hidden()


def test_pictures_of_a_message_are_walked_through_and_left_by_escape_to_where_one_was(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    answer = post_file(http.as_user(bob), f'/api/rooms/{room["id"]}/messages', (png((40, 30)), 'one.png'), (png((60, 30)), 'two.png'),
                       content='Two pictures')
    assert answer.status_code == 201, answer.text
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    page, opener = window.page, message(window, 'Two pictures').get_by_role('button', name='Open picture one.png')
    opener.focus()
    page.keyboard.press('Enter')
    dialog, shown = page.get_by_role('dialog', name='Pictures'), page.locator('dialog img')
    expect(shown).to_have_js_property('naturalWidth', 40)
    expect(dialog.get_by_role('button', name='Previous picture')).to_be_disabled()
    dialog.get_by_role('button', name='Next picture').click()
    expect(dialog).to_contain_text('2 of 2')
    expect(shown).to_have_js_property('naturalWidth', 60)
    expect(dialog.get_by_role('button', name='Next picture')).to_be_disabled()
    page.keyboard.press('Escape')
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
