"""What the kernel study measured, as rows, and what each convention explains of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from costmodel.contract import CONVENTIONS

KINDS = ("depthwise", "depthwise 5x5", "grouped", "pointwise", "standard")
"""Depthwise layers by their kernel: up to 3x3 or above, since torch's library has a fast weight gradient for the former
only."""

SCATTER = 1.1
"""What a rate has to be above another's to be higher: measured ones scatter by a few percent from run to run."""


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product of one layer, measured.

    Attributes:
        model, kind, layer: where it is from, its kind, and its shapes in words.
        groups: of the layer.
        product: one of `PRODUCTS`.
        seconds: the fastest of the repeats, single-threaded.
        arithmetic, torch, paper: FLOPs under each convention.
    """

    model: str
    kind: str
    layer: str
    groups: int
    product: str
    seconds: float
    arithmetic: int
    torch: int
    paper: int

    def rate(self, convention: str) -> float:
        """FLOPs per second that a convention says were reached."""
        rate: float = getattr(self, convention) / self.seconds
        return rate


@dataclass(frozen=True, slots=True)
class SvdRow:
    """A thin SVD of a matrix that GaLore decomposes, beside the product of that matrix with its own transpose.

    Attributes:
        model: the first model that has it.
        rows, columns: of the matrix A.
        svd_seconds, product_seconds: the fastest of the repeats; the product is the smaller one of A A' and A' A.
        svd_flops, product_flops: under ``arithmetic``. ``torch`` and ``paper`` count the SVD as 0.
    """

    model: str
    rows: int
    columns: int
    svd_seconds: float
    product_seconds: float
    svd_flops: int
    product_flops: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a convention explains the weight gradients of one kind of layer.

    Attributes:
        kind: one of `KINDS`.
        convention: one of the contract's.
        layers: how many were measured.
        measured: median of weight-gradient seconds over forward seconds.
        predicted: median of the ratio of FLOPs that the convention gives.
        off: median factor by which the two ratios differ, layer by layer; 1 where they are equal.
        fastest: the highest rate that the convention implies for a weight gradient, in FLOPs per second.
        impossible: how many weight gradients would have run faster than the machine's matrix product, by `SCATTER`.
    """

    kind: str
    convention: str
    layers: int
    measured: float
    predicted: float
    off: float
    fastest: float
    impossible: int


@dataclass(frozen=True, slots=True)
class KernelStudy:
    """What was measured.

    Attributes:
        peak: FLOPs per second of a large matrix product, as `peak_rate` finds it.
        products: three rows for each layer.
        svds: one row for each distinct matrix.
    """

    peak: float
    products: tuple[ProductRow, ...]
    svds: tuple[SvdRow, ...]

    @property
    def layers(self) -> list[dict[str, ProductRow]]:
        """The rows of each layer by product."""
        found: dict[tuple[str, str], dict[str, ProductRow]] = {}
        for row in self.products:
            found.setdefault((row.model, row.layer), {})[row.product] = row
        return list(found.values())

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Each convention on each kind of layer."""
        rows = []
        for kind in KINDS:
            layers = [layer for layer in self.layers if layer["weight"].kind == kind]
            if layers:
                rows += [_verdict(kind, convention, layers, self.peak) for convention in CONVENTIONS]
        return tuple(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "peak": self.peak,
            "products": [asdict(row) for row in self.products],
            "svds": [asdict(row) for row in self.svds],
            "verdicts": [asdict(row) for row in self.verdicts],
        }

    @staticmethod
    def from_dict(data: dict[str, Any]) -> KernelStudy:
        """Read what `to_dict` wrote."""
        return KernelStudy(
            data["peak"],
            tuple(ProductRow(**row) for row in data["products"]),
            tuple(SvdRow(**row) for row in data["svds"]),
        )

    def to_csv(self) -> str:
        """Write the products as CSV."""
        names = [field.name for field in fields(ProductRow)]
        lines = [",".join(names)]
        for row in self.products:
            values = asdict(row) | {"seconds": f"{row.seconds:.3e}"}
            lines.append(",".join(str(values[name]) for name in names))
        return "\n".join(lines) + "\n"


def _verdict(kind: str, convention: str, layers: Sequence[dict[str, ProductRow]], peak: float) -> Verdict:
    measured = [layer["weight"].seconds / layer["forward"].seconds for layer in layers]
    predicted = [getattr(layer["weight"], convention) / getattr(layer["forward"], convention) for layer in layers]
    off = [max(a / b, b / a) for a, b in zip(measured, predicted, strict=True)]
    rates = [layer["weight"].rate(convention) for layer in layers]
    return Verdict(
        kind,
        convention,
        len(layers),
        statistics.median(measured),
        statistics.median(predicted),
        statistics.median(off),
        max(rates),
        sum(rate > SCATTER * peak for rate in rates),
    )
