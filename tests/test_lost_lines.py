"""Bad lines and a server that is killed: whoever was away holds, in the end, exactly what the database holds.

SOAK=1 (`make soak`) has it go on for two minutes, with five kills; in the suite it is a short one.
"""
import os
import time

from tests.support.crowd import Crowd, expect_nothing_lost, gather, standard_of

IS_SOAK = bool(os.environ.get('SOAK'))
SECONDS, KILLS = (120, 5) if IS_SOAK else (15, 2)
DIALECTS = ['standard'] * 14 + ['chat-app-api'] * 2 + ['chat-io'] * 2 + ['realtime-chat'] * 2


def test_clients_that_were_cut_off_hold_what_the_database_holds(start_server, open_http, database, bridge):
    server = start_server(database=database, env={'JWT_SECRET_KEY': 'the same after each start' * 2})
    http = open_http(server)
    users = [http.register() for _ in DIALECTS]
    crowd = Crowd(server.url, gather(http, users), users, DIALECTS, is_bad=True)
    try:
        for _ in range(KILLS):
            time.sleep(SECONDS / (KILLS + 1))
            server.kill()
            server.start()
        time.sleep(SECONDS / (KILLS + 1))
        result = crowd.finish()
    finally:
        crowd.close()
    server.check_log()

    stored = expect_nothing_lost(result, http, users)
    assert len(stored) > SECONDS * 5
    assert sum(client['cuts'] for client in result['clients']) > SECONDS
    standard = standard_of(result)
    assert sum(client['synced'] for client in standard) > len(standard)
    assert sum(client['recovered'] for client in standard) > 0
