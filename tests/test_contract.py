"""docs/contract.md is about this server: what it promises is there, what is there is promised, what it plans is not."""
import re

import pytest
from flask import Flask

from chat import api, sockets, web
from chat.dialects import DIALECTS
from chat.errors import ChatError
from config import ROOT

TEXT = (ROOT / 'docs' / 'contract.md').read_text()
SECTIONS = re.split(r'^(?=## )', TEXT, flags=re.MULTILINE)[1:]
METHODS = ('GET', 'POST', 'PUT', 'PATCH', 'DELETE')
ROUTE = re.compile(rf'(?:({"|".join(METHODS)}) )?(…?/[\w<>./-]*)(?![\w…<>./-])')


def blocks(section):
    """The paragraphs and the rows of tables of a section, each as one line."""
    for paragraph in section.split('\n\n'):
        if paragraph.startswith('|'):
            yield from paragraph.split('\n')
        else:
            yield ' '.join(paragraph.split('\n'))


def is_planned(block):
    return '*planned' in block.lower()


PROMISED = [block for section in SECTIONS if '(planned)\n' not in section for block in blocks(section) if not is_planned(block)]
PLANNED = [block for section in SECTIONS for block in blocks(section)
           if block.startswith('|') and ('(planned)\n' in section or is_planned(block))]


def spans(block):
    """(the text before it, the code) of each piece of code."""
    parts = block.split('`')
    return list(zip(parts[0::2], parts[1::2], strict=False))


def routes(block):
    """(method, path) of each request that a block names; `…/x` continues the address before it."""
    methods, waiting, base = [], [], ''
    for before, code in spans(block):
        if not re.fullmatch(r'\s*[/·]\s*', before):
            waiting = []
        if code in METHODS:
            waiting.append(code)
            continue
        found = ROUTE.match(code)
        method, path = found.groups() if found else (None, '')
        if path.startswith('…'):
            first = path.split('/')[1]
            path = base.partition(f'/{first}')[0] + path[1:]
        if path and (method or code.startswith('…')):
            methods, base = [*waiting, method] if method else methods, path
            yield from ((each, re.sub('<[^>]*>', '<>', path)) for each in methods)
        waiting = []


def routes_of(some_blocks):
    return {route for block in some_blocks for route in routes(block)}


@pytest.fixture(scope='module')
def served():
    """(method, path) of each view."""
    app = Flask(__name__, static_folder=None)
    api.register(app)
    web.register(app)
    return {(method, re.sub('<[^>]*>', '<>', rule.rule))
            for rule in app.url_map.iter_rules() for method in rule.methods & set(METHODS)}


def test_every_request_that_is_promised_has_a_view_and_every_view_is_promised(served):
    promised = routes_of(PROMISED)
    assert (sorted(promised - served), sorted(served - promised)) == ([], [])


def test_no_request_that_is_only_planned_has_a_view(served):
    planned = routes_of(PLANNED)
    assert len(planned) > 20 and planned & served == set()


def first_cells(rows):
    """The code in the first column of tables, without what stands behind a name."""
    return {code.partition(' {')[0] for row in rows if row.startswith('|') for _, code in spans(row.split('|')[1])}


@pytest.fixture(scope='module')
def known():
    """The names of all events that are taken or told."""
    taken = {name for handlers in sockets.HANDLERS.values() for name in handlers}
    taken |= {name for dialect in DIALECTS.values() for name in dialect.handlers}
    return taken | {word.name for dialect in DIALECTS.values() for word in dialect.words.values()} | {'error'}


def test_every_event_is_promised(known):
    promised = [code for block in PROMISED for _, code in spans(block)]
    assert sorted(name for name in known if not any(code == name or code.startswith(f'{name} ') for code in promised)) == []


def test_every_event_that_is_promised_is_known_and_none_that_is_only_planned(known):
    section, = [section for section in SECTIONS if section.startswith('## 6.')]
    promised = first_cells(block for block in blocks(section) if not is_planned(block))
    planned = first_cells(PLANNED)
    assert {'send_message', 'sync', 'callUser', 'typing'} <= promised
    assert (sorted(promised - known), planned & known) == ([], set())


def test_every_code_of_an_error_is_in_it():
    def family(error):
        return {error.code}.union(*map(family, error.__subclasses__()))

    named = {code for block in PROMISED for _, code in spans(block)}
    assert sorted(family(ChatError) - named) == []
