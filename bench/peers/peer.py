"""A framework that works on command, to be timed beside fovea (../process.ts is the other side).

    python peer.py torch|tensorflow THREADS

Reads one JSON object a line from standard input and answers each with one line: load {id, variant, work, path} makes
the work ready and writes its results to the file, as float32 in fovea's order; time {id, steps} answers with the
seconds that took, and with those of all its processors; drop {id} forgets it.
"""

import importlib
import json
import os
import sys
import time

# The answers keep the real standard output; whatever else is printed goes to standard error.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def main(framework, threads):
    module = None
    works = {}

    def answer(command, id=None, variant=None, work=None, path=None, steps=None):
        nonlocal module
        if module is None:
            module = importlib.import_module(f"{framework}_works")
            module.start(int(threads))
        if command == "load":
            works[id] = module.make(variant, work)
            with open(path, "wb") as file:
                for each in works[id].results():
                    each.astype("<f4", order="C").tofile(file)
            return {"version": module.version}
        if command == "time":
            before = time.process_time()
            return {"seconds": works[id].time(steps), "cpu": time.process_time() - before}
        works.pop(id, None)
        return {}

    for line in sys.stdin:
        try:
            reply = answer(**json.loads(line))
        except Exception as error:  # The other side decides what to do without this peer.
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(reply), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
