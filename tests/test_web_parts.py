"""The parts of the web client, each in a real browser on a real server: calls, voice messages, pictures, emoji, push."""
import json
import re

import pytest

from chat.core.messages.emoji import as_emoji
from chat.web.files import CONTENT
from tests.support.files import post_file
from tests.support.media import png
from tests.support.waiting import wait_until

EMOJI = json.loads((CONTENT / 'texts' / 'emoji.json').read_text())
FRAMES = 20
BARE = '''(async () => {
  window.base = document.querySelector('script[type=module]').src.replace(/js\\/app\\.js$/, '');
  await (await import(base + 'js/texts.js')).ready;
  document.body.replaceChildren();
  for (const name of args[0]) window[name] = await import(`${base}js/${name}.js`);
})()'''
CALLS = '''(async ([token, names]) => {
  const { io } = await import(base + 'vendor/socket.io.esm.min.js');
  window.socket = io('/call', { auth: { token } });
  await new Promise((resolve, reject) => socket.on('connect', resolve).on('connect_error', reject));
  window.call = document.createElement('chat-call');
  document.body.append(call);
  call.attach({ socket, iceServers: async () => [], nameOf: (id) => names[id] });
})(args)'''
STATE = "document.querySelector('chat-call section').dataset.state"


pytestmark = pytest.mark.once  # nothing here depends on the database


@pytest.fixture
def open_page(chromium, watched_server):
    """Opens the server's page with nothing on it but the modules that are named."""
    def opened(*modules):
        window = chromium.open(watched_server.url)
        window.run(BARE, modules)
        windows.append(window)
        return window

    windows = []
    yield opened
    for window in windows:
        assert [entry['message'] for entry in window.ask('POST', '/se/log', {'type': 'browser'})] == []
        window.close()


@pytest.fixture
def people(new_user):
    return [new_user(displayName=name) for name in ('Ann', 'Bob')]


@pytest.fixture
def open_phone(open_page, people):
    """Opens a page that a user can be called on."""
    def opened(account):
        window = open_page('calls')
        window.run(CALLS, account.token, {str(person.id): person.user['displayName'] for person in people})
        return window

    return opened


def click(window, label):
    """Presses the button of that name, which must be there to be seen."""
    window.run('''[...document.querySelectorAll('button')].find((button) => button.checkVisibility() &&
        (button.ariaLabel || button.innerText) === args[0]).click()''', label)


def shown(window, element='chat-call section'):
    return window.run('document.querySelector(args[0]).innerText', element)


def wait_for(window, state):
    wait_until(lambda: window.run(STATE) == state, 20, f'the call is {state}', interval=0.1)


def sees(window):
    """Whether enough of the other's picture was shown."""
    quality = window.run('''(() => { const video = document.querySelector('.call-other'), { totalVideoFrames } = video.getVideoPlaybackQuality();
        return { frames: totalVideoFrames, width: video.videoWidth, isSeen: getComputedStyle(video).opacity === '1' }; })()''')
    return quality['frames'] >= FRAMES and quality['width'] > 0 and quality['isSeen']


def in_a_call(open_phone, people, video=True):
    windows = [open_phone(account) for account in people]
    windows[0].run('call.ring(args[0], { video: args[1] })', people[1].id, video)
    wait_for(windows[1], 'incoming')
    click(windows[1], 'With camera' if video else 'Accept')
    for window in windows:
        wait_for(window, 'active')
    return windows


# ---------------------------------------------------------------------- calls

def test_two_people_see_each_other_and_one_hangs_up(open_phone, people, http):
    ann, bob = in_a_call(open_phone, people)
    assert 'Bob' in shown(ann) and 'Ann' in shown(bob)
    for window in (ann, bob):
        wait_until(lambda window=window: sees(window), 20, 'the other one is seen', interval=0.2)
    click(bob, 'End call')
    assert bob.run('document.querySelector("chat-call section").hidden')
    wait_until(lambda: 'The call has ended' in shown(ann), 5, 'the end is shown')
    assert http.as_user(people[0]).get('/api/calls').json()[0]['outcome'] == 'completed'


def test_what_is_switched_off_is_not_seen_and_said(open_phone, people):
    ann, bob = in_a_call(open_phone, people)
    wait_until(lambda: sees(ann), 20, 'the other one is seen', interval=0.2)
    click(bob, 'Camera')
    click(bob, 'Microphone')
    wait_until(lambda: 'microphone off' in shown(ann) and not sees(ann), 10, 'nothing is seen and heard', interval=0.1)
    assert bob.run('document.querySelector(".call-own").hidden')
    click(bob, 'Camera')
    wait_until(lambda: sees(ann), 10, 'it is seen again', interval=0.1)


