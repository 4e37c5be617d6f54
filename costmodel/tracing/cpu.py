"""Where the CPU does something else than torch's shape kernels say: each difference in one place, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from costmodel.errors import TraceError
from costmodel.tracing.fakes import Fakes
from costmodel.tracing.values import dense_parts, is_real


def on_the_cpu(
    fakes: Fakes, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[torch.Tensor]
) -> Any:
    """Return what an operator returns on the CPU, without data.

    Args:
        fakes: makes tensors without data, and calls kernels of shapes.
        func: the operator.
        args: what it is given by position.
        kwargs: what it is given by name.
        tensors: those among both.
    """
    name = str(func).rpartition(".")[0]
    given = partial(_argument, func, args, kwargs)
    if name in SPARSE and tensors and all(tensor.layout is torch.sparse_coo for tensor in tensors):
        return SPARSE[name].mend(fakes, given, None)
    if name in MEASURED:
        return fakes.measured(func, args, kwargs)
    if name in ANSWERED:
        return ANSWERED[name].mend(fakes, given, None)
    result = fakes.call(func, args, kwargs, tensors)
    if name not in _SPARSE_KNOWN and any(_is_sparse(item) for item in tree_leaves(result)):
        raise TraceError(f"{func} returns a sparse tensor, and no kernel of shapes knows how many entries it has")
    if isinstance(result, tuple) and args and _is_mask(args[-1], len(result)):
        # Gradients that are not asked for are left out; some shape kernels make them all the same.
        result = tuple([item if wanted else None for item, wanted in zip(result, args[-1], strict=True)])
    row = CORRECTED.get(name)
    return result if row is None or result is None else row.mend(fakes, given, result)


_SPARSE_KNOWN = frozenset({"aten._sparse_coo_tensor_with_dims_and_tensors", "aten.detach", "aten.alias"})


def _is_sparse(item: Any) -> bool:
    return isinstance(item, torch.Tensor) and item.layout is not torch.strided


def _argument(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Any:
    """Return an argument by its name in torch's own schema, or its default."""
    for place, argument in enumerate(func._schema.arguments):
        if argument.name == name:
            return args[place] if place < len(args) else kwargs.get(name, argument.default_value)
    raise KeyError(name)


def _is_mask(value: Any, length: int) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == length and all(isinstance(item, bool) for item in value)


Given = Callable[[str], Any]
"""Returns an argument by its name in the operator's schema."""


class Correction(NamedTuple):
    """What the CPU's kernel does otherwise.

    Attributes:
        mend: returns the right result; gets the fakes, the arguments and the shape kernel's result.
        reason: the difference in words.
    """

    mend: Callable[[Fakes, Given, Any], Any]
    reason: str


def _batch_norm(fakes: Fakes, given: Given, result: Any) -> Any:
    x, weight = given("input"), given("weight")
    dtype = x.dtype if weight is None else weight.dtype
    if not given("training"):
        return result[0], fakes.fresh((0,), (1,), dtype), fakes.fresh((0,), (1,), dtype)
    return result[0], *(
        item if item.dtype == dtype else fakes.fresh(tuple(item.shape), item.stride(), dtype) for item in result[1:]
    )


def _layer_norm(fakes: Fakes, given: Given, result: Any) -> Any:
    x, parameters = given("input"), [given("weight"), given("bias")]
    mixed = any(each is not None and each.dtype != x.dtype for each in parameters)
    dtype = torch.float32 if mixed else x.dtype
    return result[0], *(
        item if item.dtype == dtype else fakes.fresh(tuple(item.shape), item.stride(), dtype) for item in result[1:]
    )


_NO_REDUCTION = 0


def _reduced_loss(fakes: Fakes, given: Given, result: Any) -> Any:
    if given("reduction") == _NO_REDUCTION:
        return result
    shape = torch.broadcast_shapes(given("self").shape, given("target").shape)
    return fakes.fresh((), (), result.dtype, prod(shape) * result.element_size())


def _resized(fakes: Fakes, given: Given, result: Any) -> Any:
    source = given("self")
    return fakes.fresh(tuple(result.shape), result.stride(), result.dtype, source.numel() * result.element_size())


_SUM, _MAX = 0, 2


