"""People with rooms and messages, as one finds them on a server that is in use: for pictures of the web client."""

import io

from PIL import Image, ImageDraw

from tests.support.files import post_file
from tests.support.http import Http
from tests.support.media import wav

LONG_NAME = 'Maximilian Konstantin Freiherr von und zu Hohenstein-Waldenburg III'
PEOPLE = {'ann': 'Ann Lee', 'bob': 'Bob Okafor', 'cem': 'Cem Yıldız', 'dana': 'دانا الحسيني', 'max': LONG_NAME, 'eva': 'Eva Lindqvist', 'noa': 'נועה לוי'}


class World:
    """`World(url).make()`: `accounts` by name, `rooms` (ids) by name; Ann is who looks at it."""

    def __init__(self, url):
        self._http = Http(url)
        self.accounts, self.rooms = {}, {}

    def make(self):
        """Makes all of it."""
        self.accounts = {name: self._http.register(name, displayName=shown) for name, shown in PEOPLE.items()}
        self._set_avatar('bob', landscape((300, 300), (180, 90, 60), (250, 210, 150)))
        self._make_room('design', 'Design', 'ann', 'bob', 'cem', 'dana', 'max', 'eva')
        self._make_room('garden', 'Garden & Balcony', 'bob', 'ann', 'cem', is_private=False)
        self._make_room('planning', 'Quarterly planning, budgets, and what else is to be done before the summer party of next year', 'ann', 'bob')
        self._make_room('books', 'Book club', 'cem', is_private=False)
        self._make_room('empty', 'Running', 'ann')
        self._fill_design()
        self._fill_others()
        return self

    def as_user(self, name):
        """An Http client of that person."""
        return self._http.as_user(self.accounts[name])

    def say(self, name, room, content, **more):
        """A message in a room; returns it."""
        answer = self.as_user(name).post(f'/api/rooms/{self.rooms[room]}/messages', {'content': content, **more})
        assert answer.status_code == 201, answer.text
        return answer.json()['message']

    def write(self, name, other, content):
        """A direct message; its room is called by the other's name if Ann wrote it, else by the writer's."""
        message = self.as_user(name).post(f'/api/messages/send/{self.accounts[other].id}', {'content': content}).json()
        self.rooms[other if name == 'ann' else name] = message['roomId']

    def close(self):
        """Closes the connections."""
        self._http.close()

    def _make_room(self, key, name, admin, *members, is_private=True):
        room = self.as_user(admin).post('/api/rooms', {'name': name, 'isPrivate': is_private}).json()['room']
        self.rooms[key] = room['id']
        for member in members:
            assert self.as_user(member).post('/api/rooms/join', {'inviteCode': room['inviteCode']}).status_code == 200

    def _fill_design(self):
        path = f'/api/rooms/{self.rooms["design"]}/messages'
        self.say('bob', 'design', 'Good morning! I pushed the new colours for the sign-in page.')
        asked = self.say('bob', 'design', 'Can somebody look at the contrast in the dark theme?')
        self.say('cem', 'design', 'On it. Looks good at first sight, only the time stamps are a bit thin on the cards: I measured 4.2:1. '
                                  'One step lighter should do, and the borders may stay as they are.')
        self.say('ann', 'design', 'Thanks! The numbers are here: https://example.com/contrast?theme=dark', replyToId=asked['id'])
        self.say('dana', 'design', 'مرحبا بالجميع، هل يمكننا مراجعة التصميم اليوم؟ أعتقد أن الألوان الجديدة رائعة.')
        review = self.say('max', 'design', '@ann could you take the review at 15:00? @bob and I are in a meeting until 14:30.')
        for name, emoji in (('bob', '👍'), ('cem', '👍'), ('eva', '❤️'), ('ann', '🎉')):
            self.as_user(name).put(f'{path}/{review["id"]}/reactions/{emoji}')
        self.say('ann', 'design', 'Sure 👍')
        self.say('eva', 'design', '🎉🎉')
        self._post('cem', 'design', 'From this morning', (landscape((1200, 800), (90, 130, 200), (240, 180, 140)), 'morning.jpg'))
        self._post('ann', 'design', '', (landscape((600, 800), (30, 60, 110), (120, 80, 150)), 'one.jpg'),
                   (landscape((800, 600), (200, 130, 90), (240, 200, 140)), 'two.jpg'), (b'notes' * 9000, 'Design review – notes and decisions.pdf'))
        voice = post_file(self.as_user('bob'), '/api/uploads', wav(4), 'voice.wav', kind='voice').json()
        self.say('bob', 'design', '', attachmentIds=[voice['id']])
        wrong = self.say('bob', 'design', 'Wrong room, sorry')
        self.as_user('bob').delete(f'{path}/{wrong["id"]}')
        coffee = self.say('ann', 'design', 'I will bring coffe')
        self.as_user('ann').patch(f'{path}/{coffee["id"]}', {'content': 'I will bring coffee ☕'})
        self.as_user('ann').patch(f'/api/rooms/{self.rooms["design"]}/settings', {'isPinned': True})

    def _fill_others(self):
        self.say('bob', 'planning', 'A first agenda is there')
        self.as_user('ann').patch(f'/api/rooms/{self.rooms["planning"]}/settings', {'notify': 'none'})
        for text in ('Tomatoes are coming along nicely.', 'Does anybody have a spare pot?', '@ann you had some, right?'):
            self.say('cem', 'garden', text)
        self.write('ann', 'eva', 'Thanks for yesterday!')
        self.write('noa', 'ann', 'שלום! מה שלומך היום?')
        self.write('max', 'ann', 'Please find the minutes of our last meeting attached, and tell me what is missing')
        self.write('dana', 'ann', 'هل وصلتك الملفات؟')
        self.write('bob', 'ann', 'Hi Ann 👋 lunch today?')
        self.write('ann', 'bob', 'Yes! 12:30 at the usual place?')
        self.write('bob', 'ann', 'Perfect, see you there')

    def _post(self, name, room, content, *files):
        answer = post_file(self.as_user(name), f'/api/rooms/{self.rooms[room]}/messages', *files, content=content)
        assert answer.status_code == 201, answer.text

    def _set_avatar(self, name, data):
        self.as_user(name).request('PUT', '/api/users/me/avatar', files={'file': ('me.jpg', data)}).raise_for_status()


def landscape(size, above, below):
    """A JPEG of hills under a sun, before a sky that goes from one colour to the other."""
    width, height = size
    image = Image.new('RGB', size)
    draw = ImageDraw.Draw(image)
    for y in range(height):
        draw.line((0, y, width, y), fill=tuple(int(a + (b - a) * y / height) for a, b in zip(above, below, strict=True)))
    draw.ellipse((width * .65, height * .15, width * .65 + height * .15, height * .3), fill=(255, 240, 200))
    draw.polygon([(0, height), (width * .35, height * .45), (width * .7, height)], fill=(40, 60, 80))
    draw.polygon([(width * .4, height), (width * .75, height * .55), (width, height * .8), (width, height)], fill=(30, 45, 65))
    buffer = io.BytesIO()
    image.save(buffer, 'JPEG')
    return buffer.getvalue()
