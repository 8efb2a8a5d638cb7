"""Pictures of every main screen of the web client: `make screenshots`, or `python -m tests.screenshots FOLDER`.

At 390 and 1280 points, dark and light, of one world of people, rooms and messages, to be looked at with care. Those that the
README shows go to docs/pictures/ as well.
"""
import sys
from pathlib import Path

from PIL import Image

from tests.support.browser import NARROW, WIDE, Browser
from tests.support.server import REPOSITORY, ChatServer
from tests.support.world import World

SETTLED = 900  # milliseconds until what moves has moved
IN_README = ('room-beginning-1280-light', 'room-beginning-1280-dark', 'inbox-390-light')


def screens(world):
    """Each screen: its name, its address, and what is done there before the picture is taken."""
    design, bob = f'#/rooms/{world.rooms["design"]}', f'#/rooms/{world.rooms["bob"]}'
    message = 'article.message:has-text("could you take")'
    return [
        ('inbox', '#/', None),
        ('room', design, None),
        ('room-beginning', design, lambda page: page.evaluate('document.querySelector(".scroller").scrollTop = 0')),
        ('room-menu', design, lambda page: (page.evaluate('document.querySelector(".scroller").scrollTop = 0'), page.wait_for_timeout(300),
                                            page.locator(message).focus(), page.keyboard.press('Enter'))),
        ('room-details', design, lambda page: page.locator('.details-button').click()),
        ('room-emoji', design, lambda page: page.get_by_role('button', name='Emoji').click()),
        ('room-empty', f'#/rooms/{world.rooms["empty"]}', None),
        ('direct', bob, None),
        ('picture', design, lambda page: page.get_by_role('main').get_by_role('button', name='two.jpg').click()),
        ('call', bob, lambda page: page.get_by_role('button', name='Video call').click()),
        ('people', '#/people', None),
        ('rooms', '#/rooms', None),
        ('rooms-new', '#/rooms', lambda page: page.get_by_role('main').get_by_role('button', name='Make a room').click()),
        ('search', '#/search', lambda page: page.get_by_role('searchbox').fill('review')),
        ('settings', '#/settings', None),
    ]


def take(browser, server, world, folder):
    """Takes all pictures; returns what went wrong in the pages."""
    problems = []
    for size in (NARROW, WIDE):
        for is_dark in (False, True):
            end = f'{size[0]}-{"dark" if is_dark else "light"}.png'
            for name in ('sign-in', 'sign-up', 'forgot'):
                problems += picture(browser.open(server.url, size=size, is_dark=is_dark, path=f'#/{name}'), folder / f'{name}-{end}')
            for name, path, prepare in screens(world):
                window = browser.open(server.url, world.accounts['ann'], size=size, is_dark=is_dark, is_touch=size == NARROW, path=path)
                problems += picture(window, folder / f'{name}-{end}', prepare)
    return problems


def picture(window, path, prepare=None):
    """Takes one picture, and closes the window; returns what went wrong in it."""
    window.page.wait_for_timeout(SETTLED)
    if prepare:
        prepare(window.page)
        window.page.wait_for_timeout(SETTLED)
    window.page.screenshot(path=path)
    window.close()
    return window.problems


def main(folder):
    """Takes the pictures into a folder, on a server of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    server, browser = ChatServer().start(), Browser().start()
    try:
        world = World(server.url).make()
        with_bob = browser.open(server.url, world.accounts['bob'])
        problems = take(browser, server, world, folder)
        with_bob.close()
        world.close()
    finally:
        browser.stop()
        server.close()
    for name in IN_README:
        shrink(folder / f'{name}.png', REPOSITORY / 'docs' / 'pictures' / f'{name}.png')
    print(f'{len(list(folder.glob("*.png")))} pictures in {folder}')
    return '\n'.join(problems) or None


def shrink(picture, copy):
    """A copy of 256 colours, at a third of the size."""
    copy.parent.mkdir(exist_ok=True)
    Image.open(picture).convert('RGB').quantize(256, dither=Image.Dither.NONE).save(copy, optimize=True)


if __name__ == '__main__':
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else 'screenshots')))