def test_a_call_of_sound_becomes_one_with_pictures(open_phone, people):
    ann, bob = in_a_call(open_phone, people, video=False)
    assert not sees(ann) and bob.run('document.querySelector(".call-own").hidden')
    click(bob, 'Camera')
    wait_until(lambda: sees(ann), 20, 'a picture is seen', interval=0.1)


def test_a_screen_is_shown_whole_and_then_the_camera_again(open_phone, people):
    ann, bob = in_a_call(open_phone, people)
    press = "document.querySelector('chat-call [aria-label=\"Share screen\"]').click()"
    for is_screen in (True, False):
        # browsers want a gesture of the person for this
        bob.ask('POST', '/goog/cdp/execute', {'cmd': 'Runtime.evaluate', 'params': {'expression': press, 'userGesture': True}})
        wait_until(lambda is_screen=is_screen: ann.run('document.querySelector(".call-other").matches(".whole")') == is_screen, 10, 'it is told')
    wait_until(lambda: sees(ann), 10, 'the camera is seen')


def test_a_declined_call_says_so(open_phone, people):
    ann, bob = (open_phone(account) for account in people)
    ann.run('call.ring(args[0])', people[1].id)
    wait_for(bob, 'incoming')
    click(bob, 'Decline')
    wait_until(lambda: 'Bob declined' in shown(ann), 5, 'it is said')


def test_a_call_that_is_given_up_was_missed(open_phone, people):
    ann, bob = (open_phone(account) for account in people)
    ann.run('call.ring(args[0])', people[1].id)
    wait_for(bob, 'incoming')
    click(ann, 'End call')
    wait_until(lambda: 'Missed call from Ann' in shown(bob), 5, 'it is said')
    click(bob, 'Close')
    assert bob.run('document.querySelector("chat-call section").hidden')


def test_the_other_devices_stop_ringing_when_one_answers(open_phone, people):
    ann, bob, tablet = (open_phone(account) for account in (*people, people[1]))
    ann.run('call.ring(args[0])', people[1].id)
    for window in (bob, tablet):
        wait_for(window, 'incoming')
    click(bob, 'Accept')
    wait_until(lambda: 'Answered on another device' in shown(tablet), 10, 'it is said')
    wait_for(ann, 'active')


def test_two_who_call_each_other_at_once_are_in_one_call(open_phone, people):
    ann, bob = (open_phone(account) for account in people)
    for window, other in ((ann, people[1]), (bob, people[0])):
        window.run('void setTimeout(() => call.ring(args[0]), 300)', other.id)
    for window in (ann, bob):
        wait_for(window, 'active')


def test_why_nobody_can_be_called_is_said_in_words(open_phone, people):
    ann = open_phone(people[0])
    ann.run('call.ring(args[0])', people[1].id)
    wait_until(lambda: 'no open chat' in shown(ann), 10, 'it is said')


def test_a_call_can_be_answered_over_a_dialog_and_goes_on_when_that_is_closed(open_phone, people):
    ann, bob = (open_phone(account) for account in people)
    bob.run('(() => { document.body.append(document.createElement("dialog")); document.querySelector("dialog").showModal(); })()')
    ann.run('call.ring(args[0], { video: true })', people[1].id)
    wait_for(bob, 'incoming')
    assert bob.run('call.parentElement.tagName') == 'DIALOG'
    click(bob, 'With camera')
    wait_for(bob, 'active')
    bob.run('document.querySelector("dialog").close()')
    wait_until(lambda: bob.run('call.parentElement.tagName') == 'BODY' and sees(bob), 20, 'it goes on', interval=0.2)


# ---------------------------------------------------------------------- voice messages

