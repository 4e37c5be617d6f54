"""Which of many polynomials can be the largest somewhere in a domain? Proved, not sampled.

A polynomial in nonnegative variables whose coefficients are all nonnegative is nonnegative. So the domain is written in
such variables, exactly:

* ``N = lower + n`` with n >= 0.
* ``H = lower + e + S*x`` with x >= 0 and a residue e in 0..S-1, S the least common multiple of the strides there:
  every stage size floor((H + b)/s) is then an affine function of x, for each residue another one (and a token count a
  quadratic one). The same for ``W``. Where an axis is a multiple of m, only those residues occur.
* ``r`` between two neighbouring limits of the Min(r, k), where each is either k or r; there a polynomial is nonnegative
  if its Bernstein coefficients are. Above the largest limit, ``r = limit + t``. An axis with an upper bound is one
  such interval.

For each combination of residues and intervals the coefficients of the rewritten polynomial are linear in the original
ones. Stacked, they are a matrix, the certificate: p >= q on the whole domain if ``certificate @ (p - q) >= 0``.

A term of a ``Max`` is dropped when another term is proved to be at least as large, or when a weighted mean of others is
(weights nonnegative, summing to one): where the mean is at least as large, so is the largest of them. A linear program
finds the weights; they are rounded to fractions and the inequality is then checked in integers, so that the proof does
not rest on floating point. Nor does it rest on 64 bits: see `costmodel.algebra.exact`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import comb, lcm

import numpy as np
import numpy.typing as npt

from costmodel.algebra import exact
from costmodel.algebra.domain import Domain, Free
from costmodel.algebra.exact import Matrix
from costmodel.algebra.monomial import Monomial
from costmodel.algebra.polynomial import Polynomial
from costmodel.algebra.sizes import Size

Part = tuple[tuple[str, int], ...]
"""The factors of a monomial that belong to one axis."""


Expansions = Mapping[str, tuple[int, ...]]
"""Each symbol of an axis as coefficients of 1, x, x^2, ..."""


def _powers(along: Expansions, part: Part) -> list[int]:
    """Expand a product of symbols to coefficients of 1, x, x^2, ..."""
    coefficients = [1]
    for symbol, power in part:
        factor = along[symbol]
        for _ in range(power):
            grown = [0] * (len(coefficients) + len(factor) - 1)
            for degree, coefficient in enumerate(coefficients):
                for extra, other in enumerate(factor):
                    grown[degree + extra] += coefficient * other
            coefficients = grown
    while len(coefficients) > 1 and not coefficients[-1]:
        coefficients.pop()
    return coefficients


def _bernstein(expanded: Sequence[Sequence[int]], length: int) -> list[list[int]]:
    """Bernstein coefficients over 0 <= x <= length, scaled by a common integer."""
    degree = max(map(len, expanded)) - 1
    scale = lcm(*(comb(degree, i) for i in range(degree + 1)))
    return [
        [
            sum(scale * comb(j, i) * c[i] * length**i // comb(degree, i) for i in range(min(j + 1, len(c))))
            for c in expanded
        ]
        for j in range(degree + 1)
    ]


class Certificate:
    """Decides dominance between polynomials over fixed monomials on one domain."""

    def __init__(self, domain: Domain, sizes: Mapping[str, Size], monomials: Sequence[Monomial]) -> None:
        """Build the certificate matrix.

        Args:
            domain: where the polynomials are compared.
            sizes: named sizes by the symbol that stands for them.
            monomials: the columns of every matrix given to `undominated`.
        """
        axis_of = {name: size.axis for name, size in sizes.items()}
        tables: list[dict[int, Matrix]] = []
        columns: list[list[int]] = []
        for axis, condition in domain.free.items():
            parts_of = [tuple(f for f in m if axis_of.get(f[0], f[0]) == axis) for m in monomials]
            parts = sorted(set(parts_of))
            columns.append([parts.index(part) for part in parts_of])
            own = {name: size for name, size in sizes.items() if size.axis == axis}
            rows = _axis_rows(axis, condition, own, parts)
            tables.append({power: exact.distinct(exact.matrix(r)) for power, r in rows.items()})
        self._matrix = _combine(tables, columns, len(monomials))

    def scores(self, rows: Matrix) -> Matrix:
        """Rewrite polynomials (rows of coefficients) in the certificate's coordinates."""
        return exact.dot(rows, self._matrix.T)

    def undominated(self, rows: Matrix) -> Matrix:
        """Keep the rows that no other row is proved to dominate."""
        rows = exact.distinct(rows)
        rows = rows[_pareto(rows)]  # cheap: monomials are nonnegative
        scores = self.scores(rows)
        rows = rows[kept := _pareto(scores)]
        return rows[_without_means(scores[kept])]


