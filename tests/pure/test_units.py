from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import InputError
from costmodel.units import BYTE_UNITS, FLOP_UNITS, read_bytes, read_flops, size, work

BYTES = {
    "1B": 1,
    "64KiB": 65536,
    "64MiB": 67108864,
    "2GiB": 2147483648,
    "64KB": 64000,
    "64MB": 64000000,
    "1.5GB": 1500000000,
    "0.5KiB": 512,
    "1.0000001KiB": 1024,
    "64 MiB": 67108864,
    " 64mib ": 67108864,
    "64gb": 64000000000,
    "0.3GB": 300000000,  # not 299999999, as floats have it
}
FLOPS = {
    "1": 1,
    "250M": 250000000,
    "5G": 5000000000,
    "5g": 5000000000,
    "2T": 2 * 10**12,
    "3k": 3000,
    "1.5 G": 1500000000,
    "5 GFLOPs": 5000000000,
    "5000000000": 5000000000,
    "7FLOPs": 7,
    "0.0000001G": 100,
}
BAD_BYTES = [
    "", "64", "MiB", "0MiB", "0.5B", "0.0001KB", "-1MiB", "1e3MB", "64M", "64MiBs", "64 Mi B", "1,5GB", ".5GB", "5.GB",
    "64MiB64MiB", "64TiB", "nanMB", "infMB", "٣MB", "1" * 16 + "B", "64\nMiBx",
]  # fmt: skip
BAD_FLOPS = ["", "0", "G", "5GB", "5P", "-5G", "5GiB", "5e9", "0.1", "5GFLOP", "FLOPs", "5G5"]


@pytest.mark.parametrize(("text", "amount"), BYTES.items())
def test_bytes(text: str, amount: int) -> None:
    assert read_bytes("memory", text) == amount


@pytest.mark.parametrize(("text", "amount"), FLOPS.items())
def test_flops(text: str, amount: int) -> None:
    assert read_flops("flops", text) == amount


@pytest.mark.parametrize("text", BAD_BYTES)
def test_what_is_no_number_of_bytes(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_bytes("memory", text)
    assert str(refusal.value) == (
        f"--memory {text}: expected a positive number with a unit of B, KB, MB, GB, KiB, MiB, GiB, "
        "such as 64MiB or 1.5GB"
    )


@pytest.mark.parametrize("text", BAD_FLOPS)
def test_what_is_no_number_of_flops(text: str) -> None:
    with pytest.raises(InputError, match="expected a positive number with a unit of k, M, G, T, such as 5G or 250M"):
        read_flops("flops", text)


@given(st.integers(0, 10**15 - 1), st.text("0123456789", max_size=15), st.sampled_from([*BYTE_UNITS]))
def test_a_decimal_number_is_read_exactly(whole: int, places: str, unit: str) -> None:
    exact = Fraction(f"{whole}.{places}" if places else whole) * BYTE_UNITS[unit]
    text = f"{whole}.{places}{unit}" if places else f"{whole}{unit}"
    if exact < 1:
        with pytest.raises(InputError):
            read_bytes("memory", text)
    else:
        assert read_bytes("memory", text) == exact.numerator // exact.denominator


@given(st.integers(1, 2**49))
def test_what_is_written_is_read_back_as_nearly_the_same(number: int) -> None:
    """What a table shows can be given as a budget: it is off by half of its last place, rounded up."""
    text = size(number)
    if not text.endswith("TiB"):
        factor = BYTE_UNITS[text.split()[1]]
        assert abs(read_bytes("memory", text) - number) <= Fraction(factor, 200) + 1
    text = work(number)
    if not text.endswith("PFLOPs"):
        factor = FLOP_UNITS[text.split()[1].removesuffix("FLOPs")]
        assert abs(read_flops("flops", text) - number) <= Fraction(factor, 200) + 1
