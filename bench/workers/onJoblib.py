"""Runs spin in this thread or on joblib: a line of rounds, count and jobs on standard input, a line when it is done."""
import sys
from math import sqrt

from joblib import Parallel, delayed


def spin(rounds):
    total = 0.0
    for round in range(rounds):
        total += sqrt(round + total)
    return total


if __name__ == "__main__":
    with Parallel(n_jobs=2) as pool:
        for line in sys.stdin:
            rounds, count, jobs = map(int, line.split())
            if jobs == 1:
                values = [spin(rounds) for _ in range(count)]
            else:
                values = pool(delayed(spin)(rounds) for _ in range(count))
            print(len(values), flush=True)
