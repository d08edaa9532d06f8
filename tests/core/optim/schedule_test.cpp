#include <doctest/doctest.h>

#include "core/check.h"
#include "core/optim/schedule.h"
#include "tests/golden/optim_golden.h"

using namespace fanin;

namespace {

void compare(const ScheduleOptions& options, const std::vector<double>& expected) {
  const Schedule schedule(options);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(schedule.lr(static_cast<std::int64_t>(i)) == doctest::Approx(expected[i]).epsilon(1e-12));
  }
}

}  // namespace

TEST_CASE("schedules give PyTorch's rates") {
  compare({.decay = Decay::step, .lr = 0.4, .total_steps = 10, .step_epochs = 3}, golden::rates_step);
  compare({.decay = Decay::multistep, .lr = 0.4, .total_steps = 10, .gamma = 0.2, .milestones = {4, 7}},
          golden::rates_multistep);
  compare({.decay = Decay::cosine, .lr = 0.4, .total_steps = 10, .min_lr = 0.01}, golden::rates_cosine);
  compare({.decay = Decay::onecycle, .lr = 0.4, .total_steps = 20}, golden::rates_onecycle_20);
  compare({.decay = Decay::onecycle, .lr = 0.4, .total_steps = 7}, golden::rates_onecycle_7);
}

TEST_CASE("plateau lowers the rate when PyTorch does, and remembers across a resume") {
  const ScheduleOptions options{.decay = Decay::plateau, .lr = 0.4, .total_steps = 100, .patience = 2};
  Schedule schedule(options);
  for (std::size_t i = 0; i < golden::plateau_losses.size(); ++i) {
    CAPTURE(i);
    CHECK(schedule.lr(0) == doctest::Approx(golden::rates_plateau[i]).epsilon(1e-12));
    schedule.epoch_ended(golden::plateau_losses[i]);
    Schedule resumed(options);
    resumed.load_state(schedule.state());
    schedule = resumed;
  }
}

TEST_CASE("steps of an epoch share the epoch's rate, and the warm-up climbs a line") {
  const Schedule schedule(
      {.decay = Decay::step, .lr = 1, .total_steps = 40, .steps_per_epoch = 4, .warmup_epochs = 1, .step_epochs = 2});
  CHECK(schedule.lr(0) == 0.25);
  CHECK(schedule.lr(3) == 1);
  CHECK(schedule.lr(7) == 1);
  CHECK(schedule.lr(8) == doctest::Approx(0.1));
  CHECK(schedule.lr(39) == doctest::Approx(1e-4));
}

TEST_CASE("one-cycle is defined for any number of steps") {
  for (const std::int64_t steps : {1, 2, 3, 4, 5}) {
    const Schedule schedule({.decay = Decay::onecycle, .lr = 0.1, .total_steps = steps});
    for (std::int64_t s = 0; s < steps; ++s) {
      CHECK(schedule.lr(s) >= 0);
      CHECK(schedule.lr(s) <= 0.1);
    }
  }
}

TEST_CASE("schedules refuse what makes no sense") {
  CHECK_THROWS_AS(Schedule({.total_steps = 0}), ShapeError);
  CHECK_THROWS_AS(Schedule({.total_steps = 3, .warmup_epochs = 4}), ShapeError);
  CHECK_THROWS_AS(Schedule({.decay = Decay::onecycle, .total_steps = 9, .warmup_epochs = 1}), ShapeError);
  CHECK_THROWS_AS(Schedule({.milestones = {5, 3}}), ShapeError);
  CHECK(decay_from("cosine") == Decay::cosine);
  CHECK(!decay_from("cosinus"));
}
