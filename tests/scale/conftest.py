"""Three processes that all tests here share, and people who are connected to each of them."""
import pytest

from tests.support.databases import MariaDatabase
from tests.support.several import several


@pytest.fixture(scope='session')
def three(mariadb, redis_server, tmp_path_factory):
    """Three processes, without limits."""
    with several(3, MariaDatabase(mariadb).new_url(), redis_server.new_url(), tmp_path_factory.mktemp('several')) as processes:
        yield processes


@pytest.fixture
def own_three(mariadb, own_redis, tmp_path):
    """Three processes for one test only."""
    with several(3, MariaDatabase(mariadb).new_url(), own_redis.url, tmp_path) as processes:
        yield processes


@pytest.fixture
def processes(three):
    """The three; the test fails if it makes one write a traceback."""
    for process in three.processes:
        assert process.running, f'a process has ended:\n{process.log()[-3000:]}'
        process.check_log()
    yield three
    for process in three.processes:
        process.check_log()


@pytest.fixture
def https(processes, open_http):
    """An Http client of each process."""
    return [open_http(process) for process in processes.processes]


@pytest.fixture
def people(https):
    """Registers users, each by another process: `people(3)`."""
    return lambda count: [https[number % len(https)].register() for number in range(count)]


@pytest.fixture
def connect_to(processes, open_socket):
    """Connects to a process: `connect_to(1, account)`."""
    return lambda number, account, *arguments, **options: open_socket(processes[number], account, *arguments, **options)
