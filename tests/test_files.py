"""Stored files: equal ones once, none longer than it is needed, none lost."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.support import media as made
from tests.support.files import execute, kept, post_file
from tests.support.http import expect_error
from tests.support.server import REPOSITORY
from tests.support.waiting import wait_until


def test_equal_bytes_are_stored_once_and_go_with_the_last_who_has_them(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    me = http.as_user(ann)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post_file(me, '/api/uploads', made.png()), range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(kept(server)) == 2  # the picture and its thumbnail
    assert len({answer.json()['id'] for answer in answers}) == 8
    assert post_file(http.as_user(bob), '/api/uploads', made.png()).status_code == 201 and len(kept(server)) == 2
    rooms = [me.post('/api/rooms', {'name': 'x'}).json()['room']['id'] for _ in range(2)]
    for room, answer in zip(rooms, answers, strict=False):
        assert me.post(f'/api/rooms/{room}/messages', {'attachmentIds': [answer.json()['id']]}).status_code == 201
    me.delete(f'/api/rooms/{rooms[0]}')
    wait_until(lambda: http.get(answers[0].json()['url']).status_code == 401 or
               me.get(f'/api/uploads/{answers[0].json()["id"]}').status_code == 404, timeout=20)
    assert len(kept(server)) == 2 and http.get(answers[1].json()['url']).content == http.get(answers[2].json()['url']).content


def test_the_files_of_a_removed_room_go_with_its_messages(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    me = http.as_user(http.register())
    room = me.post('/api/rooms', {'name': 'x'}).json()['room']['id']
    for number in range(3):
        assert post_file(me, f'/api/rooms/{room}/messages', made.png((30 + number, 30)), made.PDF).status_code == 201
    other = post_file(me, '/api/messages/send', made.wav()).json()['attachments'][0]
    assert len(kept(server)) == 8
    assert me.delete(f'/api/rooms/{room}').status_code == 204
    wait_until(lambda: len(kept(server)) == 1, timeout=20)
    assert http.get(other['url']).content == made.wav()
    assert [execute(server, f'SELECT COUNT(*) FROM {table}')[0][0] for table in ('attachments', 'stored_files')] == [1, 1]


def test_uploads_that_are_not_sent_within_a_day_are_pruned(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    me = http.as_user(http.register())
    sent = post_file(me, '/api/messages/send', made.png()).json()['attachments'][0]
    old, fresh = (post_file(me, '/api/uploads', data).json() for data in (made.png(), made.PDF))
    execute(server, 'UPDATE attachments SET created_at = created_at - 90000000 WHERE id IN (?, ?)', sent['id'], old['id'])
    stray, recent = server.folder / 'uploads' / 'ab' / f'ab{"0" * 62}.12345678', server.folder / 'uploads' / 'tmp' / 'recent'
    stray.parent.mkdir(exist_ok=True)
    for path in (stray, recent):
        path.write_bytes(b'x')
    os.utime(stray, (0, 0))

    def prune():
        done = subprocess.run([sys.executable, '-m', 'flask', 'uploads', 'prune'], cwd=REPOSITORY, env=server.environment,
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert '1 uploads' in prune() and '0 uploads' in prune()
    assert me.get(f'/api/uploads/{old["id"]}').status_code == 404
    assert me.get(f'/api/uploads/{fresh["id"]}').content == made.PDF
    assert http.get(sent['url']).status_code == http.get(sent['thumbnailUrl']).status_code == 200
    assert not stray.exists() and recent.exists() and len(kept(server)) == 4


def test_files_survive_a_kill_and_a_restart(start_server, open_http, database):
    server = start_server(database=database)
    http = open_http(server)
    ann, bob = http.register(), http.register()
    message = post_file(http.as_user(ann), f'/api/messages/send/{bob.id}', made.PDF).json()
    server.kill()
    server.start()
    assert http.as_user(bob).get(f'/api/messages/{ann.id}').json() == [message]
    assert http.get(message['attachments'][0]['url']).content == made.PDF


def test_a_disk_that_takes_no_files_is_said_and_chat_goes_on(start_server, open_http, tmp_path):
    (tmp_path / 'file').write_text('no folder')
    server = start_server(env={'UPLOAD_FOLDER': str(tmp_path / 'file')})
    http = open_http(server)
    ann, bob = http.register(), http.register()
    expect_error(post_file(http.as_user(ann), '/api/uploads', made.PDF), 503, 'unavailable')
    assert http.as_user(ann).post(f'/api/messages/send/{bob.id}', {'content': 'x'}).status_code == 201
