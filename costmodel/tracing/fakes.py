"""Tensors without data that say that they are on the CPU: torch takes the path that it takes there."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from torch._library.utils import is_builtin
from torch._subclasses.fake_impls import has_meta, op_implementations_checks
from torch._subclasses.fake_tensor import (
    FakeTensor,
    FakeTensorMode,
    UnsupportedOperatorException,
    in_kernel_invocation_manager,
    unset_fake_temporarily,
)
from torch.utils._pytree import tree_leaves, tree_map_only

from costmodel.cell.tensors import replace_tensors
from costmodel.errors import TraceError

CPU = torch.device("cpu")


class Fakes:
    """Makes fake tensors, several times faster than torch's own way through a kernel of shapes.

    Attributes:
        mode: in which operators on them are worked out by torch.
    """

    def __init__(self) -> None:
        self.mode = FakeTensorMode(allow_non_fake_inputs=True, allow_fallback_kernels=False)
        with unset_fake_temporarily():
            some = torch.empty(0, device="meta")
        self._state = dict(vars(FakeTensor(self.mode, some, CPU)))

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], given: list[torch.Tensor]) -> Any:
        """Return what an operator returns on tensors without data.

        Args:
            func: the operator.
            args: what it is given by position.
            kwargs: what it is given by name.
            given: the tensors among both.
        """
        if not (given and _has_shape_kernel(func) and "device" not in kwargs and all(map(self._is_plain, given))):
            return self._by_mode(func, args, kwargs)
        try:
            with in_kernel_invocation_manager(self.mode):
                result = func(*args, **kwargs)
        except NotImplementedError:
            return self._by_mode(func, args, kwargs)
        with torch._C._DisableTorchDispatch():
            own = {id(tensor) for tensor in given}
            return tree_map_only(torch.Tensor, lambda made: made if id(made) in own else self._wrapped(made), result)

    def _by_mode(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            return func(*args, **kwargs)
        except (UnsupportedOperatorException, NotImplementedError):
            in_place = func._schema.name.endswith("_") and args and args[0].layout is torch.strided
            return args[0] if in_place else self.measured(func, args, kwargs)

    def measured(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what an operator returns by running it once on zeros, where nothing else tells.

        Raises:
            TraceError: where its arguments are too large for that, or a result shares a storage with one.
        """
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        if any(tensor.layout is not torch.strided for tensor in given):
            raise TraceError(f"{func} has no kernel of shapes for sparse tensors")
        needed = sum(tensor.untyped_storage().nbytes() for tensor in given)
        if needed > MEASURED_UP_TO:
            raise TraceError(f"{func} has no kernel of shapes, and {needed:,} bytes are too many to run it for its own")
        with unset_fake_temporarily():
            real = {id(tensor): _zeros(tensor) for tensor in given}
            own = {tensor.untyped_storage()._cdata for tensor in real.values()}
            run = tree_map_only(torch.Tensor, lambda tensor: real[id(tensor)], (args, kwargs))
            result = func(*run[0], **run[1])
        if any(made.untyped_storage()._cdata in own for made in tree_leaves(result) if isinstance(made, torch.Tensor)):
            raise TraceError(f"{func} has no kernel of shapes, and returns a part of what it is given")
        return tree_map_only(torch.Tensor, self._like_real, result)

    def _like_real(self, made: torch.Tensor) -> torch.Tensor:
        return self.fresh(tuple(made.shape), made.stride(), made.dtype, made.untyped_storage().nbytes())

    def _is_plain(self, tensor: torch.Tensor) -> bool:
        dense = tensor.layout is torch.strided
        return dense and type(tensor) is FakeTensor and tensor.fake_mode is self.mode and tensor.constant is None

    def on(
        self,
        storage: torch.UntypedStorage,
        shape: tuple[int, ...],
        stride: tuple[int, ...],
        offset: int,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """Return a view of a storage without data; sizes in elements."""
        with torch._C._DisableTorchDispatch():
            elements = torch.empty(0, dtype=dtype, device="meta").set_(storage, offset, shape, stride)
            return self._wrapped(elements)

    def fresh(
        self, shape: tuple[int, ...], stride: tuple[int, ...], dtype: torch.dtype, nbytes: int = 0
    ) -> torch.Tensor:
        """Return a tensor on a storage of its own, as large as it needs or of ``nbytes`` where that is more."""
        with torch._C._DisableTorchDispatch():
            elements = torch.empty_strided(shape, stride, dtype=dtype, device="meta")
            if nbytes > elements.untyped_storage().nbytes():
                elements.untyped_storage().resize_(nbytes)
            return self._wrapped(elements)

    def _wrapped(self, elements: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = torch.Tensor._make_subclass(
            FakeTensor, elements, False, dispatch_device=True, device_for_backend_keys=CPU
        )
        torch._C._set_throw_on_mutable_data_ptr(made)  # a kernel that wants data fails instead of reading nothing
        made.__dict__.update(self._state)
        return made

    def of_model(self, model: nn.Module) -> None:
        """Replace a model's parameters and buffers on the meta device by fake ones, in place.

        peft cannot be applied to fake parameters, so they are made fake afterwards.
        """
        replace_tensors(model, self._like)

    def _like(self, tensor: torch.Tensor) -> torch.Tensor:
        if tensor.device.type != "meta":
            return tensor
        view = tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()), tensor.dtype
        like = self.on(tensor.untyped_storage(), *view)
        return nn.Parameter(like, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else like


MEASURED_UP_TO = 2**26
"""Bytes of arguments up to which an operator without a kernel of shapes is run for its own."""


def _zeros(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype).zero_()


_CPP_KERNELS = frozenset({"aten.view.default", "aten._unsafe_view.default", "aten.slice.Tensor", "aten.select.int"})
"""Operators that torch's mode treats apart for the sake of symbolic sizes only."""


@cache
def _has_shape_kernel(func: Any) -> bool:
    """Tell whether an operator can go straight to its kernel of shapes: torch's mode treats it like most others."""
    if not is_builtin(func) or not has_meta(func) or torch.Tag.inplace_view in func.tags:
        return False
    return str(func) in _CPP_KERNELS or not any(applies(func) for applies, _ in op_implementations_checks)
