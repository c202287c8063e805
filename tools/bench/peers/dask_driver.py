"""Dask: dask-scheduler and dask-worker with one thread on one side, this as a program on the other."""
import sys

import distributed

from driver import Driver


def echo(payload):
    return payload


class Peer:
    def __init__(self):
        self.client = distributed.Client(sys.argv[1], timeout=30)

    def submit(self, payloads):
        return self.client.map(echo, payloads, pure=False)

    def results(self, handles):
        return self.client.gather(handles)


if __name__ == "__main__":
    Driver(Peer()).run()
