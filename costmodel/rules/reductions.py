"""Costs that are no multiple of the output's elements: sums, softmax, normalisation, pooling, scattering, losses."""

from __future__ import annotations

from collections.abc import Callable

from costmodel.rules.call import Call, Extent, Tensor, product

Rule = Callable[[Call], Extent]


def _per_input(flops: int) -> Rule:
    """Cost for each element of the first tensor argument; of a backward operator that is the gradient it is given."""
    return lambda call: flops * call.first.numel


def _reduction(per_input: int, per_output: int) -> Rule:
    return lambda call: per_input * call.first.numel + per_output * call.out.numel


def _rows(x: Tensor, dim: int) -> Extent:
    """Count the rows of a tensor along one of its dims."""
    kept = list(x.dims)
    if kept:
        del kept[dim]
    return product(kept)


def _log_softmax(call: Call) -> Extent:
    return 5 * call.first.numel + 2 * _rows(call.first, call.arg("dim"))


def _batch_norm(call: Call) -> Extent:
    n, c = call.first.numel, call.first.dims[1]
    return 8 * n + 12 * c if call.arg("training") else 4 * n + 3 * c


def _batch_norm_backward(call: Call) -> Extent:
    n, c = call.first.numel, call.first.dims[1]
    for_input, *_ = call.arg("output_mask")
    # x_hat and the two sums are needed for the input gradient too, so the mask changes only the last part.
    return 9 * n + 4 * c if for_input else 5 * n


def _row_norm(call: Call) -> Extent:
    """Layer and group norm, whose second result has one mean for each row or group."""
    affine = sum(call.arg(parameter) is not None for parameter in ("weight", "bias"))
    _, mean, _ = call.outputs
    assert mean is not None, "the statistics are always returned"
    return (6 + affine) * call.first.numel + 5 * mean.numel


def _row_norm_backward(call: Call) -> Extent:
    for_input, for_weight, for_bias = map(int, call.arg("output_mask"))
    per_element = 2 * (for_input | for_weight) + 2 * for_weight + for_bias
    if for_input:
        per_element += 7 + (call.arg("weight") is not None)
    return per_element * call.first.numel + (2 * call.tensor("mean").numel if for_input else 0)


def _weight_norm(call: Call) -> Extent:
    return 3 * call.tensor("v").numel + 2 * call.tensor("g").numel


def _weight_norm_backward(call: Call) -> Extent:
    return 5 * call.tensor("saved_v").numel + 4 * call.tensor("saved_g").numel


def _window(dims: int, per_window: int) -> Rule:
    """Pooling: each element of each window, and ``per_window`` more."""
    return lambda call: call.out.numel * (_size(call.arg("kernel_size"), dims) + per_window)


def _window_backward(dims: int, per_window: int) -> Rule:
    """Its backward, which adds a share of the gradient to each element of each window."""
    return lambda call: call.first.numel * (_size(call.arg("kernel_size"), dims) + per_window)


def _size(kernel: tuple[int, ...], dims: int) -> Extent:
    return product(kernel) if len(kernel) == dims else kernel[0] ** dims


def _adaptive_average_backward(call: Call) -> Extent:
    return call.tensor("grad_output").numel + call.tensor("self").numel


def _index_put(call: Call) -> Extent:
    return call.tensor("values").numel if call.arg("accumulate") else 0


def _index_add(call: Call) -> Extent:
    return (1 if call.arg("alpha") == 1 else 2) * call.tensor("source").numel


def _scatter(call: Call) -> Extent:
    return call.tensor("index").numel


_MEAN, _SUM = 1, 2
"""torch's numbers for how a loss is reduced."""


def _loss(per_element: int, **per_weight: int) -> Rule:
    """A loss of an input and a target, each weight that is given at a cost of its own."""

    def rule(call: Call) -> Extent:
        flops = per_element + sum(cost for weight, cost in per_weight.items() if call.arg(weight) is not None)
        reduction = call.arg("reduction")
        return (flops + (reduction in (_MEAN, _SUM))) * call.first.numel + int(reduction == _MEAN)

    return rule


def _binary_cross_entropy_backward(call: Call) -> Extent:
    return (6 + (call.arg("weight") is not None)) * call.out.numel


