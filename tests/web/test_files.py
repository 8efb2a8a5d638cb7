"""The web client's files: how they are served, what they may do, and that they fit together."""
import gzip
import json
import re

import pytest
from playwright.sync_api import expect

from chat.static_files import TYPES
from chat.web.files import CONTENT, ENTRIES, read
from tests.support.browser import NARROW
from tests.support.http import expect_error
from tests.support.node import FOLDER

FILES = sorted(str(path.relative_to(CONTENT)) for path in CONTENT.rglob('*') if path.is_file())
NAMES = [name for name in FILES if name not in ENTRIES]
MODULES = [name for name in NAMES if name.startswith('js/')]
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in sorted((CONTENT / 'texts').glob('??.json'))}
pytestmark = pytest.mark.once  # nothing here depends on the database
CHAT = CONTENT.parents[1]
PACKAGE = FOLDER / 'node_modules' / 'socket.io-client'


@pytest.fixture
def folder(http):
    """The address of the files of this version, as the page has it."""
    return re.search(r'"(/web/[0-9a-f]{16}/)js/app\.js"', http.get('/').text)[1]


def type_of(name):
    return TYPES[f'.{name.rpartition(".")[2]}']


def test_the_page_is_at_the_root_and_needs_no_token(http):
    response = http.as_user(None).get('/')
    assert (response.status_code, response.headers['Content-Type']) == (200, 'text/html; charset=utf-8')
    assert '<chat-app>' in response.text and '/web/version/' not in response.text


@pytest.mark.parametrize('name', ENTRIES)
def test_what_keeps_its_address_is_asked_for_each_time(http, name):
    path = '/' if name == 'index.html' else f'/{name}'
    response = http.get(path)
    assert (response.status_code, response.headers['Content-Type']) == (200, type_of(name))
    assert response.headers['Cache-Control'] == 'no-cache'
    again = http.get(path, headers={'If-None-Match': response.headers['ETag']})
    assert (again.status_code, again.content, again.headers['ETag']) == (304, b'', response.headers['ETag'])


