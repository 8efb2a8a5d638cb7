"""What is measured, and what is wanted of it."""
from dataclasses import dataclass, field, replace

from .servers import CHEAP, COSTLY

READERS = (1, 20, 200)


@dataclass(frozen=True)
class Point:
    """One measurement. `wanted` maps a figure's name to the ratio it must reach and the one to reach for."""

    name: str
    scenario: str
    options: dict = field(default_factory=dict)
    rounds: int = CHEAP
    unit: str = 'req/s'
    peer_env: tuple = ()  # pairs
    has_peer: bool = True  # or what it measures is this server's alone


@dataclass(frozen=True)
class Plan:
    """How much of it: the length of a measurement in seconds, how often it is made, how large things are."""

    seconds: float
    repeats: int
    connections: tuple
    messages: int
    starts: int
    readers: tuple = ()  # how many rooms each of those is in who ask for lists
    idle: int = 1  # accounts of the idle connections


QUICK = Plan(seconds=2.5, repeats=1, connections=(1000, 3000), messages=1_000_000, starts=3, readers=READERS)
FULL = Plan(seconds=5, repeats=3, connections=(1000, 3000, 5000), messages=1_000_000, starts=5,
            readers=READERS)
OF_PEERS = frozenset({'m1', 'm5', 'm6'})  # what all peers can be asked for


def of_peers(plan):
    """The same measured with the peers: idle connections are of 1,000 users, since to some it matters whose they are."""
    return replace(plan, connections=(1000, 3000), readers=(), idle=1000)


SMALL_HISTORY = 10_000
FIRST_REQUESTS = (  # name, what is asked for, rooms of who asks, unit
    *((f'own rooms, in {count}', 'own', count, 'req/s') for count in READERS),
    *((f'conversations, in {count}', 'conversations', count, 'req/s') for count in READERS),
    ('public rooms', 'rooms', 20, 'req/s'),
    ('a room', 'room', 20, 'req/s'),
    ('members of a room of 6', 'members', 20, 'req/s'),
    ('members of a room of 1,000', 'crowd', 20, 'req/s'),
    ('users', 'users', 20, 'req/s'),
    ('oneself', 'me', 20, 'req/s'),
    ('sign-ups', 'signUp', 200, 'sign-ups/s'),
    ('sign-ins, in 200 rooms', 'signIn', 200, 'sign-ins/s'),
    ('connections, in 200 rooms', 'connect', 200, 'connections/s'),
)
SEARCHES = (  # name, who searches, for what
    ('a rare word', 'member', '314159'),
    ('a word in every message', 'member', 'fox'),
    ('three of them', 'member', 'quick brown fox'),
    ('a beginning of every message\'s', 'member', 'q'),
    ('a beginning of few', 'member', '31'),
    ('nothing', 'member', 'absent'),
    ('in one small room', 'reader1', 'fox'),
    ('in 200 rooms', 'reader200', 'fox'),
)
HASHED = 0.6, 1  # both spend half of it in bcrypt, and this server stores more besides: see docs/benchmarks.md
WANTED = {  # ratio to the peer that must be reached, and that to reach for
    'M1 · 1 sender': (1.5, 2), 'M1 · 16 senders': (3, 4), 'M1 · 64 senders': (6, 8), 'M1 · 256 senders': (10, 14),
    'M2 · 1': (1.8, 2.5), 'M2 · 32': (2, 2.6),
    'M3 newest 50 of 10,000 · 1': (1.5, 2), 'M3 newest 50 of 10,000 · 16': (1.5, 2),
    'M3 newest 50 of 1,000,000 · 1': (1.5, 2), 'M3 newest 50 of 1,000,000 · 16': (1.5, 2),
    'M3 deepest 50 of 1,000,000 · 1': (1.5, 2), 'M3 deepest 50 of 1,000,000 · 16': (1.5, 2),
    'M4 sign-ins beside a chat, peer with bcryptjs': (1.8, 2.2), 'M4 p99 of the chat, peer with bcryptjs': (20, 100),
    'M5 · 1,000 connections': (1.5, 2), 'M5 · 3,000 connections': (1.5, 2), 'M5 · 5,000 connections': (1.5, 2),
    'M6 room of 1,000': (1.3, 2),
    **{f'M7 {name} · {senders}': HASHED if what in ('signUp', 'signIn') else (2, 3)
       for name, what, *_ in FIRST_REQUESTS for senders in (1, 32)},
}
WITHIN = {  # times that one point of this server may take of another one's, at most
    'M3 deepest page, times the newest': ('M3 deepest 50 of 1,000,000 · 16', 'M3 newest 50 of 1,000,000 · 16', 1.2),
    'M3 1,000,000 messages, times 10,000': ('M3 newest 50 of 1,000,000 · 16', 'M3 newest 50 of 10,000 · 16', 1.3),
}
MOST = {  # of this server
    'seconds to /health': (1.5, 1), 'idle memory, MiB': (70, 60), 'KiB': (24, 10), 'ms': (50, 20),
    'ms to the first paint': (1000, 500), 'KiB transferred': (150, 120),
}


def points(plan, only):
    """The measurements in their order; those of one scenario share a start of the servers."""
    made = []
    for senders in (1, 16, 64, 256):
        made.append(Point(f'M1 · {senders} sender{"s" if senders > 1 else ""}', 'm1', {'senders': senders},
                          unit='messages/s'))
    for senders in (1, 32):
        made.append(Point(f'M2 · {senders}', 'm2', {'senders': senders}))
    for name, room, deep in (('newest 50 of 10,000', 'smallHistory', False),
                             ('newest 50 of 1,000,000', 'largeHistory', False),
                             ('deepest 50 of 1,000,000', 'largeHistory', True)):
        for senders in (1, 16):
            made.append(Point(f'M3 {name} · {senders}', 'm3', {'senders': senders, 'room': room, 'deep': deep}))
    for library in ('bcryptjs', 'bcrypt'):
        made.append(Point(f'M4 sign-ins beside a chat, peer with {library}', 'm4',
                          {'loops': 8, 'seconds': max(plan.seconds * 2, 6)}, COSTLY, 'sign-ins/s',
                          (('BCRYPT', library),)))
    made.append(Point('M5', 'm5', {'connections': plan.connections}, unit='connections/s'))
    made.append(Point('M6 room of 1,000', 'm6', unit='deliveries/s'))
    made += [Point(f'M7 {name} · {senders}', 'm7', {'what': what, 'rooms': rooms, 'senders': senders, 'warmUpMs': 500,
                                                    'seconds': plan.seconds / 2}, unit=unit)
             for name, what, rooms, unit in FIRST_REQUESTS for senders in (1, 32)]
    made += [Point(f'M8 {name}', 'm8', {'who': who, 'q': q, 'warmUpMs': 500, 'seconds': plan.seconds / 2},
                   unit='searches/s', has_peer=False) for name, who, q in SEARCHES]
    return [point for point in made if not only or point.scenario in only]
