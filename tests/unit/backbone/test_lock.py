"""The lock of a model: first come, first served, may be taken again, and whoever gives up leaves the queue."""

from __future__ import annotations

import copy
import threading
import time
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from seal_sdk.backbone.lock import FairLock, exclusive, lock_of

PATIENCE = 60


@contextmanager
def taken(lock):
    """The lock, held by another thread until the block ends."""
    holding, release = threading.Event(), threading.Event()

    def hold():
        with lock:
            holding.set()
            release.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(PATIENCE)
    yield
    release.set()
    thread.join()


def test_the_lock_is_given_in_the_order_of_asking():
    lock, order = FairLock(), []

    def ask(number):
        with lock:
            order.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    with taken(lock):
        for number, thread in enumerate(threads):
            thread.start()
            while lock.waiting <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_who_is_interrupted_while_waiting_leaves_the_queue(monkeypatch):
    lock, entered = FairLock(), []

    def interrupt(*_):
        raise KeyboardInterrupt

    with taken(lock):
        with monkeypatch.context() as patched:
            patched.setattr(lock._changed, "wait", interrupt)
            with pytest.raises(KeyboardInterrupt), lock:
                entered.append("never")
        assert lock.waiting == 0
    with lock:  # nobody is stuck behind the one who left
        entered.append("later")
    assert entered == ["later"]


def test_its_owner_may_take_it_again():
    lock = FairLock()
    with lock, lock:
        pass
    with taken(lock):
        assert lock.waiting == 0


def test_modules_have_one_lock_each_which_copies_and_weights_do_not_share():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    assert lock_of(one) is lock_of(one) and lock_of(one) is not lock_of(other)
    assert lock_of(copy.deepcopy(one)) is not lock_of(one)


def test_a_compiled_module_shares_the_lock_of_its_original():
    module = nn.Linear(2, 2)
    assert lock_of(torch.compile(module)) is lock_of(module)


def test_all_modules_are_taken_whatever_their_order():
    first, second, reached = nn.Linear(2, 2), nn.Linear(2, 2), []

    def work(modules):
        for _ in range(50):
            with exclusive(modules):
                reached.append(1)

    threads = [threading.Thread(target=work, args=(each,)) for each in ([first, second], [second, first])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(reached) == 100
