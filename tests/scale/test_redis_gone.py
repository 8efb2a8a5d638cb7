"""Redis is stopped, and started again with nothing in it, while people of all dialects talk: each process goes on alone.

SOAK=1 (`make soak`) does so time and again for a minute; in the suite it is gone once.
"""
import os
from itertools import cycle, islice

from tests.support.crowd import Crowd, expect_nothing_lost, gather
from tests.support.files import execute
from tests.support.nginx import Nginx
from tests.support.sockets import expect_ok
from tests.support.waiting import wait_until

TIMES = 6 if os.environ.get('SOAK') else 1
PEOPLE = 21
DIALECTS = list(islice(cycle(['standard'] * 4 + ['chat-app-api', 'chat-io', 'realtime-chat']), PEOPLE))
ADDRESSES = [f'127.0.1.{number}' for number in range(1, PEOPLE + 1)]
MEANWHILE = 60     # messages that are stored while Redis is gone, and again while it is there
KNOWN_AFTER = 20   # seconds in which all processes are together again


def say_of_redis(process, open_http):
    return open_http(process).get('/ready').json()['redis']


def listen(own_three, room, users, open_http, open_socket):
    """A client of each process that is in the room and says nothing."""
    listeners = []
    for process, user in zip(own_three.processes, users, strict=True):
        assert open_http(process).as_user(user).post('/api/rooms/join', {'roomId': room}).status_code == 200
        listeners.append(open_socket(process, user))
    return listeners


def told_in(listener, room):
    return [message['id'] for message in listener.received('receive_message') if message['roomId'] == room]


def test_what_was_sent_while_redis_was_gone_is_stored_and_comes_to_all_once_it_is_back(
        own_three, own_redis, start_proxy, open_http, open_socket):
    nginx = start_proxy(Nginx, *own_three.processes)
    http = open_http(nginx)
    users = [http.register() for _ in DIALECTS]
    rooms = gather(http, users)
    listeners = listen(own_three, rooms[0], [http.register() for _ in own_three.processes], open_http, open_socket)

    def talk_goes_on():
        before = count()
        wait_until(lambda: count() > before + MEANWHILE, 60, 'people go on talking', interval=0.1)

    def count():
        return execute(own_three[0], 'SELECT COUNT(*) FROM messages')[0][0]

    crowd = Crowd(nginx.url, rooms, users, DIALECTS, addresses=ADDRESSES, is_spread=True, pause=0.5)
    try:
        talk_goes_on()
        for _ in range(TIMES):
            own_redis.pause()
            talk_goes_on()
            assert [say_of_redis(process, open_http) for process in own_three.processes] == ['does not answer'] * 3
            own_redis.resume()
            wait_until(lambda: [say_of_redis(process, open_http) for process in own_three.processes] == ['ok'] * 3, KNOWN_AFTER)
            talk_goes_on()
        result = crowd.finish(120)
    finally:
        crowd.close()
    own_three.check_log()

    stored = expect_nothing_lost(result, http, users)
    assert result['stuck'] == []
    deleted = {id for id, message in stored.items() if message['deletedAt']}  # perhaps before all knew of them
    spoken = {id for id, message in stored.items() if message['roomId'] == rooms[0]} - deleted
    for listener in listeners:
        wait_until(lambda listener=listener: spoken <= set(told_in(listener, rooms[0])), KNOWN_AFTER, 'all is told')
        told = told_in(listener, rooms[0])
        assert told == sorted(set(told)), 'told twice, or out of order'
        assert set(told) - deleted == spoken
    for sender in listeners:
        message = expect_ok(sender.call('send_message', {'roomId': rooms[0], 'content': 'together again'}))['message']
        for listener in listeners:
            listener.expect('receive_message', where=lambda told, message=message: told['id'] == message['id'])
