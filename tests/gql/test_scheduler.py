"""The scheduler: the job that has used the least time is next, and other tasks run in between."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from math import inf
from time import perf_counter

from gql.scheduler import Job, Scheduler


async def work(job: Job, name: str, parts: int, log: list[str], part_s: float = 0.0) -> None:
    """Do some parts of work, each in a slice of its own."""
    for _ in range(parts):
        if job.slice_is_over():
            await job.next_slice()
        log.append(name)
        until = perf_counter() + part_s
        while perf_counter() < until:
            pass


def test_jobs_that_have_used_the_same_take_turns() -> None:
    """Several long jobs end at about the same time."""
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler(slice_s=0)
        await asyncio.gather(*(work(Job(scheduler), name, 40, log, 0.001) for name in "abc"))

    asyncio.run(run())
    first_half = log[:60]
    assert all(first_half.count(name) >= 12 for name in "abc"), first_half


def test_job_that_has_used_little_comes_before_those_that_have_used_much() -> None:
    """A short job that starts later ends at once, however many tasks a long one has."""
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler(slice_s=0)
        long = Job(scheduler)
        tasks = [asyncio.create_task(work(long, "long", 5, log, 0.0002)) for _ in range(100)]
        while len(log) < 50:  # noqa: ASYNC110  # it counts turns of the event loop
            await asyncio.sleep(0)
        before = len(log)
        await work(Job(scheduler), "short", 5, log)
        assert log[before:].count("long") <= 10
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert log.count("long") == 500


def test_tasks_of_a_job_go_on_in_the_order_in_which_they_wait() -> None:
    """A job's own tasks are first come, first served."""
    log: list[str] = []

    async def run() -> None:
        job = Job(Scheduler(slice_s=0))
        await asyncio.gather(*(work(job, str(number), 3, log) for number in range(5)))

    asyncio.run(run())
    assert log == [str(number) for number in range(5)] * 3


def test_whatever_else_is_ready_comes_between_two_slices() -> None:
    """Each iteration of the event loop has one slice, and runs all other callbacks."""
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler(slice_s=0)
        jobs = [asyncio.create_task(work(Job(scheduler), "job", 20, log)) for _ in range(10)]
        while not all(job.done() for job in jobs):
            log.append("other")
            await asyncio.sleep(0)

    asyncio.run(run())
    others = [index for index, name in enumerate(log) if name == "other"]
    assert max(later - earlier for earlier, later in pairwise(others)) <= 3


def test_cancelled_tasks_are_skipped() -> None:
    """A task that was cancelled is skipped, and so is a job without tasks."""
    log: list[str] = []

    async def run() -> None:
        scheduler = Scheduler(slice_s=0)
        job, other = Job(scheduler), Job(scheduler)
        gone = [asyncio.create_task(work(job, "gone", 9, log)) for _ in range(3)]
        left = [asyncio.create_task(work(each, "left", 9, log)) for each in (job, other)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*left)

    asyncio.run(run())
    assert log.count("left") == 18
    assert log.count("gone") == 0


def test_job_that_waits_late_goes_on() -> None:
    """A task may wait long after its slice ended, and in another event loop."""
    scheduler = Scheduler(slice_s=0)

    async def run() -> None:
        job = Job(scheduler)
        assert job.slice_is_over()
        for _ in range(3):
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            await job.next_slice()

    for _ in range(2):
        asyncio.run(run())


def test_job_that_ends_within_its_slice_never_waits() -> None:
    """Small operations are executed in one go."""

    async def run() -> None:
        job = Job(Scheduler(slice_s=inf))
        assert not any(job.slice_is_over() for _ in range(1_000))

    asyncio.run(run())