def _embedding_bag(fakes: Fakes, given: Given, result: Any, *, trained: bool) -> Any:
    out, _, _, largest = result
    weight, indices, offsets = (given(name) for name in ("weight", "indices", "offsets"))
    bags = out.shape[0] if trained or given("mode") != _SUM else len(offsets)

    def numbers(entries: int, made: int) -> torch.Tensor:
        return fakes.fresh((entries,), (1,), indices.dtype, made * indices.element_size())

    fast = given("mode") == _SUM and given("padding_idx") < 0 and weight.stride(1) == 1
    bag_of_each = numbers(0, 0) if fast else numbers(len(indices), len(indices) + 1)
    return out, bag_of_each, numbers(bags, len(offsets)), largest if given("mode") == _MAX else numbers(bags, bags)


def _contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(max(size, 1) for size in shape[dim + 1 :]) for dim in range(len(shape)))


def _like(fakes: Fakes, tensor: torch.Tensor) -> torch.Tensor:
    """Return a fresh contiguous tensor of a tensor's shape."""
    shape = tuple(tensor.shape)
    return fakes.fresh(shape, _contiguous(shape), tensor.dtype)


def _layer_norm_backward(fakes: Fakes, _given: Given, result: Any) -> Any:
    for_input, *others = result
    return for_input, *(None if grad is None else _like(fakes, grad) for grad in others)


def _grid_sample_backward(fakes: Fakes, given: Given, result: Any) -> Any:
    return result[0], _like(fakes, given("grid"))


def _convolution_backward(fakes: Fakes, given: Given, result: Any) -> Any:
    for_input, for_weight, for_bias = result
    if for_weight is None and for_bias is not None and _by_onednn(given):
        weight = given("weight")
        for_weight = fakes.fresh(tuple(weight.shape), weight.stride(), weight.dtype)
    return for_input, for_weight, for_bias


def _by_onednn(given: Given) -> bool:
    """Tell whether torch leaves a convolution to oneDNN: ``ConvParams::use_mkldnn`` in ``Convolution.cpp``."""
    x, weight, groups = given("input"), given("weight"), given("groups")
    if x.dtype in (torch.bfloat16, torch.float16):
        return True
    images, window = (x.shape[0], x.shape[1], *([1] if x.dim() == 3 else []), *x.shape[2:])[:4], weight.shape[2:]
    moved = any(step != 1 for step in (*given("stride"), *given("dilation")))
    wide = moved or x.shape[0] >= 16 or max(window) != 1 or torch.get_num_threads() > 1
    large = len(window) > 1 and min(window[-2:]) > 3
    return x.dtype == torch.float32 and wide and (groups > 1 or large or x.shape[0] > 1 or prod(images) > 20_480)


def _ctc_loss(fakes: Fakes, given: Given, _result: None) -> Any:
    steps, batch, _ = given("log_probs").shape
    longest = max(_numbers(given("target_lengths")), default=0)
    dtype = given("log_probs").dtype
    table = batch, steps, 2 * longest + 1
    return fakes.fresh((batch,), (1,), dtype), fakes.fresh(table, _contiguous(table), dtype)


def _numbers(lengths: Any) -> list[int]:
    """Return numbers that decide about a shape.

    Raises:
        TraceError: where only data could tell them.
    """
    if isinstance(lengths, torch.Tensor):
        if not is_real(lengths):
            raise TraceError("lengths decide about a shape, and only data could tell them")
        with unset_fake_temporarily():
            return [int(length) for length in lengths.flatten().tolist()]
    return list(lengths)


_LOSS = Correction(_reduced_loss, "the unreduced loss is made first, and the reduced one keeps its storage")
_COLUMNS = Correction(_resized, "the result is made as large as the input and then resized: its storage never shrinks")
_NORM = Correction(
    _batch_norm,
    "in eval mode no mean and deviation are saved; in train mode they have the type of the weight, in bfloat16 too",
)
_STATISTICS = Correction(
    _layer_norm, "mean and deviation have the type of the input, and float32 where parameters have another one"
)
_GRID = Correction(_grid_sample_backward, "the grid's gradient is made whether it is asked for or not")