def _axis_rows(
    axis: str, condition: Free, sizes: Mapping[str, Size], parts: Sequence[Part]
) -> dict[int, list[list[int]]]:
    """Rewrite the factors of an axis for each residue, on each stretch between two corners of its sizes.

    Where sizes are named an upper bound is not used: what holds from the lower bound up holds below the upper one too.
    """
    period = lcm(condition.multiple, *(size.period for size in sizes.values()))
    corners = sorted({corner for size in sizes.values() for corner in size.corners})
    upper = condition.upper if all(size.key == axis for size in sizes.values()) else None
    rows: dict[int, list[list[int]]] = {}
    for start in range(condition.first, condition.first + period, condition.multiple):
        for begin, end in _stretches(start, period, corners, upper):
            along: dict[str, tuple[int, ...]] = {name: size.along(begin, period) for name, size in sizes.items()}
            along[axis] = (begin, period)
            expanded = [_powers(along, part) for part in parts]
            if end is None:
                for power in range(max(map(len, expanded))):
                    rows.setdefault(power, []).append([c[power] if power < len(c) else 0 for c in expanded])
            else:
                rows.setdefault(0, []).extend(_bernstein(expanded, (end - begin) // period))
    return rows


def _stretches(start: int, period: int, corners: Sequence[int], upper: int | None) -> Iterator[tuple[int, int | None]]:
    """Cut start, start + period, ... at corners, where two stretches share the value if it is one of theirs.

    Yields:
        First and last value of each stretch; the last ``None`` where it goes on for ever.
    """
    begin = start
    for corner in corners:
        if corner > begin:
            last = begin + (corner - begin) // period * period
            yield begin, last
            begin = last if last == corner else last + period
    if upper is None:
        yield begin, None
    elif upper >= begin:
        yield begin, begin + (upper - begin) // period * period


def _combine(tables: Sequence[dict[int, Matrix]], columns: Sequence[list[int]], width: int) -> Matrix:
    """Multiply the axes' rows out, for each combination of powers over the monomials that reach it."""
    blocks: list[Matrix] = []
    for powers in product(*(table.keys() for table in tables)):
        picked = [table[power][:, cols] for table, power, cols in zip(tables, powers, columns, strict=True)]
        reached = np.ones(width, dtype=bool)
        for rows in picked:
            reached &= (rows != 0).any(axis=0)
        if not reached.any():
            continue
        block: Matrix = np.ones((1, int(reached.sum())), dtype=np.int64)
        for rows in picked:
            distinct = exact.distinct(rows[:, reached])
            block = exact.times(block[:, None, :], distinct[None, :, :]).reshape(-1, block.shape[1])
        full = np.zeros((block.shape[0], width), dtype=block.dtype)
        full[:, reached] = block
        blocks.append(full)
    return np.concatenate(blocks) if blocks else np.ones((1, width), dtype=np.int64)


def _pareto(scores: Matrix) -> list[int]:
    """Index the rows that no other row reaches in every coordinate."""
    order = np.argsort(-exact.totals(scores), kind="stable")
    kept: list[int] = []
    for index in order:
        if not kept or not (scores[kept] >= scores[index]).all(axis=1).any():
            kept.append(int(index))
    return kept


def _distinct_columns(scores: Matrix) -> Matrix:
    """Drop columns of zeros and repeated ones, told apart by a hash and then compared."""
    scores = scores[:, (scores != 0).any(axis=0)]
    multipliers = np.random.default_rng(0).integers(1, 2**62, len(scores))
    with np.errstate(over="ignore"):
        _, first, same = np.unique(multipliers @ scores, return_index=True, return_inverse=True)
    kept = scores[:, first]
    return kept if (kept[:, same] == scores).all() else exact.distinct(scores.T).T


_DENOMINATOR = 2**20
_DIRECTIONS = 256
_BATCH = 64
_MOST = 2**1000
"""What the floats of a linear program reach, roughly; beyond it no mean is looked for."""


def _without_means(scores: Matrix) -> list[int]:
    """Index the rows that no weighted mean of other rows is proved to reach in every coordinate."""
    if len(scores) < 3 or exact.reach(scores) > _MOST:
        return list(range(len(scores)))
    # Weights sum to one, so a shift of a coordinate changes nothing: many coordinates turn out to be the same.
    scores = _distinct_columns(exact.minus(scores, scores[0]))
    scaled = scores.astype(float) / np.abs(scores).max(axis=0).astype(float)
    # A row that is the largest in some nonnegative direction is above every mean of others there: it stays, unasked.
    directions = np.random.default_rng(0).dirichlet(np.full(scaled.shape[1], 0.01), _DIRECTIONS)
    largest = set((scaled @ directions.T).argmax(axis=0))
    kept = sorted(largest | set(scaled.argmax(axis=0)))
    for index in range(len(scores)):
        if index not in kept and not _covered(scores, scaled, index, kept):
            kept.append(index)
    for index in reversed(kept):
        others = [other for other in kept if other != index]
        if index not in largest and len(others) > 1 and _covered(scores, scaled, index, others):
            kept = others
    return [int(index) for index in kept]


def _covered(scores: Matrix, scaled: npt.NDArray[np.float64], index: int, others: Sequence[int]) -> bool:
    """Prove that a weighted mean of ``others`` is at least row ``index`` in every coordinate."""
    gain = scaled[others] - scaled[index]
    best = gain.max(axis=0)
    if (best < 0).any():
        return False
    # Few of the thousands of inequalities matter: start with the hardest, add those that the answer breaks.
    active = np.argsort(best)[:_BATCH]
    while True:
        weights = _solve(gain[:, active])
        if weights is None:
            return False
        slack = weights @ gain
        broken = np.flatnonzero(slack < -1e-9)
        fresh = np.setdiff1d(broken[np.argsort(slack[broken])[:_BATCH]], active)
        if not len(fresh):
            break
        active = np.append(active, fresh)
    parts = [max(0, round(weight * _DENOMINATOR)) for weight in weights]
    parts[int(np.argmax(parts))] += _DENOMINATOR - sum(parts)
    whole = exact.wide(scores, exact.reach(scores) * _DENOMINATOR)
    mean = sum(part * whole[other] for part, other in zip(parts, others, strict=True) if part)
    return bool((mean >= _DENOMINATOR * whole[index]).all())


def _solve(gain: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Find weights, nonnegative and summing to one, with ``weights @ gain >= slack >= 0`` and the slack largest.

    The slack is what keeps the proof when the weights are rounded.
    """
    from scipy.optimize import linprog

    columns, rows = gain.shape
    loose = (np.ptp(gain, axis=0) > 0).astype(float)  # where all agree, no weights can make slack
    answer = linprog(
        np.append(np.zeros(columns), -1.0),
        A_ub=np.hstack([-gain.T, loose[:, None]]),
        b_ub=np.zeros(rows),
        A_eq=np.append(np.ones(columns), 0.0)[None, :],
        b_eq=[1.0],
        bounds=[(0, None)] * columns + [(0, 1)],
        method="highs",
    )
    weights: npt.NDArray[np.float64] | None = answer.x[:columns] if answer.status == 0 else None
    return weights


def to_polynomial(row: Matrix, monomials: Sequence[Monomial]) -> Polynomial:
    """Turn a row of coefficients back into a polynomial."""
    return Polynomial({m: int(c) for m, c in zip(monomials, row, strict=True) if c})
