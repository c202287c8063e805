"""What the drivers in Python have in common; the commands and answers are those of driver.hpp.

A peer is an object with
  submit(payloads) -> handles     sends them, waits for none
  results(handles) -> payloads    waits for all of these
One task is a list of one.
"""
import collections
import json
import math
import sys
import time

PAYLOAD_BYTES = 100


class Driver:
    def __init__(self, peer):
        self.peer = peer
        self.number = 0

    def payloads(self, count):
        first = self.number
        self.number += count
        return [f"{number} ".ljust(PAYLOAD_BYTES, "x") for number in range(first, first + count)]

    def check(self, sent, answers):
        if list(answers) != sent:
            raise RuntimeError("an answer is not what was sent")

    def lone(self, seconds):
        samples = []
        end = time.perf_counter() + seconds
        while not samples or time.perf_counter() < end:
            sent = self.payloads(1)
            start = time.perf_counter()
            answers = self.peer.results(self.peer.submit(sent))
            samples.append((time.perf_counter() - start) * 1e6)
            self.check(sent, answers)
        samples.sort()
        return {f"p{share}_us": samples[max(1, math.ceil(share / 100 * len(samples))) - 1] for share in (50, 99)}

    def flood(self, window, seconds):
        """Half a window at a time: one half is worked on while the other is collected and sent anew."""
        half = max(1, window // 2)
        under_way = collections.deque()
        answered = 0
        start = time.perf_counter()
        while True:
            while time.perf_counter() < start + seconds and len(under_way) * half < window:
                sent = self.payloads(half)
                under_way.append((sent, self.peer.submit(sent)))
            if not under_way:
                return {"per_s": answered / (time.perf_counter() - start)}
            sent, handles = under_way.popleft()
            self.check(sent, self.peer.results(handles))
            answered += len(sent)

    def run(self):
        self.lone(0)
        print("ready", flush=True)
        for line in sys.stdin:
            words = line.split()
            if words[0] == "lone":
                answer = self.lone(int(words[1]) / 1000)
            elif words[0] == "flood":
                answer = self.flood(int(words[1]), int(words[2]) / 1000)
            else:
                raise RuntimeError("a command is unknown")
            print(json.dumps(answer), flush=True)
