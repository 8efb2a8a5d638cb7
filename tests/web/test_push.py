"""Notifications in the web client: switched on and off, and shown."""
import json
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.push_service import Browser as Subscriber
from tests.support.waiting import wait_until

pytestmark = pytest.mark.once  # nothing here depends on the database

# What stands in for the browser's own push service: a subscription that is kept in the page, and what was asked of it.
MANAGER = '''(own) => {
  const subscription = { options: {}, toJSON: () => own, unsubscribe: async () => { kept = null; } };
  let kept = null;
  window.asked = [];
  PushManager.prototype.getSubscription = async () => kept;
  PushManager.prototype.subscribe = async ({ applicationServerKey, userVisibleOnly }) => {
    subscription.options.applicationServerKey = applicationServerKey.buffer;
    asked.push(['subscribe', [...applicationServerKey], userVisibleOnly]);
    return kept = subscription;
  };
}'''
TWICE_ON_THEN_OFF = '''async (publicKey) => {
  const answered = async (...request) => { asked.push(request); return { publicKey }; };
  const api = Object.fromEntries(['get', 'put', 'delete'].map((name) => [name, (...request) => answered(name, ...request)]));
  await push.registerWorker();
  await navigator.serviceWorker.ready;
  const states = [await push.pushState(), await push.subscribePush(api), await push.pushState(), await push.subscribePush(api)];
  await push.unsubscribePush(api);
  return [...states, await push.pushState()];
}'''

SHOWN = '''async () => {
  const shown = await (await navigator.serviceWorker.ready).getNotifications();
  return shown.map(({ title, body, data }) => [title, body, data]);
}'''


def test_who_wants_to_be_told_is_subscribed_once_and_no_longer_on_wish(open_page):
    page = open_page('push')
    page.context.grant_permissions(['notifications'])
    subscription = {'endpoint': 'https://push.example/1', 'keys': {'p256dh': 'p', 'auth': 'a'}}
    page.evaluate(MANAGER, subscription)
    assert page.evaluate(TWICE_ON_THEN_OFF, '-_8') == ['off', 'on', 'on', 'on', 'off']
    assert page.evaluate('asked') == [
        ['get', '/api/push/key'], ['subscribe', [251, 255], True], ['put', '/api/push/subscriptions', subscription],
        ['get', '/api/push/key'], ['put', '/api/push/subscriptions', subscription],
        ['delete', '/api/push/subscriptions', subscription]]


def test_notifications_are_switched_on_and_off_in_the_settings(open_window, start_server, open_http):
    server = start_server(env={'PUSH_ALLOW': '127.0.0.1'})
    window = open_window(open_http(server).register(), server=server, path=None)
    page = window.page
    window.context.grant_permissions(['notifications'])
    subscription = Subscriber(SimpleNamespace(url='https://127.0.0.1:9')).subscription
    window.context.add_init_script(f'({MANAGER})({json.dumps(subscription)})')
    page.goto(f'{window.url}/#/settings')
    page.evaluate('navigator.serviceWorker.ready.then(() => true)')
    section = page.locator('section', has=page.get_by_role('heading', name='Notifications'))
    expect(section).to_contain_text('This device shows nothing while the chat is closed.')
    for button, method, said in (('Turn on', 'PUT', 'This device shows new messages also while the chat is closed.'),
                                 ('Turn off', 'DELETE', 'This device shows nothing while the chat is closed.')):
        with page.expect_response(lambda answer, method=method: answer.request.method == method) as answered:
            section.get_by_role('button', name=button).click()
        assert answered.value.url == f'{window.url}/api/push/subscriptions' and answered.value.status == 204
        assert json.loads(answered.value.request.post_data)['endpoint'] == subscription['endpoint']
        expect(section).to_contain_text(said)


def test_what_is_pushed_is_shown(open_page):
    page = open_page('push')
    page.context.grant_permissions(['notifications'])
    page.evaluate('push.registerWorker().then(() => navigator.serviceWorker.ready).then(() => null)')
    developer, registrations = page.context.new_cdp_session(page), []
    developer.on('ServiceWorker.workerRegistrationUpdated', lambda event: registrations.extend(event['registrations']))
    developer.send('ServiceWorker.enable')
    until(page, '() => Boolean(navigator.serviceWorker.controller)')
    pushed = json.dumps({'roomId': 7, 'messageId': 9, 'title': 'Ann', 'body': 'hello', 'unreadCount': 3})
    message = {'origin': page.url.partition('/#')[0], 'registrationId': registrations[-1]['registrationId'], 'data': pushed}

    def is_shown():
        """The tool that stands in for a push service says nothing of what becomes of a message: it is pushed until it is there."""
        developer.send('ServiceWorker.deliverPushMessage', message)
        return page.evaluate(SHOWN) == [['Ann', 'hello', {'roomId': 7}]]

    wait_until(is_shown, 30, 'the notification', interval=0.2)
