"""Two people who use the web client, and rooms for them."""
import uuid

import pytest


@pytest.fixture
def ann(new_user):
    return new_user(displayName='Ann Lee')


@pytest.fixture
def bob(new_user):
    return new_user(displayName='Bob Okafor')


@pytest.fixture
def make_room(http):
    """Makes a private room: `make_room(admin, *members)`; returns it as the admin sees it."""
    def made(admin, *members, name=None):
        name = name or f'Room {uuid.uuid4().hex[:8]}'
        room = http.as_user(admin).post('/api/rooms', {'name': name, 'isPrivate': True}).json()['room']
        for member in members:
            assert http.as_user(member).post('/api/rooms/join', {'inviteCode': room['inviteCode']}).status_code == 200
        return room

    return made


@pytest.fixture
def open_page(open_window):
    """Opens the server's page with nothing on it but the modules that are named, each as a variable: `open_page('calls')`."""
    def opened(*modules, **options):
        page = open_window(**options).page
        page.evaluate('''async (modules) => {
          window.base = document.querySelector('script[type=module]').src.replace(/js\\/app\\.js$/, '');
          await (await import(`${base}js/texts.js`)).ready;
          document.body.replaceChildren();
          for (const name of modules) window[name] = await import(`${base}js/${name}.js`);
        }''', modules)
        return page

    return opened
