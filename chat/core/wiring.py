"""How the core is put together: each service is made once, of those on its floor and below, and given what it needs."""
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any

import gevent
from sqlalchemy import Engine

from ..errors import Unavailable
from .accounts.accounts import Accounts, Hasher
from .accounts.blocks import Blocks
from .accounts.password_resets import PasswordResets
from .accounts.presence import Presence
from .accounts.sign_ins import PRUNE_SECONDS, SWEEP_SECONDS, SignIns
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
from .machinery.limits import Limit, Limits
from .machinery.outgoing import Outgoing
from .machinery.publisher import Publisher
from .machinery.seals import Seals
from .machinery.threads import Threads
from .machinery.web_push import VapidKey
from .machinery.write_behind import INTERVAL, WriteBehind
from .machinery.writer import Writer
from .messages.changing import Changing
from .messages.delivery import Delivery
from .messages.histories import Histories
from .messages.inbox import Inbox
from .messages.mentioned import Mentioned
from .messages.mentions import Mentions
from .messages.newest import NewestMessages
from .messages.order import REMEMBER_SECONDS, RoomOrder
from .messages.receipts import Receipts
from .messages.removal import PURGE_SECONDS, RemovedRooms
from .messages.search import Search
from .messages.search_index import INDEX_SECONDS, SearchIndex
from .messages.sending import Sending
from .messages.store import Draft, MessageStore, Stored
from .messages.sync import Sync
from .messages.told_rooms import ToldRooms
from .messages.view import MessageView
from .push.audience import Audience
from .push.sending import AT_ONCE, PushSending
from .push.subscriptions import Subscriptions
from .push.waiting import WaitingForAbsence
from .rooms.membership import Membership
from .rooms.rooms import Rooms
from .rooms.settings import RoomSettings
from .rooms.typing_indicators import TypingIndicators
from .shared.bus import Bus
from .shared.log import LocalLog, Log
from .shared.places import Places

log = logging.getLogger(__name__)
BUSY_WITH_SIGN_INS = 'Too many are signing in just now: try again in a moment'
BUSY_WITH_FILES = 'Too many files are arriving just now: try again in a moment'
INVITE_LIMIT = 10, 900  # wrong invite codes of one user, in seconds
BUSY_WITH_PUSH = 'Too many browsers subscribe just now: try again in a moment'
SUBSCRIBE_LIMIT = 30, 900  # subscriptions of one user, in seconds: each has a name looked up
Keep = Callable[[str, Callable[[], str]], str]  # (name, make): the text of that name, made if there is none yet
MAX_FILES_WAITING = 50   # to be read and stored, at up to a second for a large picture


@dataclass(kw_only=True)
class Core:
    """The services of one application, made by `build`."""

    database: Database
    log: Log
    places: Places
    publisher: Publisher
    here: Publisher
    limits: Limits
    write_behind: WriteBehind
    threads: tuple[Threads, ...]

    files: Files
    uploads: Uploads
    avatars: Avatars

    blocks: Blocks
    presence: Presence
    sign_ins: SignIns
    accounts: Accounts
    password_resets: PasswordResets
    users: Users

    rooms: Rooms
    membership: Membership
    settings: RoomSettings
    typing: TypingIndicators

    writer: Writer[Draft, Stored]
    sending: Sending
    changing: Changing
    histories: Histories
    sync: Sync
    mentioned: Mentioned
    receipts: Receipts
    inbox: Inbox
    order: RoomOrder | None
    search: Search
    search_index: SearchIndex
    removed_rooms: RemovedRooms

    subscriptions: Subscriptions
    waiting: WaitingForAbsence
    push: PushSending

    calls: Calls
    call_records: CallRecords
    ice: IceServers

    _background: 'tuple[gevent.Greenlet[..., Any], ...]' = ()

    def start(self) -> None:
        """Begin the background work of a serving process; further calls do nothing."""
        if not self._background:
            self._join()
            self.writer.start()
            self._background = (
                gevent.spawn(self.accounts.prepare),
                repeat(self.sign_ins.sweep, SWEEP_SECONDS),
                repeat(self.write_behind.flush, INTERVAL),
                repeat(self.presence.announce, 0),
                repeat(self.typing.expire, 0.25),
                repeat(self.waiting.go_on, 0),
                repeat(self.calls.expire, 0.25),
                repeat(self.call_records.store, STORE_SECONDS),
                *(repeat(self._if_leading(work), pause) for work, pause in (
                    (self.sign_ins.prune, PRUNE_SECONDS), (self.removed_rooms.purge, PURGE_SECONDS),
                    (self.search_index.catch_up, INDEX_SECONDS), (self.uploads.prune, PRUNE_UPLOADS_SECONDS),
                    (self.files.sweep, SWEEP_FILES_SECONDS))),
                *((repeat(self.order.remember, REMEMBER_SECONDS),) if self.order else ()),
            )

    def _join(self) -> None:
        """Be one of the processes, if there are several."""
        if self.order is not None:
            self.order.begin()
        self.log.start()

    def _if_leading(self, work: Callable[[], object]) -> Callable[[], object]:
        """What one process does for all."""
        @wraps(work)
        def lead() -> None:
            if self.log.leads:
                work()
        return lead

    def stop(self) -> None:
        """Finish what was begun: every accepted message is stored and answered, what waits is written."""
        self.writer.stop()
        gevent.killall(self._background)
        self._background = ()
        self.calls.stop()
        self.log.stop()
        self.push.stop()
        self.subscriptions.stop()
        try:
            self.write_behind.flush()
            self.call_records.store()
        except Unavailable:
            log.error('the last receipts and calls could not be written: the database does not answer')
        for threads in self.threads:
            threads.stop()
        self.database.close()


