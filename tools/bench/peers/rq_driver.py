"""RQ: `rq worker --worker-class rq.SimpleWorker` on one side, this as a program on the other.

SimpleWorker runs the tasks itself; the default worker forks for each and is several times slower. Nobody tells a
client of RQ that a job has ended: it looks, here without a pause.
"""
import os

import redis
import rq
from rq.job import Job


def echo(payload):
    return payload


class Peer:
    def __init__(self):
        self.redis = redis.Redis.from_url(os.environ["PEER_URL"])
        self.queue = rq.Queue(connection=self.redis)

    def submit(self, payloads):
        if len(payloads) == 1:
            return [self.queue.enqueue("rq_driver.echo", payloads[0], result_ttl=60)]
        many = [rq.Queue.prepare_data("rq_driver.echo", (payload,), result_ttl=60) for payload in payloads]
        return self.queue.enqueue_many(many)

    def results(self, handles):
        """One worker: the last one ends last."""
        while self.redis.hget(handles[-1].key, "status") not in (b"finished", b"failed"):
            pass
        return [job.result for job in Job.fetch_many([handle.id for handle in handles], self.redis)]


if __name__ == "__main__":
    from driver import Driver

    Driver(Peer()).run()
