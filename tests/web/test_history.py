"""The past of a conversation in the web client: scrolled, searched, gone to."""
import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.web.walks import message

pytestmark = pytest.mark.once  # nothing here depends on the database


def test_a_long_history_is_loaded_while_one_scrolls_up(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    ids = [http.as_user(bob).post(path, {'content': f'number {number}'}).json()['message']['id'] for number in range(300)]
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/read', {'messageId': ids[-1]})
    page = open_window(ann, path=f'#/rooms/{room["id"]}').page
    expect(page.get_by_text('number 299', exact=True)).to_be_visible()
    scroller = page.locator('.scroller')
    until(page, """() => {
      const scroller = document.querySelector('.scroller');
      scroller.scrollTop = 0;
      return scroller.textContent.includes('number 0');
    }""")
    assert page.locator('article.message').count() < 80
    scroller.evaluate('one => { one.scrollTop = one.scrollHeight; }')
    expect(page.get_by_text('number 299', exact=True)).to_be_visible()


def test_ten_thousand_messages_scroll_with_only_what_is_seen_in_the_document(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    sent = http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'the newest'}).json()['message']
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    expect(message(window, 'the newest')).to_be_visible()
    window.page.evaluate("""async (sent) => {
      const base = document.querySelector('script[type=module]').src.replace('app.js', '');
      const { store } = await import(`${base}store.js`);
      const old = (number) => ({ ...sent, id: number - 10000, content: `number ${number} ${'word '.repeat(number % 60)}`,
        createdAt: new Date(Date.now() - (10001 - number) * 60000).toISOString() });
      store.messages.extend(sent.roomId, Array.from({ length: 10000 }, (_, number) => old(number)), false);
    }""", sent)
    until(window.page, '() => document.querySelector("message-list").items.length > 10000')
    seen = window.page.evaluate("""() => {
      const { scroller } = document.querySelector('message-list'), counts = [], firsts = new Set();
      for (let step = 0; step < 200; step += 1) {
        scroller.scrollTop -= 400;
        scroller.dispatchEvent(new Event('scroll'));
        const messages = scroller.querySelectorAll('article.message');
        counts.push(messages.length);
        firsts.add(messages[0].dataset.key);
      }
      return { most: Math.max(...counts), least: Math.min(...counts), firsts: firsts.size };
    }""")
    assert 5 < seen['least'] and seen['most'] < 80 and seen['firsts'] > 100


def test_a_search_leads_to_where_the_message_stands_and_back_to_the_newest(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    path = f'/api/rooms/{room["id"]}/messages'
    for number in range(220):
        last = http.as_user(bob).post(path, {'content': f'the walrus {number}' if number == 20 else f'number {number}.'}).json()['message']
    http.as_user(ann).post(f'/api/rooms/{room["id"]}/read', {'messageId': last['id']})
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    expect(message(window, 'number 219.')).to_be_in_viewport()
    window.page.get_by_role('button', name='Search in this conversation').click()
    window.page.get_by_role('searchbox').fill('walr')
    window.page.get_by_role('link', name='the walrus').click()
    expect(message(window, 'the walrus 20')).to_be_in_viewport()
    expect(message(window, 'number 219.')).to_have_count(0)
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
