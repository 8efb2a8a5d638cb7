"""Debian's Chromium driven by Playwright: people who use the web client in windows of their own."""

import json
import shutil
from contextlib import contextmanager

from playwright.sync_api import expect, sync_playwright

from tests.support.waiting import wait_until

_FLAGS = (
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--autoplay-policy=no-user-gesture-required',
    # Candidates with addresses: nobody resolves the .local names that hide them, in a container.
    '--disable-features=WebRtcHideLocalIpsWithMdns',
)
WIDE, NARROW = (1280, 800), (390, 844)
PATIENCE = 30_000  # milliseconds for what a page is waited for, on a machine that is busy with other things
expect.set_options(timeout=PATIENCE)


def until(page, function, argument=None):
    """Waits until a JavaScript function, which may be async, gives something true in the page; returns that."""
    return wait_until(lambda: page.evaluate(function, argument), PATIENCE / 1000, function, interval=0.05)


class Browser:
    """`Browser().start()`: one Chromium; `open` gives windows, each of a person of its own."""

    def __init__(self):
        self._playwright = self._chromium = None

    @staticmethod
    def unavailable_reason():
        """What is missing on this machine, or None."""
        return None if shutil.which('chromium') else 'not installed: chromium (apt-get install chromium)'

    def start(self):
        """Starts the browser."""
        self._playwright = sync_playwright().start()
        self._chromium = self._playwright.chromium.launch(executable_path=shutil.which('chromium'), args=_FLAGS)
        return self

    def stop(self):
        """Ends the browser."""
        if self._chromium:
            self._chromium.close()
        if self._playwright:
            self._playwright.stop()

    def open(self, url, account=None, size=WIDE, is_dark=False, is_touch=False, locale='en-GB', path=''):
        """A Window on the web client at `url`, signed in as an Account if there is one; with a path of None it shows nothing yet."""
        context = self._chromium.new_context(
            viewport={'width': size[0], 'height': size[1]}, color_scheme='dark' if is_dark else 'light', locale=locale,
            has_touch=is_touch, timezone_id='UTC', permissions=['camera', 'microphone', 'clipboard-read', 'clipboard-write'],
            storage_state=_signed_in(url, account) if account else None)
        context.set_default_timeout(PATIENCE)
        window = Window(context, url)
        if path is not None:
            window.page.goto(f'{url}/{path}')
        return window


class Window:
    """A person's window: its Playwright `page`, and what went wrong in it."""

    def __init__(self, context, url):
        self.context, self.url = context, url
        self.problems = []
        self._expected = ()
        self._awaited = set()
        self.page = context.new_page()
        self.page.on('console', self._said)
        self.page.on('pageerror', lambda error: self.problems.append(f'{error.message}\n{error.stack}'))
        self.page.on('request', self._asked)
        self.page.on('requestfinished', self._ended)
        self.page.on('requestfailed', self._ended)

    def go(self, path):
        """Goes to an address behind the `#`, without loading the page again."""
        self.page.evaluate('path => { location.hash = path; }', path)

    def settle(self):
        """Waits until all that was asked for has come, nothing moves any more, and the pictures are there."""
        wait_until(self._is_answered, PATIENCE / 1000, 'the answers', interval=0.05)
        until(self.page, """async () => {
          await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
          const moves = (one) => one.playState === 'running' && Number.isFinite(one.effect.getComputedTiming().endTime);
          return !document.getAnimations().some(moves) && [...document.images].every((one) => one.complete || one.loading === 'lazy');
        }""")

    def cut(self):
        """The line is gone: no request gets through, and what is connected ends."""
        self.context.set_offline(True)

    def mend(self):
        """The line is back."""
        self.context.set_offline(False)

    @contextmanager
    def expecting(self, *parts):
        """Errors on the console that hold one of these parts are no problem meanwhile: a refusal that is tested, a line that is cut."""
        before, self._expected = self._expected, parts
        try:
            yield
        finally:
            self._expected = before

    def close(self):
        """Closes the window."""
        self.context.close()

    def _said(self, message):
        if message.type in ('error', 'warning') and not any(part in message.text for part in self._expected):
            self.problems.append(f'{message.type}: {message.text} ({message.location.get("url")})')

    def _asked(self, request):
        if not request.url.startswith((self.url, self.url.replace('http', 'ws', 1), 'blob:', 'data:')):
            self.problems.append(f'asked for {request.url}, which is not the server')
        if request.resource_type in ('fetch', 'xhr') and '/socket.io/' not in request.url:  # a poll is always open
            self._awaited.add(request)

    def _ended(self, request):
        self._awaited.discard(request)

    def _is_answered(self):
        self.page.evaluate('0')  # Playwright tells what happened while it is asked something
        return not self._awaited


def _signed_in(url, account):
    session = {'token': account.token, 'refreshToken': account.refresh_token, 'user': account.user}
    return {'cookies': [], 'origins': [{'origin': url, 'localStorage': [{'name': 'chat.session', 'value': json.dumps(session)}]}]}