def test_a_recorded_message_can_be_sent_and_played(open_page, people, http):
    window = open_page('recordings')
    window.run('''(() => { const recorder = document.createElement('voice-recorder');
        window.recorded = new Promise((resolve) => recorder.addEventListener('recorded', ({ detail }) => resolve(detail)));
        document.body.append(recorder); })()''')
    wait_until(lambda: '0:02' in shown(window, 'voice-recorder'), 10, 'two seconds are recorded')
    click(window, 'Send recording')
    sent = window.run('''recorded.then(async ({ blob, duration, waveform }) => ({ duration, waveform, type: blob.type,
        bytes: Array.from(new Uint8Array(await blob.arrayBuffer())) }))''')
    assert 1.5 < sent['duration'] < 10 and max(sent['waveform']) == 1 and len(sent['waveform']) == 44
    answer = post_file(http.as_user(people[0]), '/api/uploads', bytes(sent['bytes']), 'voice.webm', kind='voice', durationMs=str(round(sent['duration'] * 1000)))
    assert answer.status_code == 201 and answer.json()['kind'] == 'voice'
    window.run('''(() => { window.note = document.createElement('voice-note'); Object.assign(note, { src: args[0], duration: args[1] });
        document.body.replaceChildren(note); })()''', answer.json()['url'], sent['duration'])
    wait_until(lambda: window.run('note.waveform?.length') == 44, 10, 'its wave is drawn')
    click(window, 'Play voice message')
    place = 'Number(note.querySelector("[role=slider]").ariaValueNow)'
    wait_until(lambda: window.run(place) >= 1, 10, 'it plays')
    click(window, 'Pause')
    window.run('note.seek(0)')
    wait_until(lambda: window.run(place) == 0, 5, 'it is at its beginning')


def test_a_recording_is_discarded_by_escape(open_page):
    window = open_page('recordings')
    window.run('''(() => { window.recorder = document.createElement('voice-recorder'); window.ends = [];
        for (const name of ['recorded', 'cancelled']) recorder.addEventListener(name, () => ends.push(name));
        document.body.append(recorder); })()''')
    wait_until(lambda: not window.run('recorder.querySelector(".recorder-send").disabled'), 10, 'it records')
    window.run('document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }))')
    assert window.run('ends') == ['cancelled']


# ---------------------------------------------------------------------- pictures

def test_pictures_are_shown_one_at_a_time(open_page, people, upload):
    window = open_page('viewer')
    pictures = [upload(people[0], png((size, size)), f'{size}.png') for size in (20, 30)]
    window.run('''(async () => { document.body.append(document.createElement('picture-viewer'));
        await document.querySelector('picture-viewer').show(args[0], 1); })()''', [
        {'src': picture['url'], 'name': picture['filename'], 'width': picture['width'], 'height': picture['height']} for picture in pictures])
    assert '30.png' in shown(window, 'dialog') and '2 of 2' in shown(window, 'dialog')
    wait_until(lambda: window.run('document.querySelector("img").naturalWidth') == 30, 5, 'the picture is there')
    window.run('document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }))')
    wait_until(lambda: window.run('document.querySelector("img").naturalWidth') == 20, 5, 'the other picture is there')
    assert window.run('document.querySelector("a").download') == '20.png'
    click(window, 'Close')
    assert not window.run('document.querySelector("dialog").open')


# ---------------------------------------------------------------------- emoji

def test_every_emoji_to_choose_is_one_that_the_server_takes_as_it_is():
    entries = [entry for group in EMOJI.values() for entry in group]
    assert [entry['emoji'] for entry in entries if as_emoji(entry['emoji']) != entry['emoji']] == []
    assert len({entry['emoji'] for entry in entries}) == len(entries) > 400
    assert all(entry['en'] and entry['de'] for entry in entries)


def test_every_group_of_emoji_has_a_place_and_a_name():
    source = (CONTENT / 'js' / 'emoji.js').read_text()
    groups = re.findall(r"(\w+): '", re.search(r'const GROUPS = \{(.*?)\};', source, re.DOTALL)[1])
    assert groups == list(EMOJI)
    assert {f'emoji.{group}' for group in [*groups, 'recent']} <= set(json.loads((CONTENT / 'texts' / 'en.json').read_text()))


@pytest.mark.parametrize(('typed', 'first'), [('thumb', '👍'), ('daumen hoch', '👍'), ('schloss', '🏰'), ('PIZZA', '🍕'), ('kase', '🧀')])
def test_emoji_are_found_by_english_and_german_words_and_picked_by_the_keyboard(open_page, typed, first):
    window = open_page('emoji')
    window.run('''(() => { window.picker = document.createElement('emoji-picker'); picker.addEventListener('picked', ({ detail }) => { window.picked = detail; });
        document.body.append(picker); picker.focus(); })()''')
    wait_until(lambda: window.run('picker.querySelectorAll(".emoji-grid button").length') > 400, 5, 'they are there')
    window.run('''(() => { document.activeElement.value = args[0]; document.activeElement.dispatchEvent(new Event('input'));
        document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })); })()''', typed)
    assert window.run('picked') == first