def build(config: Mapping[str, Any], engine: Engine, hasher: Hasher, keep: Keep) -> Core:
    """The Core of an application: its settings, its database, who hashes passwords, and where what it makes once is kept."""
    database, publisher = Database(engine), Publisher()
    url = config['REDIS_URL']
    log, limits, places = shared_by(url, limits_of(config)) if url else (LocalLog(), Limits(limits_of(config)), Places())
    bus, here = Bus(log), Publisher() if log.is_shared else publisher
    write_behind = WriteBehind(database)
    sign_in_threads, file_threads = \
        Threads(busy=BUSY_WITH_SIGN_INS), Threads(busy=BUSY_WITH_FILES, max_waiting=MAX_FILES_WAITING)
    rooms, blocks = Rooms(database, bus), Blocks(database, bus)
    typing = TypingIndicators(rooms=rooms, blocks=blocks, publisher=publisher, here=here, log=log)

    storage = LocalStorage(config['UPLOAD_FOLDER'])
    files = Files(database, storage)
    signatures = Signatures(config['JWT_SECRET_KEY'], config['PUBLIC_URL'])
    uploads = Uploads(database=database, rooms=rooms, storage=storage, files=files, threads=file_threads,
                      signatures=signatures, quota=config['UPLOAD_QUOTA_BYTES'])
    avatars = Avatars(database=database, storage=storage, files=files, threads=file_threads, signatures=signatures)

    presence = Presence(database=database, write_behind=write_behind, rooms=rooms, blocks=blocks, publisher=publisher,
                        here=here, log=log, away_after=config['PUSH_AFTER'])
    lifetime = max(config['JWT_ACCESS_TOKEN_EXPIRES'], config['JWT_REFRESH_TOKEN_EXPIRES'])
    sign_ins = SignIns(database, publisher, bus, int(lifetime.total_seconds() * 1000))
    accounts = Accounts(database=database, sign_ins=sign_ins, rooms=rooms, limits=limits, threads=sign_in_threads,
                        hasher=hasher, registration_open=config['REGISTRATION_OPEN'])
    password_resets = PasswordResets(
        database=database, accounts=accounts, limits=limits, base_url=config['BASE_URL'],
        seals=Seals(config['JWT_SECRET_KEY'], 'links to a new password'))
    users = Users(database=database, presence=presence, typing=typing, blocks=blocks, accounts=accounts, avatars=avatars,
                  bus=bus)

    receipts = Receipts(database=database, write_behind=write_behind, rooms=rooms, blocks=blocks, publisher=publisher,
                        bus=bus)
    view = MessageView(database=database, uploads=uploads, receipts=receipts)
    mentions = Mentions(database=database, rooms=rooms)
    settings = RoomSettings(database=database, rooms=rooms, bus=bus)

    subscribing_threads, push_threads = Threads(busy=BUSY_WITH_PUSH, size=2), Threads(busy=BUSY_WITH_PUSH, size=AT_ONCE)
    outgoing = Outgoing(allowed=config['PUSH_ALLOW'])
    vapid_key = VapidKey(partial(keep, 'push_key'))
    subscriptions = Subscriptions(database=database, limits=limits, threads=subscribing_threads, outgoing=outgoing,
                                  key=vapid_key, bus=bus)
    push = PushSending(subscriptions=subscriptions, presence=presence, rooms=rooms, receipts=receipts, outgoing=outgoing,
                       key=vapid_key, contact=config['PUSH_CONTACT'], threads=push_threads)
    waiting = WaitingForAbsence(
        subscriptions=subscriptions, audience=Audience(subscriptions=subscriptions, settings=settings, blocks=blocks),
        presence=presence, users=users, sending=push, away_after=config['PUSH_AFTER'])

    delivery = Delivery(rooms=rooms, receipts=receipts, view=view, publisher=publisher, messenger=waiting, bus=bus)
    writer = Writer(store=MessageStore(database), on_stored=delivery.stored)
    histories = Histories(database=database, rooms=rooms, users=users, view=view)
    search_index = SearchIndex(database)
    call_records = CallRecords(database)
    order = None
    if log.is_shared:
        order = RoomOrder(rooms=rooms, told=ToldRooms(database=database, users=users, view=view, here=here), here=here)
        publisher.subscribe(order.put)
        publisher.subscribe(bus.publish)
        bus.subscribe(order.put)
        log.on_doubt(order.doubt)
    return Core(
        database=database, log=log, places=places, publisher=publisher, here=here, order=order, limits=limits,
        write_behind=write_behind,
        threads=(sign_in_threads, file_threads), files=files, uploads=uploads, avatars=avatars,
        blocks=blocks, presence=presence, sign_ins=sign_ins, accounts=accounts, password_resets=password_resets,
        users=users, rooms=rooms, typing=typing,
        membership=Membership(database=database, rooms=rooms, users=users, presence=presence,
                              stays=(receipts, settings), typing=typing, limits=limits, publisher=publisher, bus=bus),
        settings=settings,
        writer=writer, receipts=receipts,
        sending=Sending(database=database, rooms=rooms, users=users, blocks=blocks, uploads=uploads,
                        mentions=mentions, limits=limits, view=view, writer=writer),
        changing=Changing(database=database, rooms=rooms, blocks=blocks, mentions=mentions, search_index=search_index,
                          limits=limits, view=view, files=files, publisher=publisher),
        histories=histories,
        mentioned=Mentioned(database=database, histories=histories),
        sync=Sync(database=database, histories=histories, seals=Seals(config['JWT_SECRET_KEY'], 'places to sync from')),
        inbox=Inbox(database=database, rooms=rooms, users=users, blocks=blocks, receipts=receipts,
                    newest=NewestMessages(database=database, view=view)),
        search=Search(database=database, rooms=rooms, histories=histories,
                      seals=Seals(config['JWT_SECRET_KEY'], 'places in what a search found')),
        subscriptions=subscriptions, waiting=waiting, push=push,
        search_index=search_index, removed_rooms=RemovedRooms(database, files, search_index),
        calls=Calls(users=users, blocks=blocks, presence=presence, records=call_records, publisher=here, log=log,
                    timeout=config['CALL_TIMEOUT']),
        call_records=call_records,
        ice=IceServers(config['STUN_URLS'], config['TURN_URLS'], config['TURN_SECRET']))


