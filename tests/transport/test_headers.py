"""Request headers: what RFC 9112 allows, and nothing that another server could read otherwise."""
import io
import json

import pytest

from chat.transport.headers import MAX_FIELDS, Headers
from tests.support.raw_http import raw_body, raw_request, raw_status


def read(*lines, rest=b'\r\nbody'):
    file = io.BytesIO(b''.join(line + b'\r\n' for line in lines) + rest)
    return Headers(file), file.read()


def test_headers_are_found_in_any_letter_case_and_the_body_is_left():
    headers, rest = read(b'Host: a', b'content-TYPE:\ttext/plain ', b'X-Empty:', b'Content-Length: 4')
    assert (headers.status, rest) == ('', b'body')
    assert headers.fields == [('Host', 'a'), ('content-TYPE', 'text/plain'), ('X-Empty', ''), ('Content-Length', '4')]
    assert headers.get('CONTENT-LENGTH') == headers.getheader('content-length') == '4'
    assert headers.typeheader == 'text/plain' and headers.get('x-empty') == '' and headers.get('none', 'x') == 'x'
    del headers['Content-Length']
    assert headers.get('content-length') is None


def test_the_first_of_several_counts_and_all_are_kept():
    headers, _ = read(b'X-A: 1', b'x-a: 2')
    assert headers.get('X-A') == '1' and headers.fields == [('X-A', '1'), ('x-a', '2')]


def test_lines_may_end_without_a_carriage_return_and_hold_latin_1():
    headers, rest = read(rest=b'X-A: b\xe9\n\nbody')
    assert headers.get('x-a') == 'b\xe9' and rest == b'body'


@pytest.mark.parametrize('line', [
    b'no colon', b': no name', b'Name : x', b' X-A: folded', b'\tX-A: folded', b'X A: x', b'X-\xc4: x', b'X-(: x', b'X-A: ' + b'x' * 70_000])
def test_what_is_no_header_line_makes_a_bad_request(line):
    assert read(b'Host: a', line)[0].status == 'bad header line'


@pytest.mark.parametrize('lines', [
    (b'Content-Length: 4', b'content-length: 5'), (b'Transfer-Encoding: chunked', b'Transfer-Encoding: identity'),
    (b'Host: a', b'Host: b')])
def test_two_readings_of_one_request_make_it_a_bad_one(lines):
    assert read(*lines)[0].status.startswith('two different values')
    assert read(lines[0], lines[0])[0].status == ''


def test_only_so_many_headers_are_read():
    assert read(*[b'X-A: x'] * MAX_FIELDS)[0].status == ''
    assert read(*[b'X-A: x'] * (MAX_FIELDS + 1))[0].status == 'too many headers'


def test_an_end_in_the_middle_ends_the_headers():
    assert Headers(io.BytesIO(b'Host: a\r\n')).fields == [('Host', 'a')]
    assert Headers(io.BytesIO(b'Host: a')).status == 'bad header line'


@pytest.mark.parametrize('headers', [
    b'X-A : 1', b'X-A: 1\r\n folded', b'nonsense', b'Content-Length: 3\r\nContent-Length: 4', b'Content-Length: +1'])
def test_the_server_answers_400_and_hangs_up(own_server, headers):
    answer = raw_request(own_server.port, b'GET /headers HTTP/1.1\r\nHost: a\r\n' + headers + b'\r\n\r\n')
    assert raw_status(answer) == 400
    assert b'Connection: close' in answer and json.loads(raw_body(answer))['code'] == 'bad_request'
