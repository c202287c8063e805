"""Where the processes of the peers live: a temporary folder, free ports of loopback, and their end."""
import ctypes
import os
import pathlib
import select
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE_S = 60
PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):
    """A peer cannot be measured; the text says why."""


class Place:
    """One peer's processes, all in one folder."""

    here = HERE

    def __init__(self, name, folder, build, slots):
        self.name, self.build, self.slots = name, build, slots
        self.modules = build / "peers"
        self.folder = folder / name
        self.folder.mkdir()
        self.log = self.folder / "log"
        self.processes = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("TASKMESH_")}
        self.environment.update(PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1", HOME=self.folder,
                                XDG_RUNTIME_DIR=self.folder, TASKMESH_CONFIG="/dev/null", LC_ALL="C.UTF-8")

    def program(self, name):
        return self.build / "tools" / f"taskmesh_peer_{name}"

    def port(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return free.getsockname()[1]

    def listens(self, port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def said(self, word):
        return word in self.log.read_text(errors="replace")

    def run(self, command, **pipes):
        """Starts a process; what it says is in the log. It leads a group, so that its children end with it."""
        with open(self.log, "ab") as log:
            options = {"stdin": subprocess.DEVNULL, "stdout": log, **pipes}
            process = subprocess.Popen([str(word) for word in command], stderr=log, cwd=self.folder,
                                       env={k: str(v) for k, v in self.environment.items()},
                                       start_new_session=True, **options)
        self.processes.append(process)
        return process

    def quiet(self, command):
        """True if it ends well; nothing of it is seen."""
        with open(os.devnull, "wb") as nowhere:
            return subprocess.run([str(word) for word in command], stdout=nowhere, stderr=nowhere, cwd=self.folder,
                                  env={k: str(v) for k, v in self.environment.items()}).returncode == 0

    def check(self):
        for process in self.processes:
            if process.poll() is not None:
                raise Failed(f"{pathlib.Path(process.args[0]).name} ended with {process.returncode}{self.last_words()}")

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return f": {lines[-1][:160]}" if lines else ""

    def end(self, signal_number):
        """Last started, first ended: a worker before its server."""
        for process in reversed(self.processes):
            try:
                os.killpg(process.pid, signal_number)
            except ProcessLookupError:
                pass


class Running:
    """A peer on its way to be measured, or measured: its place, and the driver that loads it."""

    def __init__(self, peer, place):
        self.peer, self.place = peer, place
        self.steps = peer.start(place)
        self.condition = lambda: True
        self.driver = None
        self.ready = False
        self.until = time.monotonic() + PATIENCE_S

    def advance(self):
        """One look at what it waits for. Raises Failed if it ended, or waits too long."""
        self.place.check()
        if time.monotonic() > self.until:
            raise Failed(f"was not ready after {PATIENCE_S} s{self.place.last_words()}")
        if self.driver:
            self.ready = bool(select.select([self.driver.stdout], [], [], 0)[0]) and self.line(0) == "ready"
        elif self.condition():
            try:
                self.condition = next(self.steps)
            except StopIteration as end:
                self.driver = self.place.run(end.value, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def line(self, patience_s):
        if not select.select([self.driver.stdout], [], [], patience_s)[0]:
            raise Failed(f"did not answer for {patience_s:.0f} s")
        line = self.driver.stdout.readline().decode().strip()
        if not line:
            self.driver.wait(timeout=5)
            raise Failed(f"its driver ended{self.place.last_words()}")
        return line

    def ask(self, command, length_s):
        self.place.check()
        self.driver.stdin.write(f"{command}\n".encode())
        self.driver.stdin.flush()
        return self.line(length_s + PATIENCE_S)


def adopt_orphans():
    """Whose parent ends becomes our child: nobody gets lost who has left his group."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children():
    """Kills and awaits whoever is still there; who is adopted meanwhile too."""
    while True:
        me = pathlib.Path(f"/proc/{os.getpid()}/task")
        for child in " ".join(file.read_text() for file in me.glob("*/children")).split():
            os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


class Places:
    """All of them. Leaving the `with` ends every process and removes the folder, whatever happened."""

    def __init__(self, build, slots):
        self.build, self.slots = build, slots
        self.places = []

    def __enter__(self):
        adopt_orphans()
        self.folder = tempfile.TemporaryDirectory(prefix="taskmesh-peers-", ignore_cleanup_errors=True)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        return self

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # It takes some seconds at most.
        for place in self.places:
            place.end(signal.SIGTERM)
        until = time.monotonic() + 3
        for place in self.places:
            for process in place.processes:
                try:
                    process.wait(timeout=max(0, until - time.monotonic()))
                except subprocess.TimeoutExpired:
                    pass
            place.end(signal.SIGKILL)
        end_children()
        self.folder.cleanup()

    def start(self, peers, left_out):
        """Starts all at once; returns those that are ready, in order. What fails is in left_out with its reason."""
        waiting = []
        for peer in peers:
            place = Place(peer.name, pathlib.Path(self.folder.name), self.build, self.slots)
            self.places.append(place)
            waiting.append(Running(peer, place))
        ready = []
        while waiting:
            for running in list(waiting):
                try:
                    running.advance()
                except (Failed, OSError) as error:
                    left_out[running.peer.name] = str(error)
                    running.place.end(signal.SIGKILL)
                    waiting.remove(running)
                if running.ready:
                    ready.append(running)
                    waiting.remove(running)
            time.sleep(0.02)
        return sorted(ready, key=lambda running: [peer.name for peer in peers].index(running.peer.name))
