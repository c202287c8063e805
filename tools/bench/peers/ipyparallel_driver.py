"""ipyparallel: ipcontroller and one ipengine on one side, this as a program on the other, by a load-balanced view."""
import sys

import ipyparallel

from driver import Driver


def echo(payload):
    return payload


class Peer:
    def __init__(self):
        self.client = ipyparallel.Client(sys.argv[1], timeout=30)
        self.client.wait_for_engines(1, timeout=30, interactive=False)
        self.view = self.client.load_balanced_view()

    def submit(self, payloads):
        return [self.view.apply_async(echo, payload) for payload in payloads]

    def results(self, handles):
        answers = [handle.get(timeout=30) for handle in handles]
        self.client.purge_local_results(handles)  # It keeps them for ever.
        return answers


if __name__ == "__main__":
    Driver(Peer()).run()
