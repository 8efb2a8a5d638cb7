"""Calls in the web client, between windows of a real browser."""
import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.web.walks import conversation

pytestmark = [  # nothing here depends on the database
    pytest.mark.once, pytest.mark.one_process('a browser polls over connections that it keeps, which the balancer takes for one session each')]

FRAMES = 20
SHOWN = '() => document.querySelector(".call-other").getVideoPlaybackQuality().totalVideoFrames'
SEES = """(frames) => {
  const video = document.querySelector('.call-other'), { totalVideoFrames } = video.getVideoPlaybackQuality();
  return totalVideoFrames >= frames && video.videoWidth > 0 && getComputedStyle(video).opacity === '1';
}"""


@pytest.fixture
def open_phone(open_page, ann, bob):
    """Opens a page with nothing on it but calls, on which a user can be called."""
    def opened(account):
        page = open_page('calls')
        page.evaluate('''async ([token, names]) => {
          const { io } = await import(`${base}vendor/socket.io.esm.min.js`), socket = io('/call', { auth: { token } });
          await new Promise((resolve, reject) => socket.on('connect', resolve).on('connect_error', reject));
          window.call = document.createElement('chat-call');
          document.body.append(call);
          call.attach({ socket, iceServers: async () => [], nameOf: (id) => names[id] });
        }''', [account.token, {str(person.id): person.user['displayName'] for person in (ann, bob)}])
        return page

    return opened


def ring(page, account, video=False):
    page.evaluate('([id, video]) => { call.ring(id, { video }); }', [account.id, video])


def panel(page, state=None):
    """What is seen of a call, in that state."""
    return page.locator(f'chat-call section[data-state={state}]' if state else 'chat-call section')


def press(page, name):
    panel(page).get_by_role('button', name=name, exact=True).click()


def sees(page):
    """Waits until enough of the other's picture was shown, from now on."""
    until(page, SEES, page.evaluate(SHOWN) + FRAMES)


def in_a_call(open_phone, ann, bob, video=True):
    pages = [open_phone(account) for account in (ann, bob)]
    ring(pages[0], bob, video)
    press(pages[1], 'With camera' if video else 'Accept')
    for page in pages:
        expect(panel(page, 'active')).to_be_visible()
    return pages


def test_a_call_rings_is_answered_shows_what_is_switched_on_and_ends(open_window, http, ann, bob):
    http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'May I call?'})
    first, second = open_window(ann), open_window(bob)
    for window in first, second:
        until(window.page, '() => Boolean(customElements.get("chat-call"))')
    conversation(first, 'Bob Okafor').click()
    first.page.get_by_role('button', name='Video call').click()
    press(second.page, 'With camera')
    for window in first, second:
        sees(window.page)
    other = first.page.locator('.call-other')

    press(second.page, 'Microphone')
    expect(panel(first.page)).to_contain_text('microphone off')
    press(second.page, 'Microphone')
    expect(panel(first.page)).not_to_contain_text('microphone off')
    press(second.page, 'Camera')
    expect(other).to_have_css('opacity', '0')
    expect(second.page.locator('.call-own')).to_be_hidden()
    press(second.page, 'Camera')
    sees(first.page)
    press(second.page, 'Share screen')
    expect(other).to_contain_class('whole')
    press(second.page, 'Share screen')
    expect(other).not_to_contain_class('whole')
    sees(first.page)

    press(first.page, 'End call')
    expect(panel(second.page)).to_contain_text('The call has ended')
    expect(panel(first.page)).to_be_hidden()


def test_two_people_see_each_other_and_one_hangs_up(open_phone, ann, bob, http):
    pages = in_a_call(open_phone, ann, bob)
    for page, name in zip(pages, ('Bob Okafor', 'Ann Lee'), strict=True):
        expect(panel(page)).to_contain_text(name)
        sees(page)
    press(pages[1], 'End call')
    expect(panel(pages[1])).to_be_hidden()
    expect(panel(pages[0])).to_contain_text('The call has ended')
    assert http.as_user(ann).get('/api/calls').json()[0]['outcome'] == 'completed'


def test_a_call_of_sound_becomes_one_with_pictures(open_phone, ann, bob):
    first, second = in_a_call(open_phone, ann, bob, video=False)
    expect(first.locator('.call-other')).to_have_css('opacity', '0')
    expect(second.locator('.call-own')).to_be_hidden()
    press(second, 'Camera')
    sees(first)


def test_a_declined_call_says_so(open_phone, ann, bob):
    first, second = open_phone(ann), open_phone(bob)
    ring(first, bob)
    press(second, 'Decline')
    expect(panel(first)).to_contain_text('Bob Okafor declined')


def test_a_call_that_is_given_up_was_missed(open_phone, ann, bob):
    first, second = open_phone(ann), open_phone(bob)
    ring(first, bob)
    expect(panel(second, 'incoming')).to_be_visible()
    press(first, 'End call')
    expect(panel(second)).to_contain_text('Missed call from Ann Lee')
    press(second, 'Close')
    expect(panel(second)).to_be_hidden()


def test_the_other_devices_stop_ringing_when_one_answers(open_phone, ann, bob):
    first, second, tablet = (open_phone(account) for account in (ann, bob, bob))
    ring(first, bob)
    expect(panel(tablet, 'incoming')).to_be_visible()
    press(second, 'Accept')
    expect(panel(tablet)).to_contain_text('Answered on another device')
    expect(panel(first, 'active')).to_be_visible()


def test_two_who_call_each_other_at_once_are_in_one_call(open_phone, ann, bob):
    pages = open_phone(ann), open_phone(bob)
    at = pages[0].evaluate('Date.now() + 500')
    for page, other in zip(pages, (bob, ann), strict=True):
        page.evaluate('([id, at]) => { setTimeout(() => call.ring(id), at - Date.now()); }', [other.id, at])
    for page in pages:
        expect(panel(page, 'active')).to_be_visible()


def test_why_nobody_can_be_called_is_said_in_words(open_phone, ann, bob):
    page = open_phone(ann)
    ring(page, bob)
    expect(panel(page)).to_contain_text('no open chat')


def test_a_call_can_be_answered_over_a_dialog_and_goes_on_when_that_is_closed(open_phone, ann, bob):
    first, second = open_phone(ann), open_phone(bob)
    second.evaluate('() => { document.body.append(document.createElement("dialog")); document.querySelector("dialog").showModal(); }')
    ring(first, bob, video=True)
    expect(second.locator('dialog > chat-call section[data-state=incoming]')).to_be_visible()
    press(second, 'With camera')
    expect(panel(second, 'active')).to_be_visible()
    second.evaluate('() => document.querySelector("dialog").close()')
    expect(second.locator('body > chat-call')).to_be_attached()
    sees(second)
