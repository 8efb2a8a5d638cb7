"""The documents say what is so: links lead somewhere, and the files and settings that they name are there."""
import re
from functools import cache

import pytest

from config import ROOT, Config

DOCUMENTS = sorted([*ROOT.glob('*.md'), *ROOT.glob('docs/**/*.md'), *ROOT.glob('benchmarks/**/README.md')])
DOCUMENTS = [path for path in DOCUMENTS if 'node_modules' not in path.parts]
FENCE = re.compile(r'^```.*?^```', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"')
CODE = re.compile(r'`([^`\n]+)`')
PATH = re.compile(r'(?:chat|tests|benchmarks|migrations|docs|deploy)/[\w./-]*|config\.py|wsgi\.py|requirements[\w-]*\.txt|pyproject\.toml')
SETTING = re.compile(r'\b[A-Z]{2,}(?:_[A-Z]+)+\b')
FENCED_SETTING = re.compile(r'^([A-Z]{2,}_[A-Z_]+)=', re.MULTILINE)
PLANNED = re.compile(r'\*planned.*', re.IGNORECASE)  # and what follows in the line


def relative(path):
    return str(path.relative_to(ROOT))


def prose(path):
    """The text of a document without its blocks of code."""
    return FENCE.sub('', path.read_text())


@cache
def anchors(path):
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r'^#+ (.*)$', prose(path), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def is_reachable(document, target):
    """Whether a relative link leads to a file here, and to a heading in it if it names one."""
    name, _, anchor = target.replace('\\', '').partition('#')
    path = (document.parent / name).resolve() if name else document
    return path.exists() and path.is_relative_to(ROOT) and (not anchor or anchor in anchors(path))


@pytest.mark.parametrize('document', DOCUMENTS, ids=relative)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(document):
    found = [link or picture for link, picture in LINK.findall(prose(document))]
    targets = [target for target in found if not re.match(r'[a-z]+:', target)]
    assert [target for target in targets if not is_reachable(document, target)] == []


@pytest.mark.parametrize('document', DOCUMENTS, ids=relative)
def test_every_file_that_is_named_is_there(document):
    named = {code for code in CODE.findall(prose(document)) if PATH.fullmatch(code)}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize('document', DOCUMENTS, ids=relative)
def test_every_setting_that_is_named_is_read(document):
    asked = set(re.findall(r'^(\w+)=', (ROOT / '.env.example').read_text(), re.MULTILINE))

    class Asked(dict):
        def get(self, name, default=None):
            asked.add(name)
            return default

    Config(Asked())
    text = re.split(r'^## .*\(planned\)$', PLANNED.sub('', document.read_text()), maxsplit=1, flags=re.MULTILINE)[0]
    named = {name for code in CODE.findall(FENCE.sub('', text)) for name in SETTING.findall(code)}
    assert sorted((named | set(FENCED_SETTING.findall(text))) - asked) == []
