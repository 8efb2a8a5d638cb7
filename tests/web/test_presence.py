"""Who is there, as the web client shows it."""
import re

import pytest
from playwright.sync_api import expect

from tests.web.walks import sign_in, sign_out

pytestmark = pytest.mark.once  # nothing here depends on the database


def test_it_is_seen_at_once_when_the_other_one_signs_in_and_leaves(open_window, http, ann, bob):
    http.as_user(bob).post(f'/api/messages/send/{ann.id}', {'content': 'See you later'})
    window = open_window(ann)
    row = window.page.get_by_role('navigation').get_by_role('link', name='Bob Okafor')
    row.click()
    head = window.page.get_by_role('main').locator('header')
    expect(head).to_contain_text(re.compile('offline|last seen'))
    expect(row.locator('.presence')).to_have_count(0)
    other = open_window()
    sign_in(other.page, bob)
    expect(head).to_contain_text('online')
    expect(row.locator('.presence')).to_be_attached()
    sign_out(other)
    expect(head).to_contain_text('last seen')
    expect(row.locator('.presence')).to_have_count(0)
