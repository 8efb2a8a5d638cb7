"""The commands of the README and of docs/ do what these say, as they are printed."""
import os
import re
import subprocess

import pytest
from PIL import Image

from config import ROOT, Config
from tests.support.node import FOLDER
from tests.support.waiting import wait_until

PAGES = [(ROOT / name).read_text() for name in ('README.md', 'docs/clients.md')]
FIRST_STEPS = 'First steps with curl and socket.io-client'
NPM = re.compile(r'^npm install .*$', re.MULTILINE)


def section(heading):
    """The text of one section."""
    found = [page.partition(f'## {heading}\n')[2] for page in PAGES if f'## {heading}\n' in page]
    return re.split(r'^## ', found[0], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text, language):
    """The code blocks of that language."""
    return re.findall(rf'^```{language}\n(.*?)^```', text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def run_section(tmp_path, bridge):
    """Runs the shell blocks of a section as one script, with the section's scripts beside it; returns the output."""
    (tmp_path / 'node_modules').symlink_to(FOLDER / 'node_modules')

    def run(server, *headings):
        text = ''.join(map(section, headings))
        for name, block in zip(re.findall(r'as `(\w+\.mjs)`', text), blocks(text, 'js'), strict=True):
            (tmp_path / name).write_text(block)
        script = NPM.sub(':', ''.join(blocks(text, 'sh'))).replace('http://127.0.0.1:5000', server.url)
        done = subprocess.run(['bash', '-euc', script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_first_steps_make_two_users_chat(start_server, run_section):
    output = run_section(start_server(), FIRST_STEPS)
    assert 'got: Hello Bob' in output and 'answered: true' in output
    assert output.count('Hi Ann 👋') == 1 and output.count('"content":"Hello Bob"') == 2
    first, second = re.findall(r'\{[^{}]*"Only once"[^{}]*\}', output)
    assert first == second


def test_the_section_on_rooms_makes_two_users_meet_in_one(start_server, run_section):
    output = run_section(start_server(), FIRST_STEPS, 'Rooms')
    assert 'room: Anybody there?' in output and '2 read up to' in output
    assert '"content":"Goodbye"' in output and '"kind":"private"' in output


def test_the_section_on_edits_shows_what_was_missed(start_server, run_section):
    output = run_section(start_server(), FIRST_STEPS, 'Rooms', 'Edits, reactions, and nothing missed')
    assert output.count('"content":"Tea at five, @bob?"') >= 3 and '"emoji":"👍"' in output
    assert 'holds: Tea at five, @bob? 👍' in output and 'fve' not in output.partition('"editedAt":"')[2]


def test_the_section_on_files_sends_a_picture_and_a_voice_note(start_server, run_section, tmp_path):
    output = run_section(start_server(), FIRST_STEPS, 'Pictures, files and voice notes')
    assert '"type":"image","content":"Look at this"' in output and '"width":256,"height":256' in output
    assert '"type":"voice"' in output and '"durationMs":1000' in output
    with Image.open(tmp_path / 'fetched.png') as picture, Image.open(tmp_path / 'thumbnail.webp') as thumbnail:
        assert picture.getpixel((255, 0)) == (255, 0, 128) and thumbnail.size == (256, 256)


def test_the_example_configuration_lists_every_setting_with_its_default():
    lines = (ROOT / '.env.example').read_text().splitlines()
    example = dict(line.split('=', 1) for line in lines if line and not line.startswith('#'))
    asked = set()

    class Asked(dict):
        def get(self, name, default=None):
            asked.add(name)
            return default

    os.environ.pop('DATABASE_URL', None)
    plain = vars(Config(Asked())) | {'DB': 1}
    assert asked - {'SERVER_PORT', 'JWT_SECRET_KEY', 'secretKey'} <= set(example)
    filled = {name: value for name, value in example.items() if value and not name.startswith('DB_')}
    assert vars(Config(filled)) | {'DB': 1} == plain


@pytest.mark.once  # nothing here depends on the database
@pytest.mark.one_process('a browser polls over connections that it keeps, which the balancer takes for one session each')
def test_the_page_on_calls_has_a_browser_call_somebody_in_the_web_client(open_window, http, new_user):
    ann, bob = new_user(), new_user()
    printed = blocks((ROOT / 'docs/calls.md').read_text(), 'js')[0].replace('https://chat.example.com', http.base_url)
    called, caller = open_window(bob), open_window(path='#/sign-in')
    wait_until(lambda: called.page.evaluate('Boolean(customElements.get("chat-call"))'), 15, 'the callee can be called')
    caller.page.evaluate("""async ([token, callee]) => {
        const { io } = await import(new URL('../vendor/socket.io.esm.min.js', document.querySelector('script[type=module]').src));
        const video = document.createElement('video'), headers = { Authorization: `Bearer ${token}` };
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
        PRINTED
        Object.assign(window, { connection, video });
    }""".replace('PRINTED', printed), [ann.token, bob.id])
    called.page.get_by_role('button', name='With camera').click()
    wait_until(lambda: caller.page.evaluate('connection.connectionState') == 'connected', 20, 'they are connected')
    assert caller.page.evaluate('video.srcObject.getVideoTracks().length') == 1
