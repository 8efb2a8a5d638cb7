"""The emoji to choose from in the web client."""
import json
import re

import pytest
from playwright.sync_api import expect

from chat.core.messages.emoji import as_emoji
from chat.web.files import CONTENT
from tests.support.browser import until

pytestmark = pytest.mark.once  # nothing here depends on the database

EMOJI = json.loads((CONTENT / 'texts' / 'emoji.json').read_text())


def test_every_emoji_to_choose_is_one_that_the_server_takes_as_it_is():
    entries = [entry for group in EMOJI.values() for entry in group]
    assert [entry['emoji'] for entry in entries if as_emoji(entry['emoji']) != entry['emoji']] == []
    assert len({entry['emoji'] for entry in entries}) == len(entries) > 400
    assert all(entry['en'] and entry['de'] for entry in entries)


def test_every_group_of_emoji_has_a_place_and_a_name():
    source = (CONTENT / 'js' / 'emoji.js').read_text()
    groups = re.findall(r"(\w+): '", re.search(r'const GROUPS = \{(.*?)\};', source, re.DOTALL)[1])
    assert groups == list(EMOJI)
    assert {f'emoji.{group}' for group in [*groups, 'recent']} <= set(json.loads((CONTENT / 'texts' / 'en.json').read_text()))


def test_emoji_are_found_by_english_and_german_words_and_picked_by_the_keyboard(open_page):
    page = open_page('emoji')
    page.evaluate('''() => {
      window.picked = [];
      const picker = document.createElement('emoji-picker');
      picker.addEventListener('picked', ({ detail }) => picked.push(detail));
      document.body.append(picker);
    }''')
    until(page, '() => document.querySelectorAll(".emoji-grid button").length > 400')
    typed = {'thumb': '👍', 'daumen hoch': '👍', 'schloss': '🏰', 'PIZZA': '🍕', 'kase': '🧀'}
    search = page.get_by_role('searchbox')
    for words, first in typed.items():
        search.fill(words)
        expect(page.locator('.emoji-grid button').first).to_have_text(first)
        search.press('Enter')
    assert page.evaluate('picked') == list(typed.values())