def _lstm_backward(fakes: Fakes, _given: Given, result: Any) -> Any:
    *others, one, _, for_state, for_cell = result
    return *others, one, None if one is None else _like(fakes, one), for_state, for_cell


_BAGS = "the bag of each index is made with one entry more, or not at all, and sizes are copied"

CORRECTED: dict[str, Correction] = {
    "aten.native_batch_norm": _NORM,
    "aten._native_batch_norm_legit": _NORM,
    **dict.fromkeys(
        ("aten.mse_loss", "aten.smooth_l1_loss", "aten.binary_cross_entropy", "aten.soft_margin_loss"), _LOSS
    ),
    **dict.fromkeys(("aten.im2col", "aten.col2im"), _COLUMNS),
    "aten.mkldnn_rnn_layer_backward": Correction(_lstm_backward, "the two biases have a gradient each"),
    "aten._embedding_bag": Correction(partial(_embedding_bag, trained=True), _BAGS),
    "aten._embedding_bag_forward_only": Correction(partial(_embedding_bag, trained=False), _BAGS),
    **dict.fromkeys(("aten.native_layer_norm", "aten.native_group_norm"), _STATISTICS),
    "aten.native_layer_norm_backward": Correction(
        _layer_norm_backward, "gradients of weight and bias have the strides of a new tensor"
    ),
    **dict.fromkeys(("aten.grid_sampler_2d_backward", "aten.grid_sampler_3d_backward"), _GRID),
    "aten.convolution_backward": Correction(
        _convolution_backward, "oneDNN makes the weight's gradient where the bias's alone is asked for"
    ),
}
"""By operator, overloads alike."""

ANSWERED: dict[str, Correction] = {
    "aten._ctc_loss": Correction(
        _ctc_loss, "its table is as long as the longest target, which torch's mode never reads"
    ),
}
"""Operators whose shapes are worked out here, because torch's kernel of shapes refuses."""


def _sparse(fakes: Fakes, like: torch.Tensor, entries: int) -> torch.Tensor:
    """Return a sparse tensor with a number of entries, as one that is given has them."""
    values, indices = dense_parts(like)
    shape, table = (entries, *values.shape[1:]), (indices.shape[0], entries)
    parts = fakes.fresh(table, _contiguous(table), indices.dtype), fakes.fresh(shape, _contiguous(shape), values.dtype)
    with fakes.mode:
        return torch.sparse_coo_tensor(*parts, tuple(like.shape), check_invariants=False)


def _sparse_clone(fakes: Fakes, given: Given, _result: None) -> Any:
    return _sparse(fakes, given("self"), len(dense_parts(given("self"))[0]))


SPARSE: dict[str, Correction] = {
    "aten.clone": Correction(_sparse_clone, "the copy of a sparse tensor has as many entries"),
}
"""Operators on sparse tensors, whose number of entries torch's kernel of shapes loses."""

MEASURED: dict[str, str] = {
    "aten.mkldnn_rnn_layer": "oneDNN's fused LSTM has a workspace of whole pages, which no kernel of shapes knows",
}
"""Operators that are run once for each of their shapes, to see what they make: why."""


def _one_hot(tensor: torch.Tensor, num_classes: int = -1) -> torch.Tensor:
    """As ``at::one_hot`` on the CPU, which looks for the smallest and the largest number."""
    if is_real(tensor) or not tensor.numel():
        return torch.nn.functional.one_hot(tensor, num_classes)
    if num_classes < 0:
        raise TraceError("one_hot without num_classes: how many there are only data could tell")
    tensor.aminmax()
    made = torch.zeros((*tensor.shape, num_classes), dtype=tensor.dtype)
    return made.scatter_(-1, tensor.unsqueeze(-1), 1)


COMPOSITES: Mapping[Any, tuple[Callable[..., Any], str]] = {
    torch.nn.functional.one_hot: (_one_hot, "it compares with a row of numbers where tensors have no data"),
}
"""Functions of torch that run other operators on tensors without data: what takes their place, and why."""


class CpuPaths(TorchFunctionMode):
    """Lets torch's functions take the path that they take on the CPU."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function, or what takes its place."""
        row = COMPOSITES.get(func)
        return (row[0] if row else func)(*args, **(kwargs or {}))
