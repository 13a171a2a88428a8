"""What refusing each hostile document costs: ``python -m bench.graphql_attacks``.

Prints a line an attack (code, CPU in milliseconds, peak memory in KiB) and ends with 1 if one of them was accepted,
refused with another code, or took more than 50 ms of CPU or 20 MiB (bar G2).
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from typing import Final

from kilo_gql.errors import KiloError
from kilo_gql.graphql.documents import Documents
from kilo_gql.graphql.limits import Limits
from tests.graphql.attacks import WORDS, Attack, attacks, make_schema

MAX_CPU_MS: Final = 50.0
MAX_PEAK_KIB: Final = 20 * 1024
_RUNS: Final = 3


def fire(documents: Documents, attack: Attack) -> str:
    """The code an attack is refused with, or how it was accepted."""
    try:
        cost = documents.prepare(attack.source).cost(attack.variables, attack.operation_name)
    except KiloError as error:
        return error.code
    return f"ACCEPTED {cost}"


def measure(attack: Attack) -> tuple[str, float, float]:
    """The code, the least CPU of some runs in milliseconds, the peak memory in KiB; nothing is in a cache."""
    schema = make_schema()
    Documents(schema, Limits()).prepare("{ __typename }")  # the schema's own lazy parts are not the attack's doing
    code, spent = "", []
    for _ in range(_RUNS):
        documents = Documents(schema, Limits())
        started = time.process_time()
        code = fire(documents, attack)
        spent.append((time.process_time() - started) * 1e3)
    documents = Documents(schema, Limits())
    tracemalloc.start()
    fire(documents, attack)
    peak = tracemalloc.get_traced_memory()[1] / 1024
    tracemalloc.stop()
    return code, min(spent), peak


def main() -> int:
    corpus = attacks(WORDS)
    gc.collect()
    gc.freeze()  # else every collection walks the corpus, and an attack pays for its neighbours
    failed, slowest, largest = [], 0.0, 0.0
    print(f"{'attack':<40} {'code':<30} {'CPU ms':>7} {'KiB':>7}")
    for attack in corpus:
        code, spent, peak = measure(attack)
        slowest, largest = max(slowest, spent), max(largest, peak)
        bad = code != attack.code or spent > MAX_CPU_MS or peak > MAX_PEAK_KIB
        if bad:
            failed.append(attack.name)
        print(f"{attack.name:<40} {code:<30} {spent:7.2f} {peak:7.0f}{'  <-- ' + attack.code if bad else ''}")
    print(f"\n{len(corpus)} attacks, {len(failed)} failed; at most {slowest:.1f} ms CPU and {largest:.0f} KiB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
