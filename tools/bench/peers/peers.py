"""The peers: what each is made of, and how its processes are started.

A start function is a generator. It starts processes by `place`, yields conditions that have to come true before
it goes on, and returns the command of the driver that will load the peer.
"""
import dataclasses
from typing import Callable

PYTHON = "/usr/bin/python3"  # Debian's own: no other sees Debian's packages.


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    start: Callable
    packages: tuple = ()  # Of Debian.
    npm: bool = False  # And those of package.json.
    program: bool = False  # Its driver is built: target taskmesh_peer_NAME.
    client: str = ""  # Who speaks to it, and how.
    keeps: str = ""  # What becomes of a task: where it is, and whether it outlives its worker.


def start_taskmesh(place):
    mesh = "bench-peers"
    place.run([place.build / "tools/taskmesh", "worker", "--builtin", "--mesh", mesh, "--slots", place.slots])
    yield lambda: place.quiet([place.build / "tools/taskmesh", "submit", "--mesh", mesh, "add", "1", "2"])
    return [place.program("taskmesh"), mesh]


def start_nats(place):
    port = place.port()
    place.run(["nats-server", "-a", "127.0.0.1", "-p", port])
    yield lambda: place.listens(port)
    url = f"nats://127.0.0.1:{port}"
    place.run([place.program("nats"), "worker", url])
    yield lambda: place.said("serving")  # NATS keeps nothing for a worker that comes later.
    return [place.program("nats"), "client", url]


def start_gearmand(place):
    port = place.port()
    place.run(["gearmand", "--listen=127.0.0.1", f"--port={port}", "--log-file=stderr"])
    yield lambda: place.listens(port)
    place.run([place.program("gearmand"), "worker", port])
    return [place.program("gearmand"), "client", port]


def start_beanstalkd(place):
    port = place.port()
    place.run(["beanstalkd", "-l", "127.0.0.1", "-p", port])
    yield lambda: place.listens(port)
    place.run([place.program("beanstalkd"), "worker", port])
    return [place.program("beanstalkd"), "client", port]


def start_redis(place):
    """Without a disk: no snapshots, no log of changes. Each peer has one of its own."""
    port = place.port()
    place.run(["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
               "--dir", place.folder])
    yield lambda: place.listens(port)
    return port


def start_bullmq(place):
    port = yield from start_redis(place)
    place.environment["PEER_MODULES"] = f"{place.modules}/"
    place.run(["node", place.here / "bullmq_driver.js", "worker", port])
    return ["node", place.here / "bullmq_driver.js", "client", port]


def start_celery(place):
    port = yield from start_redis(place)
    place.environment["PEER_URL"] = f"redis://127.0.0.1:{port}/0"
    place.run([PYTHON, "-m", "celery", "-A", "celery_driver", "worker", "--concurrency", "1", "--loglevel", "ERROR"])
    return [PYTHON, place.here / "celery_driver.py"]


def start_rq(place):
    port = yield from start_redis(place)
    place.environment["PEER_URL"] = f"redis://127.0.0.1:{port}/0"
    place.run(["rq", "worker", "--url", place.environment["PEER_URL"], "--worker-class", "rq.SimpleWorker",
               "--logging_level", "ERROR"])
    return [PYTHON, place.here / "rq_driver.py"]


def start_dask(place):
    port = place.port()
    place.run(["dask-scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"])
    yield lambda: place.listens(port)
    url = f"tcp://127.0.0.1:{port}"
    place.run(["dask-worker", url, "--nthreads", "1", "--no-nanny", "--no-dashboard",
               "--local-directory", place.folder])
    return [PYTHON, place.here / "dask_driver.py", url]


def start_ipyparallel(place):
    place.environment["IPYTHONDIR"] = place.folder / "ipython"
    files = place.folder / "ipython/profile_default/security"
    place.run(["ipcontroller", "--ip=127.0.0.1", "--location=127.0.0.1", "--nodb", "--log-level=ERROR"])
    yield lambda: all((files / f"ipcontroller-{side}.json").exists() for side in ("engine", "client"))
    place.run(["ipengine", f"--file={files}/ipcontroller-engine.json", "--log-level=ERROR"])
    return [PYTHON, place.here / "ipyparallel_driver.py", files / "ipcontroller-client.json"]


OURS = Peer("taskmesh", start_taskmesh, program=True, client="its C++ client, continuations",
            keeps="in the worker's memory, no copy (replicas 0): ends as `lost` with its worker, and the "
                  "client is told; results are repeated until acknowledged")

PEERS = (
    Peer("nats", start_nats, ("nats-server", "libnats-dev"), program=True,
         client="request and reply, queue group; C client; sends gathered where the window is above 64",
         keeps="nowhere: sent to one of the group and forgotten; lost in silence with its worker"),
    Peer("gearmand", start_gearmand, ("gearman-job-server", "libgearman-dev"), program=True,
         client="libgearman on both sides, non-blocking in a flood",
         keeps="in the server's memory; run again when its worker dies"),
    Peer("beanstalkd", start_beanstalkd, ("beanstalkd",), program=True,
         client="its text protocol from C++, pipelined; an answer is a job in a second tube",
         keeps="in the server's memory, no log; run again when its worker's connection ends"),
    Peer("bullmq", start_bullmq, ("redis-server",), npm=True,
         client="addBulk in a flood, concurrency 1, one QueueEvents reader",
         keeps="in Redis, not on its disk; run again a minute after its worker died"),
    Peer("celery", start_celery, ("redis-server", "python3-celery", "python3-redis"),
         client="defaults, concurrency 1 (prefork), Redis for tasks and results",
         keeps="in Redis, not on its disk; acknowledged before it runs: what runs is lost with its worker"),
    Peer("rq", start_rq, ("redis-server", "python3-rq"),
         client="SimpleWorker (no fork); enqueue_many in a flood; the client looks for results without a pause",
         keeps="in Redis, not on its disk; what ran in a killed worker is not run again"),
    Peer("dask", start_dask, ("python3-distributed",),
         client="client.map and gather, one worker with one thread, no nanny",
         keeps="in the client's and the scheduler's memory; run again when its worker dies"),
    Peer("ipyparallel", start_ipyparallel, ("python3-ipyparallel",),
         client="load-balanced view, one engine",
         keeps="in the controller's memory; reported as failed when its engine dies"),
)