# ---------------------------------------------------------------------- without a line, and push

def test_the_page_is_there_without_a_line(chromium, start_server):
    server = start_server()
    window = chromium.open(server.url)
    window.run('''(async () => { const { registerWorker } = await import(document.querySelector('script[type=module]').src.replace('app.js', 'push.js'));
        await registerWorker(); await navigator.serviceWorker.ready; })()''')
    wait_until(lambda: window.run('caches.keys().then((names) => names.length)') == 1, 10, 'the page is kept')
    server.stop()
    window.ask('POST', '/url', {'url': 'about:blank'})
    window.ask('POST', '/url', {'url': f'{server.url}/#/rooms/1'})
    wait_until(lambda: 'Chat' in window.run('document.title') and window.run('navigator.serviceWorker.controller') is not None, 10, 'the page is shown')
    assert window.run('import(document.querySelector("script[type=module]").src.replace("app.js", "calls.js")).then(() => customElements.get("chat-call") !== undefined)')
    window.close()


PUSH = '''(async () => {
  const asked = [], { prototype } = PushManager, own = { endpoint: 'https://push.example/1', keys: { p256dh: 'p', auth: 'a' } };
  const subscription = { options: {}, toJSON: () => own, unsubscribe: async () => { kept = null; } };
  let kept = null;
  prototype.getSubscription = async () => kept;
  prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    subscription.options.applicationServerKey = applicationServerKey.buffer;
    asked.push(['subscribe', [...applicationServerKey], userVisibleOnly]);
    return kept = subscription;
  };
  const api = Object.fromEntries(['get', 'put', 'delete'].map((name) => [name, async (...request) => { asked.push([name, ...request]); return { publicKey: args[0] }; }]));
  await push.registerWorker();
  await navigator.serviceWorker.ready;
  const states = [await push.pushState(), await push.subscribePush(api), await push.pushState(), await push.subscribePush(api)];
  await push.unsubscribePush(api);
  return { asked, states: [...states, await push.pushState()] };
})()'''


@pytest.fixture
def let_notify(chromium):
    """Lets the pages of a server show notifications."""
    def decide(origin, setting):
        chromium.ask('POST', '/goog/cdp/execute', {'cmd': 'Browser.setPermission', 'params': {
            'permission': {'name': 'notifications'}, 'setting': setting, 'origin': origin}})

    def let(server):
        origins.append(server.url)
        decide(server.url, 'granted')

    origins = []
    yield let
    for origin in origins:
        decide(origin, 'prompt')


def test_who_wants_to_be_told_is_subscribed_once_and_no_longer_on_wish(open_page, watched_server, let_notify):
    let_notify(watched_server)
    told = open_page('push').run(PUSH, '-_8')
    assert told['states'] == ['off', 'on', 'on', 'on', 'off']
    subscription = {'endpoint': 'https://push.example/1', 'keys': {'p256dh': 'p', 'auth': 'a'}}
    assert told['asked'] == [
        ['get', '/api/push/key'], ['subscribe', [251, 255], True], ['put', '/api/push/subscriptions', subscription],
        ['get', '/api/push/key'], ['put', '/api/push/subscriptions', subscription],
        ['delete', '/api/push/subscriptions', subscription]]


def test_what_is_pushed_is_shown(chromium, start_server, let_notify):
    server = start_server()
    let_notify(server)
    window = chromium.open(server.url)
    window.run(BARE, ['push'])
    window.run('push.registerWorker().then(() => navigator.serviceWorker.ready).then(() => null)')
    window.ask('POST', '/goog/cdp/execute', {'cmd': 'ServiceWorker.enable', 'params': {}})
    pushed = {'roomId': 7, 'messageId': 9, 'title': 'Ann', 'body': 'hello', 'unreadCount': 3}
    for registration in range(10):  # its number is not told
        try:
            window.ask('POST', '/goog/cdp/execute', {'cmd': 'ServiceWorker.deliverPushMessage', 'params': {
                'origin': server.url, 'registrationId': str(registration), 'data': json.dumps(pushed)}})
        except AssertionError:
            continue
    shown_ones = 'navigator.serviceWorker.ready.then((all) => all.getNotifications()).then((all) => all.map(({ title, body, data }) => [title, body, data]))'
    wait_until(lambda: window.run(shown_ones) == [['Ann', 'hello', {'roomId': 7}]], 10, 'it is shown')
    window.close()
