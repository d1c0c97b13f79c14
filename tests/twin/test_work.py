"""Jobs: waves, ramps, checkpoints, and who has which GPU."""

import numpy as np

from coldplate.twin.effects import Effects
from coldplate.twin.power import COPY, MATMUL
from coldplate.twin.work import CHECKPOINT, WAITING, Job, Work, clash
from coldplate.wire.metric import Kind

GPUS = {"hall": range(8), "rack-0000": range(4), "rack-0001": range(4, 8)}


def rows(kind, subject):
    assert kind is Kind.GPU
    return np.array(GPUS[subject], np.intp)


def test_a_training_step_computes_and_pauses():
    """As recorded: 1.0 s of matrix products, 0.5 s of little."""
    job = Job(1, ramp_s=0.0)
    assert MATMUL.load_ratio == job.load(9.0, 0.1)[0] == job.load(9.0, 0.9)[0]
    assert WAITING.load_ratio == job.load(9.0, 1.2)[0]


def test_a_job_ramps_up_and_down():
    """Over its ramp, steeper when ramps are."""
    job = Job(1, pattern="steady", start_s=10.0, end_s=20.0, ramp_s=2.0)
    full = MATMUL.load_ratio
    up = [job.load(t, 0.0)[0] / full for t in (10, 11, 12, 20, 21)]
    assert [0.0, 0.5, 1.0, 1.0, 0.5] == up
    assert full == job.load(11.0, 0.0, ramp_scale=4.0)[0]
    assert [False, True, True, False] == [job.runs(t) for t in (9.9, 10.0, 21.9, 22.0)]


def test_a_checkpoint_stops_the_computing():
    """For its time, again and again."""
    job = Job(1, ramp_s=0.0, checkpoint_every_s=100.0, checkpoint_s=20.0)
    assert CHECKPOINT.load_ratio == job.load(81.0, 0.0)[0] == job.load(199.0, 0.0)[0]
    assert MATMUL.load_ratio == job.load(101.0, 0.0)[0]


def test_gpus_have_the_load_of_their_job():
    """None without one; a job that ends leaves its GPUs to the next."""
    work = Work(
        [
            Job(7, ("rack-0000",), pattern="steady", end_s=10.0, ramp_s=0.0),
            Job(8, ("rack-0000",), start_s=10.0, pattern="memory", ramp_s=0.0),
        ],
        rows,
        8,
    )
    asked = work.step(5.0, 5.0, None)
    np.testing.assert_allclose([MATMUL.load_ratio] * 4 + [0.0] * 4, asked.load)
    np.testing.assert_array_equal([7] * 4 + [np.nan] * 4, work.numbers)
    asked = work.step(12.0, 7.0, None)
    np.testing.assert_allclose([COPY.load_ratio] * 4 + [0.0] * 4, asked.load)
    np.testing.assert_allclose([COPY.mem_ratio] * 4 + [0.0] * 4, asked.memory)
    np.testing.assert_array_equal([8] * 4 + [np.nan] * 4, work.numbers)
    assert np.isnan(work.swing_hz).all()


def test_a_hung_gpu_holds_its_job_up_and_a_slow_one_stretches_its_steps():
    """Synchronous work is as fast as its slowest part; another job goes on."""
    jobs = [
        Job(1, ("rack-0000",), ramp_s=0.0),
        Job(2, ("rack-0001",), pattern="steady", ramp_s=0.0),
    ]
    work, effects = Work(jobs, rows, 8), Effects(2, 2, 8)
    effects.slow_ratio[1] = 0.5
    work.step(1.0, 1.0, effects)
    assert 1 / 2.0 == work.swing_hz[0]
    stuck = Effects(2, 2, 8)
    stuck.hung[1] = True
    asked = work.step(1.1, 0.1, stuck)
    np.testing.assert_allclose([WAITING.load_ratio] * 4 + [MATMUL.load_ratio] * 4, asked.load)
    work.step(1.2, 0.1, Effects(2, 2, 8))
    assert 1 / 1.5 == work.swing_hz[0]


def test_a_hall_without_jobs_is_idle():
    """Nothing is asked of anybody."""
    assert 0.0 == Work([], rows, 8).step(3.0, 1.0, None).load.max()


def test_two_jobs_on_one_gpu_clash():
    """Only when they overlap in time as well."""
    first, second = Job(1, ("rack-0000",), end_s=10.0), Job(2, start_s=10.5)
    assert (first, second) == clash([first, second], rows)
    assert clash([first, Job(2, ("rack-0001",))], rows) is None
    assert clash([first, Job(2, start_s=11.0)], rows) is None