def _nll(call: Call) -> Extent:
    reduction = call.arg("reduction")
    weighted = 0 if call.arg("weight") is None else 1 + (reduction == _MEAN)
    return (1 + (reduction in (_MEAN, _SUM)) + weighted) * call.tensor("target").numel + int(reduction == _MEAN)


def _nll_backward(call: Call) -> Extent:
    each = 1 + int(call.arg("reduction") == _MEAN) + (call.arg("weight") is not None)
    return each * call.tensor("target").numel


Row = tuple[Rule, str]


def _same(rule: Rule, why: str, *names: str) -> dict[str, Row]:
    return dict.fromkeys(names, (rule, why))


_ORDER = "one comparison per input element; what more the order needs depends on the data and is left out"
_ADD_GRADIENT = "one addition per element of the gradient"
_REDUCED = "1 more for a sum or mean, and one division in all for a mean"
_NORMALISE = (
    "per element: 1 for the mean, 3 for the variance, 2 to normalise, 1 for a scale and 1 for a shift that is given; "
    "5 per {0} (two divisions, eps, square root, reciprocal)"
)
_NORMALISE_BACKWARD = (
    "per element: 2 to normalise again where the gradient of input or scale is wanted; for the input 7 (two sums, one "
    "of products, and the four steps of their combination) and 1 for a scale, with 2 divisions per {0}; for the scale "
    "2; for the shift 1"
)

