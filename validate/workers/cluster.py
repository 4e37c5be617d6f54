"""The executor for many machines: Dask hands the cells out, each worker measures them in processes of their own.

Workers need this package, and the same versions of what decides the numbers. Only the client writes the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from threading import Lock, get_ident
from typing import Any
from uuid import uuid4

from costmodel.errors import CostModelError, InputError
from validate.cell import CellSpec
from validate.cellkey import decisive
from validate.workers.helper import Helper, task_for
from validate.workers.isolated import Answer
from validate.workers.limits import Limits
from validate.workers.pool import Executor
from validate.workers.watch import watched

PATIENCE = 5.0
"""Seconds that a scheduler has for its first answer."""

AHEAD = 2
"""Cells handed out for each thread of the workers: one that is measured, and the next."""

LOOK = 1.0
"""Seconds between two looks of a worker whether its cell is still wanted."""


class ClusterError(CostModelError, RuntimeError):
    """The cluster is gone."""


def cluster(address: str, limits: Limits, versions: Mapping[str, str]) -> Executor:
    """Return an executor that measures on the workers of a Dask scheduler, one cell at a time on each of their threads.

    A cell whose worker dies is handed to another; one that takes several workers with it is a failed one.

    Args:
        address: of the scheduler, ``tcp://HOST:PORT``.
        limits: what each measuring process may use.
        versions: of what is installed; what decides a cell's numbers has to be the same on the workers.

    Raises:
        InputError: without dask, or where no scheduler with a worker answers.
    """
    client = _connected(address)  # before anything is worked out
    client.close()

    def execute(cells: Iterable[CellSpec]) -> Iterator[tuple[CellSpec, Answer]]:
        from distributed import as_completed

        client = _connected(address)
        waiting = iter(cells)
        pending: dict[str, tuple[CellSpec, Any]] = {}
        finished = as_completed(loop=client.loop)
        try:
            while True:
                while len(pending) < _room(client) and (spec := next(waiting, None)):
                    task = task_for(spec, limits, decisive(spec.key, versions))
                    future = client.submit(measure_here, task, key=f"costmodel-{uuid4().hex}", pure=False)
                    pending[future.key] = (spec, future)
                    finished.add(future)
                if not pending:
                    return
                future = next(finished)
                answer = _answer(future, client, address)
                spec, _ = pending.pop(future.key)
                yield spec, answer
        finally:
            if pending:  # interrupted
                with suppress(Exception):
                    client.cancel([future for _, future in pending.values()])
            with suppress(Exception):
                client.close(timeout=PATIENCE)

    return execute


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise InputError(
            f"--scheduler {address}: {error.name} is not installed; pip install 'costmodel[cluster]'"
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said here, in one line
    try:
        asyncio.run(_reach(address))  # a client that cannot connect leaves threads behind that complain
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"--scheduler {address}: nobody answers there; expected the address of a Dask scheduler, tcp://HOST:PORT"
        ) from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        client.close()
        raise InputError(f"--scheduler {address}: it has no worker; start one with 'dask worker {address}'") from error
    return client


async def _reach(address: str) -> None:
    from distributed.comm import connect

    comm = await connect(address, timeout=PATIENCE)
    await comm.close()


def _room(client: Any) -> int:
    threads: int = sum(client.nthreads().values())
    return max(1, AHEAD * threads)


def _answer(future: Any, client: Any, address: str) -> Answer:
    """Return what a worker answered, or why it did not."""
    try:
        answer: Answer = future.result()
        return answer
    except Exception as error:  # workers that died, a package they lack, or a scheduler that is gone
        if client.status != "running" or future.cancelled():
            raise ClusterError(
                f"the scheduler at {address} is gone; the journal has what was finished, run the same command again"
            ) from error
        return {"failed": f"on the cluster: {type(error).__name__}: {' '.join(str(error).split())}"}


_helpers: dict[int, Helper] = {}
_lock = Lock()


def measure_here(task: str) -> Answer:
    """Measure a cell on a worker, by the helper that this thread has; for as long as somebody wants the answer."""
    for _ in range(2):  # an idle helper has ended, or it was killed
        with _lock:
            helper = _helpers.get(get_ident()) or _helpers.setdefault(get_ident(), Helper())
        with _while_wanted(helper):
            answer = helper.ask(task)
        if answer is not None:
            return answer
        with _lock:
            _helpers.pop(get_ident(), None)
        if helper.ended:
            break
        helper.end()
    return {"failed": "the process that measures for this worker has ended"}


def _while_wanted(helper: Helper) -> AbstractContextManager[None]:
    """End a helper, and the cell that it measures, when the task of this thread is given up: its client is gone."""
    from distributed.worker import get_worker, thread_state

    worker, key = get_worker(), thread_state.key

    def given_up() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state == "cancelled"

    return watched(given_up, helper.end, LOOK)
