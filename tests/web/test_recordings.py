"""Voice messages in the web client."""
import pytest
from playwright.sync_api import expect

from tests.support.browser import until
from tests.support.files import post_file

pytestmark = pytest.mark.once  # nothing here depends on the database


def test_a_voice_message_is_recorded_and_arrives(open_window, ann, bob, make_room):
    room = make_room(ann, bob)
    first, second = (open_window(who, path=f'#/rooms/{room["id"]}') for who in (ann, bob))
    first.page.get_by_role('button', name='Record a voice message').click()
    expect(first.page.locator('voice-recorder time')).to_have_text('0:01')
    first.page.get_by_role('button', name='Send recording').click()
    expect(second.page.get_by_role('button', name='Play voice message')).to_be_visible()


def test_a_recorded_message_can_be_sent_and_played(open_page, ann, http):
    page = open_page('recordings')
    page.evaluate('''() => {
      const recorder = document.createElement('voice-recorder');
      window.recorded = new Promise((resolve) => recorder.addEventListener('recorded', ({ detail }) => resolve(detail)));
      document.body.append(recorder);
    }''')
    expect(page.locator('voice-recorder time')).to_have_text('0:02')
    page.get_by_role('button', name='Send recording').click()
    sent = page.evaluate('''async () => {
      const { blob, duration, waveform } = await recorded;
      return { duration, waveform, type: blob.type, bytes: Array.from(new Uint8Array(await blob.arrayBuffer())) };
    }''')
    assert sent['duration'] >= 1.5 and max(sent['waveform']) == 1 and len(sent['waveform']) == 44
    answer = post_file(http.as_user(ann), '/api/uploads', bytes(sent['bytes']), 'voice.webm', kind='voice', durationMs=str(round(sent['duration'] * 1000)))
    assert answer.status_code == 201 and answer.json()['kind'] == 'voice'
    page.evaluate('''([src, duration]) => {
      window.note = document.createElement('voice-note');
      Object.assign(note, { src, duration });
      document.body.replaceChildren(note);
    }''', [answer.json()['url'], sent['duration']])
    until(page, '() => note.waveform?.length === 44')
    page.get_by_role('button', name='Play voice message').click()
    place = 'Number(note.querySelector("[role=slider]").ariaValueNow)'
    until(page, f'() => {place} >= 1')
    page.evaluate('note.seek(0)')
    until(page, f'() => {place} === 0')


def test_a_recording_is_discarded_by_escape(open_page):
    page = open_page('recordings')
    page.evaluate('''() => {
      const recorder = document.createElement('voice-recorder');
      window.ends = [];
      for (const name of ['recorded', 'cancelled']) recorder.addEventListener(name, () => ends.push(name));
      document.body.append(recorder);
    }''')
    expect(page.get_by_role('button', name='Send recording')).to_be_focused()
    page.keyboard.press('Escape')
    assert page.evaluate('ends') == ['cancelled']
