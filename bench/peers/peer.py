"""Trains the lecture's network on command, to be timed beside fovea (../peer.ts is the other side).

    python peer.py torch|keras VARIANT THREADS

Reads one JSON object a line from standard input and answers each with one line:
load {folder, batch} reads weights and pictures; losses {steps} trains without dropout from those weights on the
first batch; train {steps} and predict {steps, batch} answer with the seconds they took.
"""

import importlib
import json
import os
import sys

# The answers keep the real standard output; whatever else is printed goes to standard error.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def main(framework, variant, threads):
    network = None
    for line in sys.stdin:
        request = json.loads(line)
        command = request.pop("command")
        try:
            if command == "load":
                module = importlib.import_module(f"lecture_{framework}")
                network = module.Lecture(variant, int(threads), **request)
                answer = {"version": network.version}
            else:
                answer = getattr(network, command)(**request)
        except Exception as error:  # The other side decides what to do without this peer.
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