@pytest.mark.parametrize('name', NAMES)
def test_every_file_is_served_for_good_under_the_version(http, folder, name):
    response = http.get(folder + name)
    assert (response.status_code, response.headers['Content-Type']) == (200, type_of(name))
    assert response.content == (CONTENT / name).read_bytes()
    assert response.headers['Cache-Control'] == 'public, max-age=31536000, immutable'
    again = http.get(folder + name, headers={'If-None-Match': f'"other", {response.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b'')


@pytest.mark.parametrize('path', ['/', '/sw.js', 'css/base.css', 'js/texts.js', 'icons/icon.svg'])
def test_what_shrinks_is_sent_compressed_to_those_who_take_it(http, folder, path):
    path = path if path.startswith('/') else folder + path
    squeezed, plain, refused = (http.get(path, headers={'Accept-Encoding': taken}) for taken in ('br, gzip', 'identity', 'gzip;q=0'))
    assert [response.headers.get('Content-Encoding') for response in (squeezed, plain, refused)] == ['gzip', None, None]
    assert squeezed.content == plain.content == refused.content
    assert int(squeezed.headers['Content-Length']) < int(plain.headers['Content-Length']) == len(plain.content)
    assert all(response.headers['Vary'] == 'Accept-Encoding' for response in (squeezed, plain, refused))


def test_pictures_are_sent_as_they_are(http, folder):
    response = http.get(folder + 'icons/icon-192.png')
    assert response.content.startswith(b'\x89PNG') and 'Content-Encoding' not in response.headers


def test_the_head_of_a_file_can_be_asked_for(http, folder):
    whole, head = http.get(folder + 'js/app.js'), http.request('HEAD', folder + 'js/app.js')
    assert (head.status_code, head.content) == (200, b'')
    assert {name: head.headers[name] for name in ('ETag', 'Content-Type', 'Content-Length')} == \
        {name: whole.headers[name] for name in ('ETag', 'Content-Type', 'Content-Length')}


@pytest.mark.parametrize('path', ['/web/0123456789abcdef/js/app.js', 'js/none.js', 'index.html', 'js/', '../files.py', '..%2ffiles.py',
                                  'js//app.js', '/web/', '/web/x', '/sw.js/', '/index.html'])
def test_what_is_no_file_of_this_version_is_not_found(http, folder, path):
    expect_error(http.get(path if path.startswith('/') else folder + path), 404, 'not_found')


def test_files_take_no_other_method(http, folder):
    expect_error(http.post(folder + 'js/app.js'), 405, 'method_not_allowed')
    expect_error(http.post('/'), 405, 'method_not_allowed')


@pytest.mark.parametrize('path', ['/', '/sw.js', 'js/app.js'])
def test_the_page_may_only_do_what_it_needs(http, folder, path):
    headers = http.get(path if path.startswith('/') else folder + path).headers
    policy = dict(part.split(' ', 1) for part in headers['Content-Security-Policy'].split('; '))
    assert policy['default-src'] == "'none'" and policy['script-src'] == policy['connect-src'] == "'self'"
    assert policy['frame-ancestors'] == policy['base-uri'] == "'none'"
    assert not re.search(r'unsafe|data:|http|\*', headers['Content-Security-Policy'])
    assert headers['X-Content-Type-Options'] == 'nosniff' and headers['Referrer-Policy'] == 'no-referrer'
    assert headers['Permissions-Policy'] == 'camera=(self), microphone=(self), display-capture=(self)'


def test_the_page_may_show_files_from_the_address_that_the_server_gives_them(start_server, open_http):
    policy = open_http(start_server(env={'PUBLIC_URL': 'https://chat.example.com/sub'})).get('/').headers['Content-Security-Policy']
    assert "img-src 'self' blob: https://chat.example.com;" in policy and "media-src 'self' blob: https://chat.example.com;" in policy
    assert "script-src 'self';" in policy


def test_the_page_is_whole_however_little_an_address_may_ask(start_server, open_http):
    http = open_http(start_server(env={'RATE_LIMIT_REQUESTS': '1/60'}))
    assert [http.get('/').status_code for _ in range(3)] == [200, 200, 200]


def test_a_changed_file_changes_the_address_of_all(tmp_path):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((CONTENT / name).read_bytes())
    version, files = read(tmp_path)
    assert read(tmp_path) == (version, files) == read(CONTENT)
    (tmp_path / 'css/base.css').write_text('body {}')
    newer, changed = read(tmp_path)
    assert newer != version and all(changed[name].etag != files[name].etag for name in ENTRIES)


def test_the_inbox_needs_few_bytes_from_a_cold_cache(open_window, http, ann, bob, make_room):
    for _ in range(20):
        make_room(ann, bob)
    window = open_window(ann, size=NARROW, path=None)
    developer, sizes = window.context.new_cdp_session(window.page), []
    developer.send('Network.enable')
    developer.on('Network.loadingFinished', lambda event: sizes.append(event['encodedDataLength']))
    window.page.goto(window.url)
    expect(window.page.locator('.rows a.row')).to_have_count(21)
    assert 10 * 1024 < sum(sizes) <= 150 * 1024, f'{sum(sizes)} bytes in {len(sizes)} answers'


# ---------------------------------------------------------------------- what is in them

def page():
    return gzip.decompress(read(CONTENT)[1]['index.html'].body).decode()


def test_the_page_names_the_modules_that_it_begins_with_so_that_they_come_at_once():
    preloaded = re.findall(r'modulepreload" href="/web/\w+/(.*?)"', page())
    assert preloaded[0] == 'js/app.js' and 'js/texts.js' in preloaded and set(preloaded) <= set(NAMES)
    assert len(preloaded) == len(set(preloaded))


def test_whatever_the_entries_name_is_there():
    _, files = read(CONTENT)
    for name in ENTRIES:
        named = re.findall(r'/web/\w+/([\w./-]+)', files[name].plain().decode())
        assert named and set(named) <= set(NAMES), name


@pytest.mark.parametrize('name', [*MODULES, 'sw.js'])
def test_modules_set_no_markup_and_run_no_text(name):
    text = (CONTENT / name).read_text()
    assert not re.search(r'innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style', text)
    assert not re.search(r'https?://(?!www\.w3\.org/)', text), 'nothing is contacted but the server'


def test_the_page_has_no_script_and_no_style_in_it():
    assert not re.search(r'<style|\sstyle=|\son\w+=|<script(?![^>]* src=)', page())


def test_the_client_can_be_read_in_an_evening():
    code = [re.sub(r'/\*.*?\*/', '', (CONTENT / name).read_text(), flags=re.DOTALL) for name in FILES
            if name.endswith(('.js', '.css', '.html')) and not name.startswith('vendor/')]
    lines = [line for text in code for line in text.split('\n') if line.strip() and not line.strip().startswith('//')]
    assert len(lines) <= 4000


def test_every_language_has_the_same_texts():
    def keys(texts):
        return {re.sub(r'\.(zero|one|two|few|many|other)$', '.other', key) for key in texts}

    own = {name: {key: text for key, text in texts.items() if not key.startswith('server.')} for name, texts in LANGUAGES.items()}
    assert all(keys(texts) == keys(own['en']) and all(texts.values()) for texts in own.values())
    for key, text in LANGUAGES['en'].items():
        if not key.endswith('.one'):
            assert set(re.findall(r'\{\w+\}', text)) == set(re.findall(r'\{\w+\}', LANGUAGES['de'][key])), key


def test_what_the_server_says_is_translated_as_it_says_it():
    source = ''.join(path.read_text() for path in CHAT.rglob('*.py')).replace("\\'", "'")
    said = re.sub(r'\d+', '#', re.sub(r"'\s*\n\s*f?'", '', re.sub(r'\{[^{}]*\}', '#', source)))
    translated = {key.removeprefix('server.'): text for key, text in LANGUAGES['de'].items() if key.startswith('server.')}
    assert translated and [key for key in translated if key not in said] == []
    assert all(key.count('#') == text.count('#') for key, text in translated.items())


def test_every_text_that_a_module_asks_for_is_there():
    for name in MODULES:
        asked = re.findall(r"""\bt\(\s*'([^']+)'""", (CONTENT / name).read_text())
        assert [key for key in asked if key not in LANGUAGES['en'] and f'{key}.other' not in LANGUAGES['en']] == [], name


def test_the_vendored_client_is_what_npm_has_in_the_version_that_the_suite_talks_with(bridge):
    version = json.loads((FOLDER / 'package.json').read_text())['dependencies']['socket.io-client']
    vendored = CONTENT / 'vendor' / 'socket.io.esm.min.js'
    assert f'Socket.IO v{version}\n' in vendored.read_text()[:200]
    assert vendored.read_bytes() == (PACKAGE / 'dist' / vendored.name).read_bytes()
    assert (CONTENT / 'vendor' / 'socket.io-client.LICENSE.txt').read_bytes() == (PACKAGE / 'LICENSE').read_bytes()
