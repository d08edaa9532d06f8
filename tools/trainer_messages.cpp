#include <algorithm>
#include <cmath>

#include "core/io/atomic_file.h"
#include "tools/estimate.h"
#include "tools/optimizer.h"
#include "tools/trainer.h"

// What a training says: before, during and after.

namespace fanin {

std::string Trainer::plan() {
  const DatasetInfo& info = setup_.train->info();
  const Dim batch = setup_.arguments.batch_size;
  setup_.net->train();
  const StepCost cost =
      measure_step(*setup_.net, {batch, info.channels, info.height, info.width}, setup_.train->classes(), setup_.dtype);
  step_seconds_ = cost.seconds;
  const auto parameters = static_cast<double>(parameter_count(*setup_.net));
  const double extra =
      parameters * static_cast<double>(size_of(setup_.dtype)) * (moments_kept(setup_.arguments) + (ema_ ? 1 : 0));
  const double memory = static_cast<double>(cost.peak_bytes) + extra;
  const auto steps = static_cast<double>(total_steps_);
  double seconds = steps * cost.seconds;
  // Forward is about a third of a step.
  if (setup_.val)
    seconds += std::ceil(steps / static_cast<double>(steps_per_epoch_)) * cost.seconds / 3 *
               static_cast<double>(setup_.val->size()) / static_cast<double>(batch);
  if (const std::size_t available = available_memory(); available > 0 && memory > static_cast<double>(available))
    console_.warn("about ", bytes_text(memory), " of memory are wanted, ", bytes_text(static_cast<double>(available)),
                  " are free; a smaller --batch-size needs less");
  return text(count_text(total_steps_), " steps of ", batch, " images: about ", duration_text(seconds), ", ",
              bytes_text(memory), " of memory");
}

void Trainer::show_step(const Batch& batch, double seconds) {
  const auto seen = static_cast<double>(std::max(state_.confusion.total(), Dim{1}));
  const std::int64_t epochs = (total_steps_ + steps_per_epoch_ - 1) / steps_per_epoch_;
  const auto left = static_cast<double>(total_steps_ - state_.step);
  const double rate = seconds > 0 ? static_cast<double>(batch.labels.numel()) / step_seconds_ : 0;
  progress_.step({.step = state_.step,
                  .total_steps = total_steps_,
                  .epoch = state_.epoch + 1,
                  .total_epochs = epochs,
                  .images_per_second = rate,
                  .loss = state_.loss_sum / seen,
                  .top1 = static_cast<double>(state_.confusion.correct()) / seen,
                  .lr = optimizer_->lr(),
                  .seconds_left = left * step_seconds_ +
                                  validation_seconds_ * std::ceil(left / static_cast<double>(steps_per_epoch_))});
}

void Trainer::show_epoch(const MetricsRow& row, bool best) {
  const std::int64_t epochs = (total_steps_ + steps_per_epoch_ - 1) / steps_per_epoch_;
  std::string words = text("epoch ", row.epoch, "/", epochs, "  loss ", fixed(row.train_loss, 4), "  top1 ",
                           fixed(100 * row.train_top1, 2), "%");
  if (setup_.val)
    words += text("  val loss ", fixed(row.val_loss, 4), "  val top1 ", fixed(100 * row.val_top1, 2), "%",
                  best ? " (best)" : "");
  progress_.line(text(words, "  ", duration_text(row.seconds)));
}

void Trainer::write_profile() {
  console_.note(profile_->text());
  if (profile_->steps() > 0) write_file(folder_.file("trace.json"), profile_->trace().text());
}

Outcome Trainer::outcome(End end) {
  Outcome result;
  result.json.set("run", folder_.path()).set("steps", state_.step).set("epochs", state_.epoch);
  result.json.set("loss", last_row_.train_loss).set("top1", last_row_.train_top1);
  if (setup_.val && state_.best.epoch >= 0) {
    result.json.set("val_loss", last_row_.val_loss).set("val_top1", last_row_.val_top1);
    result.json.set("val_top5", last_row_.val_top5).set("best_top1", state_.best.top1);
    result.json.set("best_loss", state_.best.loss).set("best_epoch", state_.best.epoch + 1);
  }
  if (profile_) result.json.set("profile", profile_->json());
  result.json.set("seconds", elapsed()).set("parameters", parameter_count(*setup_.net));
  if (end == End::diverged) {
    result.code = Exit::diverged;
    result.json.set("error", diverged_).set("diagnosis", diagnosis_);
    Console::write_error(text("fanin train: ", diverged_, "\nA lower --lr, a warm-up or --clip-grad 1 may help",
                              has_results() ? "; what was saved at the last epoch's end is untouched.\n" : ".\n"));
  } else if (end == End::interrupted) {
    result.code = Exit::interrupted;
    result.json.set("interrupted", true);
    console_.note("interrupted after step ", state_.step, "; go on with: fanin train --resume --output ",
                  folder_.path());
  }
  return result;
}

}  // namespace fanin
