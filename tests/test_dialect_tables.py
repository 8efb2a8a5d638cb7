"""Dialects as tables: what is optional, and what may be used twice."""
from chat.core.events import Everyone, RoomDeleted, UserWentOffline
from chat.dialects import DIALECTS, handlers_for
from chat.dialects.dialect import Dialect, Handler, Word
from chat.validation import Request


class Anything(Request):
    pass


def handler():
    return Handler(Anything, lambda *_: {})


def test_a_dialect_needs_no_handlers_and_is_silent_where_it_has_no_word():
    dialect = Dialect('quiet', {UserWentOffline: Word('gone', int, lambda event: event.user_id)})
    assert dialect.tell(UserWentOffline(Everyone(), 3)) == ('gone', 3)
    assert dialect.tell(RoomDeleted(Everyone(), 3)) is None
    dialects = DIALECTS | {'quiet': dialect}
    assert handlers_for('quiet', {}, dialects)['message'] is DIALECTS['chat-app-api'].handlers['message']


def test_two_dialects_may_use_the_same_event():
    mine, standard = handler(), {'send_message': handler()}
    dialects = DIALECTS | {'sixth': Dialect('sixth', {}, {'message': mine, 'send_message': mine})}
    of_b, of_sixth = (handlers_for(name, standard, dialects) for name in ('chat-app-api', 'sixth'))
    assert of_b['message'] is DIALECTS['chat-app-api'].handlers['message']
    assert of_b['send_message'] is standard['send_message']
    assert of_sixth['message'] is of_sixth['send_message'] is mine
    assert handlers_for('standard', standard, dialects)['message'] is of_b['message']
