"""A child process in a session of its own, with its output in a file and an end within a deadline."""

import os
import shutil
import signal
import subprocess
import threading

from tests.support.waiting import TimedOut, wait_until


def dying_with_the_tests(command):
    """`command` such that the kernel ends it when the test process is killed and can't clean up.

    The kernel watches the thread that started it, so this is for the main thread only.
    """
    wrapper = shutil.which('setpriv')
    if wrapper is None or threading.current_thread() is not threading.main_thread():
        return list(command)
    return [wrapper, '--pdeathsig', 'TERM', '--', *command]


class Process:
    """Starts `command`; its stdout and stderr are appended to the file `log_path`."""

    def __init__(self, command, log_path, env=None, cwd=None):
        with open(log_path, 'ab') as log:
            self._popen = subprocess.Popen(
                dying_with_the_tests(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=env, cwd=cwd, start_new_session=True,
            )
        self._group_killed = False

    @property
    def pid(self):
        """The process id, which is its process group and session too."""
        return self._popen.pid

    @property
    def returncode(self):
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def alive(self):
        """Whether it still runs."""
        return self.returncode is None

    def stop(self, timeout):
        """SIGTERM, and at most `timeout` seconds; then SIGKILL and TimedOut. Returns the exit status."""
        self._popen.send_signal(signal.SIGTERM)
        try:
            wait_until(lambda: not self.alive, timeout, f'process {self.pid} ends on SIGTERM')
        except TimedOut:
            self.kill()
            raise
        self._kill_group()
        return self.returncode

    def kill(self):
        """SIGKILL for the process and whatever it has started."""
        self._kill_group()
        self._popen.wait()

    def _kill_group(self):
        if self._group_killed:
            return  # by now its number may be somebody else's
        self._group_killed = True
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
