"""Several processes of one server: one MariaDB, one Redis, one folder of files, one secret."""
from tests.support.server import ChatServer

SECRET = 'a secret of at least thirty-two bytes that all processes share'


class Several:
    """`Several(3, database_url=..., redis_url=..., folder=...).start()`: `processes` are ChatServers, each on a port of its own."""

    def __init__(self, count, database_url, redis_url, folder, env=None):
        shared = {'REDIS_URL': redis_url, 'JWT_SECRET': SECRET, 'UPLOAD_FOLDER': str(folder / 'uploads'),
                  'INSTANCE_PATH': str(folder / 'instance'), 'TRUSTED_PROXIES': '127.0.0.1', **(env or {})}
        self.processes = []
        for number in range(count):
            (folder / str(number)).mkdir()
            self.processes.append(ChatServer(env=shared, database_url=database_url, folder=folder / str(number)))

    def start(self):
        """Start them one after the other; the first one makes the schema."""
        for process in self.processes:
            process.start()
        return self

    def close(self):
        """Stop those that run."""
        errors = []
        for process in self.processes:
            try:
                process.close()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def __getitem__(self, number):
        return self.processes[number]

    def __len__(self):
        return len(self.processes)
