#include "core/optim/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/check.h"

namespace fanin {

namespace {

constexpr std::array<std::string_view, 6> names{"constant", "step", "multistep", "cosine", "onecycle", "plateau"};

/// From `start` at 0 to `end` at 1 along half a cosine.
double cosine(double start, double end, double at) {
  return end + (start - end) / 2 * (1 + std::cos(std::numbers::pi * at));
}

}  // namespace

std::string_view name_of(Decay decay) { return names[static_cast<std::size_t>(decay)]; }

std::optional<Decay> decay_from(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Decay>(found - names.begin());
}

Schedule::Schedule(ScheduleOptions options)
    : options_(std::move(options)),
      warmup_steps_(options_.warmup_epochs * static_cast<double>(options_.steps_per_epoch)) {
  const auto& o = options_;
  check(o.total_steps > 0 && o.steps_per_epoch > 0, "schedule: expected at least one step, got ", o.total_steps,
        " with ", o.steps_per_epoch, " an epoch");
  check(o.lr >= 0 && std::isfinite(o.lr) && o.min_lr >= 0, "schedule: learning rates must not be negative, got lr ",
        o.lr, " and min_lr ", o.min_lr);
  check(o.warmup_epochs >= 0 && warmup_steps_ <= static_cast<double>(o.total_steps), "schedule: a warm-up of ",
        o.warmup_epochs, " epochs does not fit into ", o.total_steps, " steps of ", o.steps_per_epoch, " an epoch");
  check(o.decay != Decay::onecycle || o.warmup_epochs == 0,
        "schedule: one-cycle warms up by itself; leave warm-up epochs at 0");
  check(o.step_epochs > 0, "schedule: step_epochs must be at least 1, got ", o.step_epochs);
  check(std::is_sorted(o.milestones.begin(), o.milestones.end()), "schedule: milestones must ascend");
  check(o.patience >= 0, "schedule: patience must not be negative, got ", o.patience);
}

double Schedule::lr(std::int64_t step) const {
  const auto& o = options_;
  const std::int64_t s = std::min(step, o.total_steps - 1);
  if (static_cast<double>(s) < warmup_steps_) return o.lr * std::min(1.0, static_cast<double>(s + 1) / warmup_steps_);
  const std::int64_t epoch = s / o.steps_per_epoch;
  switch (o.decay) {
    case Decay::constant: return o.lr;
    case Decay::step: return o.lr * std::pow(o.gamma, static_cast<double>(epoch / o.step_epochs));
    case Decay::multistep: {
      const auto passed = std::upper_bound(o.milestones.begin(), o.milestones.end(), epoch) - o.milestones.begin();
      return o.lr * std::pow(o.gamma, static_cast<double>(passed));
    }
    case Decay::cosine:
      return cosine(o.lr, o.min_lr,
                    (static_cast<double>(s) - warmup_steps_) / (static_cast<double>(o.total_steps) - warmup_steps_));
    case Decay::onecycle: return one_cycle(s);
    case Decay::plateau: return std::max(o.min_lr, o.lr * factor_);
  }
  return o.lr;
}

double Schedule::one_cycle(std::int64_t step) const {
  const double lowest = options_.lr / 25;
  const auto s = static_cast<double>(step);
  const auto last = static_cast<double>(options_.total_steps) - 1;
  const double top = 0.3 * static_cast<double>(options_.total_steps) - 1;
  if (s <= top) return cosine(lowest, options_.lr, top > 0 ? s / top : 1);
  return cosine(options_.lr, lowest / 1e4, (s - top) / (last - top));
}

void Schedule::epoch_ended(double loss) {
  if (options_.decay != Decay::plateau) return;
  if (loss < best_ * (1 - 1e-4)) {
    best_ = loss;
    bad_epochs_ = 0;
  } else if (++bad_epochs_ > options_.patience) {
    factor_ *= options_.gamma;
    bad_epochs_ = 0;
  }
}

void Schedule::load_state(const std::vector<double>& state) {
  check(state.size() == 3, "schedule: a saved state has three numbers, got ", state.size());
  factor_ = state[0];
  best_ = state[1];
  bad_epochs_ = static_cast<int>(state[2]);
}

}  // namespace fanin
