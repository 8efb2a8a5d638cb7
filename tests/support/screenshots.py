"""Takes pictures of every main screen of the web client, at two sizes, light and dark: `make screenshots`.

They go to the folder that is named, for somebody to look at; those that the README shows to docs/pictures/ as well. The
people, rooms and messages are the same each time; times are those of the day.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import expect

from tests.support.browser import NARROW, WIDE, Browser
from tests.support.files import post_file
from tests.support.http import Http
from tests.support.media import wav
from tests.support.server import REPOSITORY, ChatServer

SHOWN_IN_README = ('conversation-1280-light', 'conversation-1280-dark', 'inbox-390-light')
PEOPLE = ('Ann Becker', 'Bob Okafor', 'Cem Yıldız', 'דנה לוי', 'Evangeline Featherstonehaugh-Cholmondeley', 'Fatou Diop', 'Gus')
ROOMS = ('Tea kitchen', 'Release 2.0: planning, notes, and everything that fits nowhere else', 'Support', 'غرفة الشاي', 'Ops')
ANN, BOB, CEM, DANA, EVE, FATOU, GUS = range(len(PEOPLE))
TALK = (
    (BOB, 'Good morning! The new build is on the test machine: https://build.example.com/4711'),
    (CEM, 'Looking at it now. Starts in under a second, nice 🎉'),
    (DANA, 'בוקר טוב, אני על זה'),
    (ANN, 'Before we tell anybody: those who host this upgrade at night, alone, with a cup of tea. It has to work the first time, '
          'without a manual step.'),
    (GUS, 'Agreed.'),
    (GUS, 'I have run the migration on a copy of our own database, it took eleven seconds.'),
    (FATOU, 'And back again?'),
    (GUS, 'And back again.'),
)


def sky(size=(960, 640)):
    """The bytes of a picture that somebody might have taken."""
    width, height = size
    image = Image.new('RGB', size)
    draw = ImageDraw.Draw(image)
    for y in range(height):
        share = y / height
        draw.line((0, y, width, y), fill=(int(250 - 150 * share), int(170 - 60 * share), int(120 + 60 * share)))
    draw.ellipse((600, 130, 760, 290), fill=(255, 230, 170))
    for step, color in enumerate(((92, 84, 130), (64, 62, 104), (38, 40, 74))):
        points = [(x, 380 + 70 * step + (x * (37 + 11 * step) // 23) % (90 - 10 * step)) for x in range(0, width + 80, 80)]
        draw.polygon([(0, height), *points, (width, height)], fill=color)
    buffer = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(2)).save(buffer, 'JPEG', quality=88)
    return buffer.getvalue()


class House:
    """A server with a small team that has talked; `accounts` are those of PEOPLE, `rooms` the ids of ROOMS."""

    def __init__(self, server):
        self.http = Http(server.url)
        self.accounts = [self.http.register(username=name.split()[0].lower() if name.isascii() else f'user{number}', displayName=name)
                         for number, name in enumerate(PEOPLE)]
        self.rooms = [self.make(name) for name in ROOMS]
        self.talk()

    def as_person(self, number):
        """The HTTP client of one of PEOPLE."""
        return self.http.as_user(self.accounts[number])

    def make(self, name):
        """A room of everybody; returns its id."""
        room = self.as_person(ANN).post('/api/rooms', {'name': name}).json()['room']['id']
        for number in range(1, len(PEOPLE)):
            self.as_person(number).post('/api/rooms/join', {'roomId': room})
        return room

    def say(self, number, room, content, **more):
        """A message of one of PEOPLE; returns it."""
        return self.as_person(number).post(f'/api/rooms/{room}/messages', {'content': content, **more}).json()['message']

    def talk(self):
        """What has been said."""
        kitchen, release, support, tea, _ = self.rooms
        said = [self.say(number, kitchen, content) for number, content in TALK]
        post_file(self.as_person(FATOU), f'/api/rooms/{kitchen}/messages', (sky(), 'harbour.jpg'), content='The office this morning')
        self.say(BOB, kitchen, 'Wonderful. Then today it is?', replyToId=said[7]['id'])
        for number, emoji in ((ANN, '👍'), (CEM, '👍'), (DANA, '👍'), (EVE, '🎉')):
            self.as_person(number).put(f'/api/rooms/{kitchen}/messages/{said[5]["id"]}/reactions/{emoji}')
        last = self.say(ANN, kitchen, 'Today it is. @bob you press the button 🍵')
        for number in (BOB, CEM, DANA, EVE, FATOU, GUS):
            self.as_person(number).post(f'/api/rooms/{kitchen}/read', {'messageId': last['id']})
        self.say(GUS, release, 'I have put the notes for hosts into docs/')
        self.say(EVE, support, 'Somebody asks whether it runs on a Raspberry Pi')
        self.say(CEM, support, '@ann you had one running, had you not?')
        self.say(FATOU, tea, 'مساء الخير')
        for number, content in ((BOB, 'Lunch at one?'), (DANA, 'תודה!'), (CEM, 'Sent you the log')):
            self.as_person(number).post(f'/api/messages/send/{self.accounts[ANN].id}', {'content': content})
        self.as_person(ANN).patch(f'/api/rooms/{kitchen}/settings', {'isPinned': True})
        upload = post_file(self.as_person(BOB), '/api/uploads', (wav(), 'voice.wav'), kind='voice').json()
        self.as_person(BOB).post(f'/api/messages/send/{self.accounts[ANN].id}', {'attachmentIds': [upload['id']]})


def settle(window):
    """Wait until nothing loads or moves any more."""
    window.page.wait_for_load_state('networkidle')
    window.page.wait_for_timeout(500)


def screens(house):
    """(name, whether somebody is signed in, address, what is done there)"""
    kitchen, bob = house.rooms[0], house.accounts[BOB]

    def click(name):
        return lambda page: page.get_by_role('main').get_by_role('button', name=name).last.click()

    def find(page):
        page.get_by_role('searchbox').first.fill('tea')

    def show_picture(page):
        page.get_by_role('main').get_by_role('button', name='harbour.jpg').first.click()

    def open_menu(page):
        page.locator('article.message', has_text='eleven seconds').first.focus()
        page.keyboard.press('Enter')

    return (
        ('sign-in', False, '#/sign-in', None), ('sign-up', False, '#/sign-up', None), ('forgot', False, '#/forgot', None),
        ('inbox', True, '#/', None), ('conversation', True, f'#/rooms/{kitchen}', None),
        ('menu', True, f'#/rooms/{kitchen}', open_menu), ('picture', True, f'#/rooms/{kitchen}', show_picture),
        ('emoji', True, f'#/rooms/{kitchen}', click('Emoji')), ('details', True, f'#/rooms/{kitchen}', click('Details')),
        ('empty-room', True, f'#/rooms/{house.rooms[4]}', None), ('right-to-left', True, f'#/rooms/{house.rooms[3]}', None),
        ('direct', True, f'#/with/{bob.id}', None), ('call', True, f'#/with/{bob.id}', click('Video call')),
        ('people', True, '#/people', None), ('rooms', True, '#/rooms', None), ('search', True, '#/search', find),
        ('settings', True, '#/settings', None),
    )


def take(browser, server, house, folder):
    """Take all pictures."""
    bob = browser.open(server.url, house.accounts[BOB])
    for size in (WIDE, NARROW):
        for is_dark in (False, True):
            for name, is_signed_in, path, act in screens(house):
                account = house.accounts[ANN] if is_signed_in else None
                window = browser.open(server.url, account, size, is_dark, path=path)
                settle(window)
                if act:
                    act(window.page)
                    settle(window)
                window.page.screenshot(path=folder / f'{name}-{size[0]}-{"dark" if is_dark else "light"}.png')
                if window.problems:
                    print(f'{name}: {window.problems}')
                window.close()
    newcomer = browser.open(server.url, house.http.register(displayName='New here'))
    expect(newcomer.page.locator('body')).not_to_be_empty()
    settle(newcomer)
    newcomer.page.screenshot(path=folder / 'newcomer-1280-light.png')
    bob.close()


def shrink(path, target):
    """A copy with a palette, at a third of the size."""
    Image.open(path).convert('RGB').quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)


def main(folder):
    """Take them into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        server = ChatServer(folder=Path(data)).start()
        browser = Browser().start()
        try:
            take(browser, server, House(server), folder)
        finally:
            browser.stop()
            server.close()
    shown = REPOSITORY / 'docs' / 'pictures'
    shown.mkdir(exist_ok=True)
    for name in SHOWN_IN_README:
        shrink(folder / f'{name}.png', shown / f'{name}.png')
    print(f'{len(list(folder.glob("*.png")))} pictures in {folder}')


if __name__ == '__main__':
    if missing := Browser.unavailable_reason():
        sys.exit(missing)
    main(Path(sys.argv[1]))
