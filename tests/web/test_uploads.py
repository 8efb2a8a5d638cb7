"""Files in the web client: chosen, pasted, dropped, recorded."""
import re

import pytest
from playwright.sync_api import expect

from tests.support.media import png
from tests.web.walks import message, write

pytestmark = pytest.mark.once  # nothing here depends on the database


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


def test_files_are_dropped_on_a_conversation_and_sent(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    place = first.page.locator('chat-conversation')
    expect(first.page.get_by_role('textbox', name='Message')).to_be_visible()
    files = first.page.evaluate_handle("""() => {
      const data = new DataTransfer();
      for (const name of ['one.txt', 'two.txt']) data.items.add(new File([name], name, { type: 'text/plain' }));
      return data;
    }""")
    place.dispatch_event('dragover', {'dataTransfer': files})
    expect(place).to_have_attribute('data-drop', 'Drop files here')
    place.dispatch_event('dragleave')
    expect(place).not_to_have_attribute('data-drop', re.compile('.*'))
    place.dispatch_event('dragover', {'dataTransfer': files})
    place.dispatch_event('drop', {'dataTransfer': files})
    expect(place).not_to_have_attribute('data-drop', re.compile('.*'))
    expect(first.page.get_by_role('button', name='Remove two.txt')).to_be_visible()
    expect(first.page.locator('message-box progress:visible')).to_have_count(0)
    first.page.get_by_role('button', name='Send', exact=True).click()
    links = second.page.locator('article.message').get_by_role('link')
    expect(links).to_have_count(2)
    with second.page.expect_download() as download:
        links.first.click()
    assert download.value.suggested_filename == 'one.txt' and download.value.path().read_text() == 'one.txt'
