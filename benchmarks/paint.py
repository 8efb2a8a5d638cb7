"""M9: how long a browser that has nothing of the web client yet takes to show the inbox, and what it loads for that."""
from playwright.sync_api import expect

from tests.support.browser import NARROW, Browser, until
from tests.support.http import Http

NAME = 'M9 inbox from a cold cache, 10 Mbit/s and 20 ms'
LINE = {'offline': False, 'latency': 20, 'downloadThroughput': 10_000_000 / 8, 'uploadThroughput': 5_000_000 / 8}
ROOMS = 20
PAINTED = '() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime'

unavailable_reason = Browser.unavailable_reason


def measure(server):
    """`{'ms': to the first contentful paint, 'kib': transferred until the inbox is whole}`, for somebody in 20 rooms."""
    http = Http(server.url)
    account = http.register()
    for number in range(ROOMS):
        http.as_user(account).post('/api/rooms', {'name': f'Room {number}', 'isPrivate': True}).raise_for_status()
    browser = Browser().start()
    try:
        return _open(browser.open(server.url, account, size=NARROW, path=None))
    finally:
        browser.stop()
        http.close()


def _open(window):
    developer, sizes = window.context.new_cdp_session(window.page), []
    developer.send('Network.enable')
    developer.send('Network.emulateNetworkConditions', LINE)
    developer.on('Network.loadingFinished', lambda event: sizes.append(event['encodedDataLength']))
    window.page.goto(window.url)
    expect(window.page.locator('.rows a.row')).to_have_count(ROOMS + 1)  # and the lobby
    return {'ms': until(window.page, PAINTED), 'kib': sum(sizes) / 1024}