REDUCTIONS: dict[str, Row] = {
    # sums and choices
    "sum": (_per_input(1), "one addition per input element"),
    "prod": (_per_input(1), "one multiplication per input element"),
    "mean": (_reduction(1, 1), "one addition per input element, one division per output element"),
    **_same(
        _reduction(2, 1),
        "a square and an addition per input element, a square root per output element",
        *("linalg_vector_norm", "norm"),
    ),
    "dist": (_reduction(3, 1), "difference, square and addition per input element, one square root"),
    **_same(
        _reduction(4, 2),
        "per input element: 1 for the mean, difference, square, addition; per output element two divisions",
        *("var", "var_mean"),
    ),
    **_same(_reduction(4, 3), "as `var`, and a square root per output element", "std", "std_mean"),
    **_same(_per_input(1), "one comparison per input element", "amax", "amin", "argmax", "argmin", "max", "min"),
    "aminmax": (_per_input(2), "two comparisons per input element"),
    **_same(_per_input(1), _ORDER, "kthvalue", "median", "sort", "topk"),
    # softmax
    "_softmax": (_per_input(5), "per element: comparison, difference, exponential, addition, division"),
    "_safe_softmax": (_per_input(6), "as `_softmax`, and a comparison with minus infinity per element"),
    "_log_softmax": (
        _log_softmax,
        "per element: comparison, difference, exponential, addition, difference; per row a logarithm and an addition",
    ),
    "_softmax_backward_data": (_per_input(4), "per element: grad*y, its sum, difference, times y"),
    "_log_softmax_backward_data": (
        _per_input(4),
        "per element: sum of the gradient, exp(y), times the sum, difference",
    ),
    "logsumexp": (
        _reduction(4, 2),
        "per input element: comparison, difference, exponential, addition; per output element a logarithm, an addition",
    ),
    # normalisation
    "native_batch_norm": (
        _batch_norm,
        (
            "training, per element: 1 for the mean, 3 for the variance, 2 to normalise, 2 for scale and shift; "
            "per channel 12 (two divisions, eps, square root, reciprocal, and the running statistics). "
            "Inference: 4 per element, 3 per channel"
        ),
    ),
    "native_batch_norm_backward": (
        _batch_norm_backward,
        (
            "per element: 2 to normalise again, 1 to sum the gradient, 2 to sum its product with the normalised input; "
            "where the input gradient is wanted 4 more per element and 4 per channel"
        ),
    ),
    "native_layer_norm": (_row_norm, _NORMALISE.format("row")),
    "native_layer_norm_backward": (_row_norm_backward, _NORMALISE_BACKWARD.format("row")),
    "native_group_norm": (_row_norm, _NORMALISE.format("group")),
    "native_group_norm_backward": (_row_norm_backward, _NORMALISE_BACKWARD.format("group")),
    "_weight_norm_interface": (
        _weight_norm,
        "per weight: square, addition, times the scale; per norm a square root and a division",
    ),
    "_weight_norm_interface_backward": (
        _weight_norm_backward,
        "per weight: 2 to sum its product with the gradient, 3 for the combination of both; per norm four",
    ),
    # pooling: a window that hangs over the edge counts as a whole one
    "max_pool2d_with_indices": (_window(2, 0), "one comparison per element of each window"),
    "max_pool3d_with_indices": (_window(3, 0), "one comparison per element of each window"),
    "avg_pool2d": (_window(2, 1), "one addition per element of each window, one division per window"),
    "avg_pool3d": (_window(3, 1), "one addition per element of each window, one division per window"),
    "avg_pool2d_backward": (_window_backward(2, 1), "one division per window, one addition per element of each window"),
    "avg_pool3d_backward": (_window_backward(3, 1), "one division per window, one addition per element of each window"),
    **_same(
        _reduction(1, 1),
        "one addition per input element (twice where windows overlap is not counted), one division per output element",
        *("_adaptive_avg_pool2d", "_adaptive_avg_pool3d"),
    ),
    **_same(
        _adaptive_average_backward,
        "one division per element of the gradient, one addition per input element (overlaps are not counted)",
        *("_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward"),
    ),
    **_same(
        _per_input(1),
        "one comparison per input element (overlaps of windows are not counted)",
        *("adaptive_max_pool2d", "adaptive_max_pool3d"),
    ),
    # gradients that several elements of the output share
    **_same(
        _per_input(1),
        _ADD_GRADIENT,
        *("max_pool2d_with_indices_backward", "max_pool3d_with_indices_backward"),
        *("adaptive_max_pool2d_backward", "adaptive_max_pool3d_backward"),
        *("embedding_dense_backward", "unfold_backward"),
        *(f"{pad}_pad{dims}d_backward" for pad in ("reflection", "replication") for dims in (1, 2, 3)),
        *(f"{kind}{dims}d_backward" for kind in ("upsample_nearest", "_upsample_nearest_exact") for dims in (1, 2, 3)),
    ),
    **{
        name: (_per_input(2 * taps), f"per element of the gradient: times {taps} weights, added to {taps} neighbours")
        for name, taps in (
            ("upsample_linear1d_backward", 2),
            ("upsample_bilinear2d_backward", 4),
            ("upsample_trilinear3d_backward", 8),
            ("upsample_bicubic2d_backward", 16),
        )
    },
    # scattering
    "col2im": (_per_input(1), "one addition per input element"),
    **_same(
        _index_put,
        "one addition per element that is put where they are accumulated, else nothing",
        *("index_put", "_index_put_impl", "_unsafe_index_put"),
    ),
    "index_add": (_index_add, "per added element: one addition, and one multiplication where alpha is not 1"),
    "scatter_add": (_scatter, "one addition per index"),
    "scatter_reduce": (_scatter, "one addition, multiplication or comparison per index"),
    # losses
    "mse_loss": (_loss(2), f"per element: difference, square; {_REDUCED}"),
    "huber_loss": (_loss(5), f"per element: difference, absolute value, comparison, d*d/2; {_REDUCED}"),
    "smooth_l1_loss": (_loss(6), f"per element: difference, absolute value, comparison, d*d/2/beta; {_REDUCED}"),
    "binary_cross_entropy": (
        _loss(9, weight=1),
        (
            "per element: 1 - x, two logarithms, each compared with -100, (t - 1)*, t*, difference, a weight's "
            f"product; {_REDUCED}"
        ),
    ),
    "binary_cross_entropy_backward": (
        _binary_cross_entropy_backward,
        "per element: x - t, 1 - x, times x, comparison with eps, division, times the gradient, a weight's product",
    ),
    "binary_cross_entropy_with_logits": (
        _loss(10, weight=1, pos_weight=4),
        (
            "per element: `log_sigmoid_forward` (7), 1 - t, times x, difference, a weight's product, for a positive "
            f"weight w times 1 + (w - 1)*t; {_REDUCED}"
        ),
    ),
    **_same(
        _nll,
        ("per target: one negation, a weight's product, for a weighted mean the sum of the weights; " + _REDUCED),
        *("nll_loss_forward", "nll_loss2d_forward"),
    ),
    **_same(
        _nll_backward,
        "per target: one negation, a weight's product, one division for a mean",
        *("nll_loss_backward", "nll_loss2d_backward"),
    ),
}
"""Rule and reason by operator."""
