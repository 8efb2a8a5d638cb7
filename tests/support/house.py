"""The core of an application in the test's own process, for what can't be seen from outside: its queries, and their order."""
import gevent

from chat import create_app, migrating
from chat.core.messages import mentions


class Application:
    """An application without a server, on a new database; `core` is what is tested."""

    def __init__(self, folder, url='sqlite://', settings=None):
        self.app = create_app({'DATABASE_URL': url, 'INSTANCE_PATH': str(folder), 'BCRYPT_LOG_ROUNDS': '4', **(settings or {})})
        self.core = self.app.extensions['chat']
        with self.app.app_context():
            migrating.upgrade()

    def sign_up(self, *names):
        """The ids of new users."""
        return [self.core.accounts.create(email=f'{name}@example.com', password='secret-1') for name in names]


class House(Application):
    """One on a database in memory, in which `me` is in rooms of every kind; it counts its queries."""

    def __init__(self, folder):
        super().__init__(folder)
        self.core.writer.start()
        self.me, *self.others = self.sign_up('ann', 'bob', 'cem', 'dan')
        self.rooms = [self.core.membership.create(self.me, f'room {number}', number % 2 == 0) for number in range(4)]
        for other in self.others:
            self.send(self.core.sending.to_user(self.me, other))
            self.core.membership.join(other, self.rooms[1], None)
        for room_id in self.rooms:
            self.send(self.core.rooms.require_member(self.me, room_id))
        self.count = self._counted()

    def send(self, room):
        """Send a message to a LiveRoom as `me`; returns it."""
        answers = []
        self.core.sending.send(self.me, room, content='hello', answer=answers.append)
        while not answers:
            gevent.sleep(0)
        return answers[0].message

    def _counted(self):
        database, made = self.core.database, []
        for name in ('_fetch_once', 'reading'):
            function = getattr(database, name)
            setattr(database, name, lambda *arguments, function=function: made.append(1) or function(*arguments))

        def count(ask):
            made.clear()
            result = ask()
            return result, len(made)

        return count

    def mention(self, user_id, message):
        with self.core.database.writing() as connection:
            mentions.write(connection, [(user_id, message['id'], message['roomId'], 1)])
