"""Bad lines, and none: nothing is lost, nothing is there twice, and what is known can be read."""
import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.proxy import CuttingProxy
from tests.web.walks import GONE, cut, message, receipt, write

pytestmark = pytest.mark.once  # nothing here depends on the database

WRITTEN_DOWN = """async ([userId, roomId]) => {
  const result = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: reject }));
  const database = await result(indexedDB.open(`chat-${userId}`)), transaction = database.transaction(['state', 'tails']);
  const [known, tail] = await Promise.all([transaction.objectStore('state').get('known'), transaction.objectStore('tails').get(roomId)].map(result));
  database.close();
  return Boolean(tail?.messages.length && known?.rooms.some((room) => room.id === roomId) && known.place !== null);
}"""  # that the browser has kept what a user's page knows of a room


def test_what_is_written_without_a_line_is_sent_once_and_in_order_when_it_is_back(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    write(window, 'with a line')
    expect(receipt(window, 'with a line', 'Sent')).to_be_attached()
    texts = [f'without a line {number}' for number in range(3)]
    with window.expecting(*GONE):
        cut(window)
        for text in texts:
            write(window, text)
        expect(message(window, texts[2])).to_contain_text('waiting to be sent')
        window.page.get_by_role('textbox', name='Message').fill('a draft')
        window.mend()
        expect(receipt(window, texts[2], 'Sent')).to_be_attached()
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
        cut(window)
        path = f'/api/rooms/{room["id"]}/messages'
        http.as_user(bob).post(path, {'content': 'missed'})
        http.as_user(bob).patch(f'{path}/{before["id"]}', {'content': 'before, changed'})
        window.mend()
        expect(message(window, 'missed')).to_be_visible()
        expect(message(window, 'before, changed')).to_be_visible()


def test_without_a_line_the_page_opens_with_what_it_last_knew(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    http.as_user(bob).post(f'/api/rooms/{room["id"]}/messages', {'content': 'known before'})
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    expect(message(window, 'known before')).to_be_visible()
    until(window.page, '() => Boolean(navigator.serviceWorker.controller)')
    until(window.page, WRITTEN_DOWN, [ann.id, room['id']])
    with window.expecting(*GONE, 'ERR_FAILED', 'Failed to load resource'):
        window.cut()
        window.page.reload()
        expect(message(window, 'known before')).to_be_visible()
        write(window, 'written without a line')
        window.page.reload()
        expect(message(window, 'written without a line')).to_contain_text('waiting to be sent')
        window.mend()
        expect(receipt(window, 'written without a line', 'Sent')).to_be_attached()
    sent = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
    assert [one['content'] for one in sent] == ['known before', 'written without a line']


def test_a_line_that_swallows_everything_is_given_up_and_the_message_sent_once_on_another(open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, path=f'#/rooms/{room["id"]}')
    write(window, 'first')
    expect(receipt(window, 'first', 'Sent')).to_be_attached()
    window.page.evaluate("""() => {
      const { send } = WebSocket.prototype;
      let dead = null;
      WebSocket.prototype.send = function (data) {
        dead ??= this;
        if (this !== dead) send.call(this, data);
      };
    }""")
    write(window, 'into the void')
    expect(receipt(window, 'into the void', 'Sent')).to_be_attached()
    kept = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
    assert [one['content'] for one in kept] == ['first', 'into the void']


@pytest.fixture
def proxy(watched_server):
    """A line to the server that can be cut."""
    line = CuttingProxy(watched_server.port)
    yield line
    line.close()


def test_a_message_whose_acknowledgement_was_lost_is_there_once(proxy, open_window, http, ann, bob, make_room):
    room = make_room(ann, bob)
    window = open_window(ann, server=proxy, path=f'#/rooms/{room["id"]}')
    write(window, 'first')
    expect(receipt(window, 'first', 'Sent')).to_be_attached()
    proxy.cut_in(b'acknowledged to nobody')
    write(window, 'acknowledged to nobody')
    expect(receipt(window, 'acknowledged to nobody', 'Sent')).to_be_attached()
    expect(window.page.locator('article.message', has_text='acknowledged to nobody')).to_have_count(1)
    kept = http.as_user(bob).get(f'/api/rooms/{room["id"]}/messages').json()['messages']
    assert [one['content'] for one in kept] == ['first', 'acknowledged to nobody']


def test_the_page_is_there_without_a_line(open_window, start_server):
    server = start_server()
    window = open_window(server=server)
    page = window.page
    until(page, '() => Boolean(navigator.serviceWorker.controller)')
    server.stop()
    page.goto('about:blank')
    with window.expecting('ERR_CONNECTION_REFUSED'):
        page.goto(f'{server.url}/#/rooms/1')
        expect(page.get_by_role('button', name='Sign in')).to_be_visible()
        assert page.evaluate('navigator.serviceWorker.controller !== null')
        assert page.evaluate("""async () => {
          await import(document.querySelector('script[type=module]').src.replace('app.js', 'calls.js'));
          return customElements.get('chat-call') !== undefined;
        }""")
