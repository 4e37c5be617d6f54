"""Arguments of operators by name: where each stands, and what it is where a call leaves it out.

torch's dispatcher hands arguments over by position and leaves out trailing ones that are at their default. A row is the
operator's schema as ``torch.ops.aten.convolution.default._schema`` prints it, without the types; the tests compare each
with the installed torch's. Operators of which no rule reads an argument by name have none.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

_CONVOLUTION = "stride, padding, dilation, transposed, output_padding, groups"
_NLL = "target, weight, reduction, ignore_index"
_POOL2D = "self, kernel_size, stride=(), padding=(0, 0)"
_POOL3D = "self, kernel_size, stride=(), padding=(0, 0, 0)"
_AVERAGED = "ceil_mode=False, count_include_pad=True, divisor_override=None"
_AVERAGED_BACKWARD = "grad_output, self, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override"

SCHEMAS: Mapping[str, str] = {
    # matrix products
    **dict.fromkeys(("mm", "bmm"), "self, mat2"),
    "addmm": "self, mat1, mat2, *, beta=1, alpha=1",
    "baddbmm": "self, batch1, batch2, *, beta=1, alpha=1",
    "convolution": f"input, weight, bias, {_CONVOLUTION}",
    "convolution_backward": f"grad_output, input, weight, bias_sizes, {_CONVOLUTION}, output_mask",
    "_linalg_svd": "A, full_matrices=False, compute_uv=True, *, driver=None",
    "_scaled_dot_product_flash_attention_for_cpu": (
        "query, key, value, dropout_p=0.0, is_causal=False, *, attn_mask=None, scale=None"
    ),
    "_scaled_dot_product_flash_attention_for_cpu_backward": (
        "grad_out, query, key, value, out, logsumexp, dropout_p, is_causal, *, attn_mask=None, scale=None"
    ),
    "mkldnn_rnn_layer": (
        "input, weight0, weight1, weight2, weight3, hx_, cx_, reverse, batch_sizes, mode, hidden_size, num_layers, "
        "has_biases, bidirectional, batch_first, train"
    ),
    "mkldnn_rnn_layer_backward": (
        "input, weight1, weight2, weight3, weight4, hx_, cx_tmp, output, hy_, cy_, grad_output, grad_hy, grad_cy, "
        "reverse, mode, hidden_size, num_layers, has_biases, train, bidirectional, batch_sizes, batch_first, workspace"
    ),
    # element by element
    **dict.fromkeys(("add", "sub", "rsub"), "self, other, alpha=1"),
    **dict.fromkeys(("mul", "div", "eq", "ne"), "self, other"),
    "clamp": "self, min=None, max=None",
    "gelu": "self, *, approximate='none'",
    "gelu_backward": "grad_output, self, *, approximate='none'",
    # softmax and normalisation
    "_log_softmax": "self, dim, half_to_float",
    "_safe_softmax": "self, dim, dtype=None",
    "native_batch_norm": "input, weight, bias, running_mean, running_var, training, momentum, eps",
    "native_batch_norm_backward": (
        "grad_out, input, weight, running_mean, running_var, save_mean, save_invstd, train, eps, output_mask"
    ),
    "native_layer_norm": "input, normalized_shape, weight, bias, eps",
    "native_layer_norm_backward": "grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask",
    "native_group_norm": "input, weight, bias, N, C, HxW, group, eps",
    "native_group_norm_backward": "grad_out, input, mean, rstd, weight, N, C, HxW, group, output_mask",
    "_weight_norm_interface": "v, g, dim=0",
    "_weight_norm_interface_backward": "grad_w, saved_v, saved_g, saved_norms, dim",
    # windows
    "max_pool2d_with_indices": f"{_POOL2D}, dilation=(1, 1), ceil_mode=False",
    "max_pool3d_with_indices": f"{_POOL3D}, dilation=(1, 1, 1), ceil_mode=False",
    "avg_pool2d": f"{_POOL2D}, {_AVERAGED}",
    "avg_pool3d": f"{_POOL3D}, {_AVERAGED}",
    **dict.fromkeys(("avg_pool2d_backward", "avg_pool3d_backward"), _AVERAGED_BACKWARD),
    **dict.fromkeys(("_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward"), "grad_output, self"),
    # parts of tensors
    "constant_pad_nd": "self, pad, value=0",
    "embedding": "weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False",
    "roll": "self, shifts, dims=()",
    "slice": "self, dim=0, start=None, end=None, step=1",
    **dict.fromkeys(("index_put", "_unsafe_index_put"), "self, indices, values, accumulate=False"),
    "_index_put_impl": "self, indices, values, accumulate=False, unsafe=False",
    "index_add": "self, dim, index, source, *, alpha=1",
    "scatter_add": "self, dim, index, src",
    "scatter_reduce": "self, dim, index, src, reduce, *, include_self=True",
    # losses
    "mse_loss": "self, target, reduction=1",
    "huber_loss": "self, target, reduction=1, delta=1.0",
    "smooth_l1_loss": "self, target, reduction=1, beta=1.0",
    "binary_cross_entropy": "self, target, weight=None, reduction=1",
    "binary_cross_entropy_backward": "grad_output, self, target, weight=None, reduction=1",
    "binary_cross_entropy_with_logits": "self, target, weight=None, pos_weight=None, reduction=1",
    **dict.fromkeys(("nll_loss_forward", "nll_loss2d_forward"), f"self, {_NLL}"),
    **dict.fromkeys(("nll_loss_backward", "nll_loss2d_backward"), f"grad_output, self, {_NLL}, total_weight"),
}
"""Arguments by operator; what stands behind ``*`` is given by keyword only."""

OWN: dict[str, str] = {}
"""The same of operators that a caller has registered a rule for; see `costmodel.rules.registry`."""


class Signature(NamedTuple):
    """Arguments of an operator.

    Attributes:
        places: position of each argument that may be given by position.
        defaults: of those that may be left out.
    """

    places: Mapping[str, int]
    defaults: Mapping[str, Any]


@cache
def signature(schema: str) -> Signature:
    """Read a row of `SCHEMAS`, which is written as the parameters of a Python function are.

    Raises:
        SyntaxError, ValueError: for what is no list of parameters, or a default that is no plain value.
    """
    lambda_ = ast.parse(f"lambda {schema}: 0", mode="eval").body
    assert isinstance(lambda_, ast.Lambda)
    given = lambda_.args
    places = {argument.arg: place for place, argument in enumerate(given.args)}
    optional = [*places][len(places) - len(given.defaults) :]
    named = [argument.arg for argument in given.kwonlyargs]
    values = [*zip(optional, given.defaults, strict=True), *zip(named, given.kw_defaults, strict=True)]
    return Signature(places, {name: ast.literal_eval(value) for name, value in values if value is not None})


def plain(packet: str) -> str:
    """Return the name under which tables list an operator: ``add`` for ``add_``, which works in place."""
    return packet.removesuffix("_") if not packet.endswith("__") else packet


def argument(packet: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Return an argument of a call by its name, or its default where the call leaves it out.

    Args:
        packet: the operator's name without namespace and overload.
        name: as the operator's schema has it.
        args: as dispatched.
        kwargs: as dispatched.

    Raises:
        LookupError: for an operator that is not in `SCHEMAS`, or an argument that it does not have or was not given.
    """
    operator = plain(packet)
    schema = SCHEMAS.get(operator) or OWN.get(operator)
    if schema is None:
        raise LookupError(f"the arguments of '{operator}' are not known by name")
    if name in kwargs:
        return kwargs[name]
    known = signature(schema)
    place = known.places.get(name, len(args))
    if place < len(args):
        return args[place]
    if name not in known.defaults:
        raise LookupError(f"'{operator}' was given no '{name}': it takes {schema}")
    return known.defaults[name]
