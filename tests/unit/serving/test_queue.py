"""The engine's queue: clients take turns, jobs keep their order, and it is bounded."""

import pytest

from seal_sdk.errors import QueueFull
from seal_sdk.serving.job import Job
from seal_sdk.serving.queue import FairQueue
from seal_sdk.serving.work import Drawing


def job(client, prompt="a cat", images=1, **shared):
    return Job(Drawing(tuple(range(images)), {"prompt": prompt}, shared), client, None, False)


def filled(*jobs, most=100, per_client=100):
    queue = FairQueue(most, per_client)
    for each in jobs:
        queue.put(each)
    return queue


def order(queue, most_images=1):
    taken = []
    while jobs := queue.take(most_images):
        taken.append([each.client + each.work.each["prompt"] for each in jobs])
    return taken


def test_clients_take_turns_and_keep_their_order():
    queue = filled(*(job(client, str(n)) for client, count in (("a", 3), ("b", 2), ("c", 1)) for n in range(count)))
    assert order(queue) == [["a0"], ["b0"], ["c0"], ["a1"], ["b1"], ["a2"]]
    assert len(queue) == 0


def test_positions_are_the_order_they_are_taken_in():
    jobs = [job(client, str(n)) for client, count in (("a", 3), ("b", 1), ("c", 4), ("d", 2)) for n in range(count)]
    queue = filled(*jobs)
    for _ in range(len(jobs)):
        expected = {each.id: queue.position(each) for each in queue}
        (taken,) = queue.take(1)
        assert expected[taken.id] == 0
        assert queue.position(taken) is None
        assert all(queue.position(each) == expected[each.id] - 1 for each in queue)


def test_jobs_with_equal_settings_are_taken_together_and_pass_none_of_their_own_client():
    small, large = dict(height=64), dict(height=128)
    queue = filled(
        job("a", "0", **small),
        job("a", "1", **large),
        job("a", "2", **small),
        job("b", "0", **small),
        job("b", "1", **small),
        job("c", "0", **large),
    )
    assert order(queue, most_images=8) == [["a0", "b0", "b1"], ["c0", "a1"], ["a2"]]


def test_no_more_images_than_asked_for_are_taken_together():
    queue = filled(job("a", "0", images=2), job("b", "0", images=2), job("c", "0", images=1))
    assert order(queue, most_images=3) == [["a0", "c0"], ["b0"]]


def test_drawings_into_a_picture_are_taken_alone():
    painted = Job(Drawing((0,), {"prompt": "0"}, {}, {"image": "room.png"}), "a", None, False)
    assert order(filled(painted, job("b", "0")), most_images=8) == [["a0"], ["b0"]]


def test_it_is_bounded_in_all_and_per_client():
    queue = filled(job("a"), job("a"), job("b"), most=4, per_client=2)
    with pytest.raises(QueueFull, match="2 jobs of this client wait already"):
        queue.put(job("a"))
    queue.put(job("c"))
    with pytest.raises(QueueFull, match="4 jobs wait already"):
        queue.put(job("d"))
    queue.take(1)
    queue.put(job("d"))


def test_a_removed_job_is_gone():
    first, second = job("a", "0"), job("a", "1")
    queue = filled(first, second)
    assert queue.remove(first) and not queue.remove(first)
    assert order(queue) == [["a1"]]
