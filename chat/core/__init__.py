"""What the product does, without knowing how anybody reaches it: no request, no socket, no token is seen in here."""
import logging
from dataclasses import dataclass

import gevent

from .accounts import Accounts
from .database import Database
from .gatherer import Gatherer
from .limits import Limits
from .messages import Messages
from .presence import LAST_SEEN, Presence
from .publish import Publisher
from .rooms import Rooms
from .sessions import Sessions
from .threads import Threads
from .users import Users
from .writer import Writer

log = logging.getLogger(__name__)


@dataclass
class Core:
    """The services of one application, made by `build` and wired by their constructors."""

    database: Database
    publisher: Publisher
    limits: Limits
    presence: Presence
    rooms: Rooms
    sessions: Sessions
    accounts: Accounts
    users: Users
    messages: Messages
    writer: Writer
    gatherer: Gatherer
    _background: tuple = ()

    def start(self):
        """Begin the background work of a serving process; further calls do nothing."""
        if not self._background:
            self._background = gevent.spawn(self.sessions.watch), gevent.spawn(self.gatherer.run)
            self.writer.start()

    def stop(self):
        """Finish what was begun: every accepted message is stored and answered, what was gathered is written."""
        self.writer.stop()
        gevent.killall(self._background)
        self._background = ()
        self.gatherer.flush()
        self.database.close()


def build(config, engine, hasher):
    """The Core of an application: its settings, its database, and flask_bcrypt's interface for passwords."""
    database, publisher = Database(engine), Publisher()
    gatherer = Gatherer(database, {'last_seen': LAST_SEEN})
    presence = Presence(gatherer)
    limits = Limits(limits_of(config))
    rooms = Rooms(database)
    lifetime = max(config['JWT_ACCESS_TOKEN_EXPIRES'], config['JWT_REFRESH_TOKEN_EXPIRES'])
    sessions = Sessions(database, publisher, int(lifetime.total_seconds() * 1000))
    accounts = Accounts(database, sessions, rooms, limits, Threads(), hasher, config['REGISTRATION_OPEN'])
    users = Users(database, presence, accounts)
    messages = Messages(database, rooms, users, limits, publisher)
    writer = messages.writer = Writer(database, messages.publish_stored)
    return Core(database, publisher, limits, presence, rooms, sessions, accounts, users, messages, writer, gatherer)


def limits_of(config):
    """The limits by the names under which the core charges them."""
    sign_in = config['RATE_LIMIT_SIGN_IN']
    return {
        'messages': config['RATE_LIMIT_MESSAGES'],
        'direct': config['RATE_LIMIT_DIRECT'],
        'events': config['RATE_LIMIT_EVENTS'],
        'requests': config['RATE_LIMIT_REQUESTS'],
        'sign_in': sign_in,
        'sign_in_address': sign_in and (sign_in[0] * 10, sign_in[1]),
        'sign_up': config['RATE_LIMIT_SIGN_UP'],
    }
