"""The kernel study as tables."""

from __future__ import annotations

from costmodel.terminal.tables import Block, Line, Row, Table
from validate.host.kernels import KernelStudy, SvdRow, Verdict


def blocks(study: KernelStudy) -> list[Block]:
    """Lay out what each convention explains, and the SVDs."""
    return [
        verdicts(study),
        Line(f"Large matrix product: {study.peak / 1e9:.1f} GFLOP/s."),
        Line(),
        svds(study),
    ]


def verdicts(study: KernelStudy) -> Table:
    """Lay out each convention on each kind of layer."""
    columns = ("layers", "convention", "number", "measured", "predicted", "off by", "fastest GFLOP/s", "impossible")
    return Table(columns, tuple(Row(_verdict(row), rule=row.convention == "arithmetic") for row in study.verdicts), 2)


def svds(study: KernelStudy, most: int | None = None) -> Table:
    """Lay out the SVDs beside the matrix products: all of them, or the ``most`` largest, largest first."""
    rows = study.svds if most is None else sorted(study.svds, key=lambda row: -row.svd_flops)[:most]
    columns = ("matrix", "SVD", "product", "seconds, ratio", "FLOPs, ratio", "SVD GFLOP/s", "product GFLOP/s")
    return Table(columns, tuple(Row(_svd(row)) for row in rows))


def _verdict(row: Verdict) -> tuple[str, ...]:
    return (
        row.kind,
        row.convention,
        str(row.layers),
        f"{row.measured:.2f}",
        f"{row.predicted:.2f}",
        f"{row.off:.2f}",
        f"{row.fastest / 1e9:.1f}",
        str(row.impossible),
    )


def _svd(row: SvdRow) -> tuple[str, ...]:
    return (
        f"{row.rows}x{row.columns}",
        f"{row.svd_seconds * 1e3:.2f} ms",
        f"{row.product_seconds * 1e3:.3f} ms",
        f"{row.svd_seconds / row.product_seconds:.0f}",
        f"{row.svd_flops / row.product_flops:.1f}",
        f"{row.svd_flops / row.svd_seconds / 1e9:.1f}",
        f"{row.product_flops / row.product_seconds / 1e9:.1f}",
    )
