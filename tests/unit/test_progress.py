"""Read against what buildx really printed: see recorded/."""

from pathlib import Path

import pytest

from toolkit.progress import read_failure, read_steps

RECORDED = Path(__file__).parent / "recorded"
IMAGES = ["backend", "storefront", "admin"]


def recorded(name):
    return (RECORDED / name).read_text()


def test_a_cold_build_ran_the_steps_of_every_image():
    steps = read_steps(recorded("plain-cold.txt"), IMAGES)
    assert steps["backend"].ran["builder  7/10"] == pytest.approx(5.6, abs=30)
    assert steps["storefront"].seconds > 20
    assert steps["admin"].seconds > 20
    assert not any("context" in step or "FROM" in step for step in steps["storefront"].ran)


def test_on_a_terminal_a_cached_build_ran_nothing():
    steps = read_steps(recorded("terminal-cached.txt"), IMAGES)
    assert all(not image.ran for image in steps.values())
    assert len(steps["storefront"].cached) > 5


def test_the_same_step_on_a_terminal_and_in_plain_lines():
    plain = "#7 [api builder 2/4] RUN make\n#7 1.2 out\n#7 DONE 4.2s\n"
    terminal = " => [api builder 2/4] RUN make      4.2s\n => CACHED [api builder 1/4] COPY  0.0s\n"
    assert read_steps(plain, ["api", "web"])["api"].ran == {"builder 2/4": 4.2}
    assert read_steps(terminal, ["api", "web"])["api"].ran == {"builder 2/4": 4.2}


def test_a_single_target_is_not_named_by_buildx():
    text = "#7 [builder 2/4] RUN make\n#7 DONE 4.2s\n#8 [internal] load metadata\n#8 DONE 1.0s\n"
    assert read_steps(text, ["api"])["api"].ran == {"builder 2/4": 4.2}


def test_a_type_error_is_found_with_its_step():
    failure = read_failure(recorded("plain-type-error.txt"))
    assert "npm run" in failure.step or "/report/status" in failure.step
    assert any("not assignable to type" in line for line in failure.log)
    assert "did not complete successfully" in failure.message


def test_a_missing_dependency_is_found_with_the_lines_that_say_so():
    failure = read_failure(recorded("plain-dependency.txt"))
    assert "/build/install" in failure.step
    assert any("no-such-package-vectis" in line for line in failure.log)
    assert not any(line.startswith("0.") for line in failure.log)


def test_the_target_is_read_where_buildx_names_it():
    assert read_failure("ERROR: target admin: failed to solve: broken").target == "admin"


def test_output_without_any_known_form_still_gives_its_last_line():
    assert read_failure("something\nelse\n").message == "else"
    assert read_failure("").message == ""
