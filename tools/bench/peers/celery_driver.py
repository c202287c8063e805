"""Celery with Redis: `celery -A celery_driver worker` on one side, this as a program on the other.

Defaults, with one process that runs tasks (pool prefork, concurrency 1). The pool without a process of its own
(solo) is as fast in a flood and much slower with lone tasks.
"""
import os

import celery

from driver import Driver

URL = os.environ["PEER_URL"]
app = celery.Celery("peer", broker=URL, backend=URL)
app.conf.update(result_expires=60, worker_hijack_root_logger=False)


@app.task(name="echo")
def echo(payload):
    return payload


class Peer:
    def __init__(self):
        self.producer = app.amqp.producer_pool.acquire(block=True)

    def submit(self, payloads):
        return [echo.apply_async((payload,), producer=self.producer) for payload in payloads]

    def results(self, handles):
        return [handle.get(timeout=30) for handle in handles]


if __name__ == "__main__":
    Driver(Peer()).run()
