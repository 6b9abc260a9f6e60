"""How rates change."""

import pytest
from birefnet_video.model.training.optimiser import fall_begins, rate_factor
from birefnet_video.model.training.recipe import OptimiserSection


def factors(settings: OptimiserSection, steps: int) -> list[float]:
    return [rate_factor(settings, step, steps, 5) for step in range(steps)]


def test_a_held_rate_falls_down_a_cosine_at_the_end() -> None:
    settings = OptimiserSection(schedule="hold", fall=0.4, least=0.01, warm_up_steps=2)
    assert fall_begins(settings, 10) == 6
    expected = [0.5, 1, 1, 1, 1, 1, 1, 0.853553, 0.5, 0.146447]
    assert factors(settings, 10) == pytest.approx(expected, abs=1e-6)


def test_a_cosine_falls_from_the_first_step_on() -> None:
    settings = OptimiserSection(schedule="cosine", least=0.2)
    assert factors(settings, 4) == pytest.approx([1, 0.853553, 0.5, 0.2], abs=1e-6)
    assert fall_begins(settings, 4) == 4


@pytest.mark.parametrize(("fall", "expected"), [(0.0, [1, 1, 1]), (1.0, [1, 0.75, 0.25])])
def test_a_rate_may_be_held_to_the_end_or_never(fall: float, expected: list[float]) -> None:
    settings = OptimiserSection(schedule="hold", fall=fall)
    assert factors(settings, 3) == pytest.approx(expected)


def test_milestones_count_epochs() -> None:
    settings = OptimiserSection(schedule="steps", milestones=(1, -1), decay=0.5)
    assert factors(settings, 15) == [1] * 5 + [0.5] * 10
