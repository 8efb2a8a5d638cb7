"""What the product does, without knowing how anybody reaches it: no request, no socket, no token is seen in here."""
import logging
from dataclasses import dataclass

import gevent

from ..errors import Unavailable
from .accounts.accounts import Accounts
from .accounts.blocks import Blocks
from .accounts.presence import LAST_SEEN, Presence
from .accounts.sign_ins import PRUNE_SECONDS, SWEEP_SECONDS, Sessions
from .accounts.users import Users
from .calls.calls import Calls
from .calls.ice import IceServers
from .calls.records import STORE_SECONDS, CallRecords
from .files.avatars import Avatars
from .files.signatures import Signatures
from .files.storage import LocalStorage
from .files.stored_files import Files
from .files.uploads import PRUNE_SECONDS as PRUNE_UPLOADS_SECONDS
from .files.uploads import SWEEP_SECONDS as SWEEP_FILES_SECONDS
from .files.uploads import Uploads
from .machinery.background import repeat
from .machinery.database import Database
from .machinery.gatherer import INTERVAL, Gatherer
from .machinery.limits import Limits
from .machinery.publisher import Publisher
from .machinery.threads import Threads
from .machinery.writer import Writer
from .messages.inbox import Inbox
from .messages.messages import Messages
from .messages.receipts import ADVANCE, Receipts
from .rooms.membership import PURGE_SECONDS, Membership
from .rooms.rooms import Rooms
from .rooms.typing_indicators import Typing

log = logging.getLogger(__name__)
BUSY_WITH_FILES = 'Too many files are arriving just now: try again in a moment'
INVITE_LIMIT = 10, 900  # wrong invite codes of one user, in seconds
MAX_FILES_WAITING = 50   # to be read and stored, at up to a second for a large picture


@dataclass
class Core:
    """The services of one application, made by `build` and wired by their constructors."""

    database: Database
    publisher: Publisher
    limits: Limits
    gatherer: Gatherer
    rooms: Rooms
    blocks: Blocks
    presence: Presence
    sessions: Sessions
    accounts: Accounts
    users: Users
    receipts: Receipts
    messages: Messages
    membership: Membership
    typing: Typing
    inbox: Inbox
    writer: Writer
    calls: Calls
    call_records: CallRecords
    ice: IceServers
    files: Files
    uploads: Uploads
    avatars: Avatars
    threads: tuple
    _background: tuple = ()

    def start(self):
        """Begin the background work of a serving process; further calls do nothing."""
        if not self._background:
            self.writer.start()
            self._background = (
                gevent.spawn(self.accounts.prepare),
                repeat(self.sessions.sweep, SWEEP_SECONDS),
                repeat(self.sessions.prune, PRUNE_SECONDS),
                repeat(self.gatherer.flush, INTERVAL),
                repeat(self.presence.announce, 0),
                repeat(self.typing.expire, 0.25),
                repeat(self.membership.purge, PURGE_SECONDS),
                repeat(self.calls.expire, 0.25),
                repeat(self.call_records.store, STORE_SECONDS),
                repeat(self.uploads.prune, PRUNE_UPLOADS_SECONDS),
                repeat(self.files.sweep, SWEEP_FILES_SECONDS),
            )

    def stop(self):
        """Finish what was begun: every accepted message is stored and answered, what was gathered is written."""
        self.writer.stop()
        gevent.killall(self._background)
        self._background = ()
        self.calls.stop()
        try:
            self.gatherer.flush()
            self.call_records.store()
        except Unavailable:
            log.error('the last receipts and calls could not be written: the database does not answer')
        for threads in self.threads:
            threads.stop()
        self.database.close()


def build(config, engine, hasher):
    """The Core of an application: its settings, its database, and flask_bcrypt's interface for passwords."""
    database, publisher, limits = Database(engine), Publisher(), Limits(limits_of(config))
    gatherer = Gatherer(database, {'last_seen': LAST_SEEN, 'receipts': ADVANCE})
    rooms, blocks = Rooms(database), Blocks(database)
    presence = Presence(database, gatherer, rooms, blocks, publisher)
    lifetime = max(config['JWT_ACCESS_TOKEN_EXPIRES'], config['JWT_REFRESH_TOKEN_EXPIRES'])
    sessions = Sessions(database, publisher, int(lifetime.total_seconds() * 1000))
    sign_in_threads, file_threads = Threads(), Threads(max_waiting=MAX_FILES_WAITING, busy=BUSY_WITH_FILES)
    accounts = Accounts(database, sessions, rooms, limits, sign_in_threads, hasher, config['REGISTRATION_OPEN'])
    files, uploads, avatars = build_files(config, database, rooms, file_threads)
    typing = Typing(rooms, blocks, publisher)
    users = Users(database, presence, typing, blocks, accounts, avatars)
    receipts = Receipts(database, gatherer, rooms, blocks, publisher)
    messages = Messages(database, rooms, users, blocks, receipts, uploads, limits, publisher)
    writer = messages.writer = Writer(database, messages.publish_stored)
    call_records = CallRecords(database)
    return Core(
        database, publisher, limits, gatherer, rooms, blocks, presence, sessions, accounts, users, receipts,
        messages,
        Membership(database, rooms, users, presence, receipts, files, limits, publisher),
        typing, Inbox(database, rooms, users, blocks, receipts, uploads), writer,
        Calls(users, blocks, call_records, publisher, config['CALL_TIMEOUT']), call_records,
        IceServers(config['STUN_URLS'], config['TURN_URLS'], config['TURN_SECRET']),
        files, uploads, avatars, (sign_in_threads, file_threads))


def build_files(config, database, rooms, threads):
    """(Files, Uploads, Avatars), with threads of their own, so that no sign-in waits for a picture."""
    storage = LocalStorage(config['UPLOAD_FOLDER'])
    files = Files(database, storage)
    signatures = Signatures(config['JWT_SECRET_KEY'], config['PUBLIC_URL'])
    uploads = Uploads(database, rooms, storage, files, threads, signatures, config['UPLOAD_QUOTA_BYTES'])
    return files, uploads, Avatars(database, storage, files, threads, signatures)


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
        'invite': INVITE_LIMIT,
    }