def shared_by(url: str, limits: Mapping[str, Limit | None]) -> tuple[Log, Limits, Places]:
    """(the log, the limits, the places of those who wait) of several processes."""
    from .shared.redis_limits import RedisLimits  # here, since one process needs neither these nor what they import
    from .shared.redis_log import RedisLog
    from .shared.redis_places import RedisPlaces
    log = RedisLog(url)
    return log, RedisLimits(limits, url), RedisPlaces(url, log.process)


def limits_of(config: Mapping[str, Any]) -> dict[str, Limit | None]:
    """The limits by the names under which the core charges them."""
    sign_in = config['RATE_LIMIT_SIGN_IN']
    return {
        'messages': config['RATE_LIMIT_MESSAGES'],
        'direct': config['RATE_LIMIT_DIRECT'],
        'changes': config['RATE_LIMIT_MESSAGES'],
        'direct_changes': config['RATE_LIMIT_DIRECT'],
        'events': config['RATE_LIMIT_EVENTS'],
        'requests': config['RATE_LIMIT_REQUESTS'],
        'sign_in': sign_in,
        'sign_in_address': sign_in and (sign_in[0] * 10, sign_in[1]),
        'sign_up': config['RATE_LIMIT_SIGN_UP'],
        'forgot': sign_in,
        'forgot_address': sign_in and (sign_in[0] * 10, sign_in[1]),
        'invite': INVITE_LIMIT,
        'push': SUBSCRIBE_LIMIT,
    }
