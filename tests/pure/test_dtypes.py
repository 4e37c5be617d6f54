"""One table says how many bytes an element takes; whoever asks for one that is not in it is told so."""

from __future__ import annotations

import re

import pytest
import torch

from costmodel.dtypes import ITEMSIZE, itemsize
from costmodel.errors import TraceError
from costmodel.machine.seconds.work import nbytes
from costmodel.machine.workspaces.kernel import size
from costmodel.tracing.record import TensorRef

NOT_WHOLE_BYTES = re.compile(r"q.*|bits.*|u?int[1-7]|float4_.*")
"""Quantised and packed types."""


def matrix(dtype: str) -> TensorRef:
    return TensorRef(0, (5, 3), (3, 1), 0, dtype, False)


def test_the_table_is_torch_s() -> None:
    dtypes = {str(v).removeprefix("torch."): v for v in vars(torch).values() if isinstance(v, torch.dtype)}
    whole = {name: dtype.itemsize for name, dtype in dtypes.items() if not NOT_WHOLE_BYTES.fullmatch(name)}
    assert whole == ITEMSIZE


@pytest.mark.parametrize("dtype", ["complex128", "complex64", "float64", "float32", "uint16", "bool"])
def test_a_tensor_takes_the_same_bytes_everywhere(dtype: str) -> None:
    expected = torch.zeros(5, 3, dtype=getattr(torch, dtype)).untyped_storage().nbytes()
    assert nbytes(matrix(dtype)) == size(matrix(dtype)) == expected


@pytest.mark.parametrize("ask", [itemsize, lambda dtype: nbytes(matrix(dtype)), lambda dtype: size(matrix(dtype))])
def test_an_unknown_type_is_refused_by_name(ask) -> None:
    with pytest.raises(
        TraceError, match=r"^a tensor of quint8: no size of an element is known, but of bfloat16, bool,"
    ):
        ask("quint8")
