#include "tools/trainer.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/io/atomic_file.h"
#include "core/ops/cross_entropy.h"
#include "core/optim/clip.h"
#include "layers/dropout.h"
#include "tools/diagnose.h"
#include "tools/optimizer.h"
#include "tools/report.h"
#include "tools/signals.h"

namespace fanin {

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// The averaged weights in the model's place, where there are any.
class Swapped final {
 public:
  explicit Swapped(Ema* ema) : ema_(ema) {
    if (ema_ != nullptr) ema_->swap();
  }
  ~Swapped() {
    if (ema_ != nullptr) ema_->swap();
  }
  Swapped(const Swapped&) = delete;
  Swapped& operator=(const Swapped&) = delete;

 private:
  Ema* ema_;
};

LoaderOptions loader_options(const TrainSetup& setup) {
  const TrainArguments& a = setup.arguments;
  return {.batch_size = a.batch_size,
          .shuffle = !a.no_shuffle,
          .drop_last = !a.no_shuffle,
          .seed = setup.seed,
          .augment = Augment::parse(a.augment),
          .dtype = setup.dtype,
          .normalisation = setup.normalisation};
}

}  // namespace

Trainer::Trainer(TrainSetup setup, RunFolder folder, Console& console)
    : setup_(std::move(setup)),
      folder_(std::move(folder)),
      console_(console),
      optimizer_(make_optimizer(setup_.arguments, *setup_.net)),
      schedule_(setup_.arguments.schedule(setup_.train->size())),
      loader_(setup_.train, loader_options(setup_)),
      progress_(console),
      total_steps_(setup_.arguments.total_steps(setup_.train->size())),
      steps_per_epoch_(loader_.batches()) {
  if (setup_.arguments.ema_decay > 0) ema_.emplace(state_dict(*setup_.net), setup_.arguments.ema_decay);
  if (setup_.arguments.profile) profile_.emplace(1);
  state_.confusion = Confusion(setup_.train->classes());
}

bool Trainer::finished() const {
  const std::int64_t patience = setup_.arguments.patience;
  const bool stopped_early = patience > 0 && state_.best.epoch >= 0 && state_.epoch - 1 - state_.best.epoch >= patience;
  const bool ended = state_.ended == state_.step;  // else interrupted on the way to it
  return (state_.step >= total_steps_ && ended) || stopped_early;
}

double Trainer::elapsed() const { return state_.seconds + since(started_); }

void Trainer::resume() {
  const std::string path = folder_.file(RunFolder::checkpoint);
  if (folder_.mode() == RunFolder::Mode::resume && folder_.has(RunFolder::checkpoint)) {
    const TrainParts parts{*setup_.net, *optimizer_, schedule_, ema_ ? &*ema_ : nullptr};
    if (const std::string warning = load_checkpoint(path, state_, parts); !warning.empty()) console_.warn(warning);
    console_.note("going on after step ", count_text(state_.step), ", about ",
                  duration_text(static_cast<double>(total_steps_ - state_.step) * step_seconds_), " to go");
  }
}

Outcome Trainer::run() {
  const SignalScope signals;
  metrics_.emplace(folder_.file("metrics.csv"), folder_.file("metrics.jsonl"), state_.step);
  for (const MetricsRow& row : read_metrics(folder_.file("metrics.jsonl")))
    if (std::isfinite(row.train_loss)) last_row_ = row;  // what there is to say if nothing is left to do
  if (finished())
    console_.note("nothing is left to do after ", count_text(state_.step), " steps; a higher --epochs goes on");
  started_ = Clock::now();
  End end = End::none;
  try {
    while (end == End::none && !finished()) {
      end = train_epoch();
      if (end == End::none) end = end_epoch();
    }
  } catch (const FileError&) {
    throw;
  } catch (const Error& error) {
    throw Failure(error.what());
  }
  progress_.clear();
  if (end == End::interrupted) save();
  if (end != End::diverged) {  // after which the weights are worth nothing
    if (!save_error_.empty()) save();
    check<FileError>(save_error_.empty(), save_error_);
    check<FileError>(best_error_.empty(), best_error_);
  }
  metrics_->finish();
  if (profile_) write_profile();
  write_report(folder_.path());
  return outcome(end);
}

Trainer::End Trainer::train_epoch() {
  loader_.start(state_.epoch, state_.batch);
  auto start = Clock::now();
  while (state_.step < total_steps_) {
    if (profile_) profile_->begin_step();
    enter(profile(), Phase::data);
    const std::optional<Batch> batch = loader_.next();
    enter(profile(), Phase::rest);
    if (!batch) break;
    if (const End end = step(*batch); end != End::none) return end;
    if (profile_) profile_->end_step();
    const double seconds = since(start);
    start = Clock::now();
    step_seconds_ = step_seconds_ == 0 ? seconds : 0.9 * step_seconds_ + 0.1 * seconds;
    show_step(*batch, seconds);
    if (SignalScope::interrupted()) return End::interrupted;
  }
  return End::none;
}

Trainer::End Trainer::step(const Batch& batch) {
  const TrainArguments& a = setup_.arguments;
  optimizer_->zero_grad();
  Evaluation counted{.confusion = Confusion(setup_.train->classes())};
  double value = 0;
  {
    const DropoutScope dropout(setup_.seed, static_cast<std::uint64_t>(state_.step));
    enter(profile(), Phase::forward);
    const Tensor logits = (*setup_.net)(batch.images);
    const Tensor loss = cross_entropy(logits, batch.labels, a.smoothing);
    enter(profile(), Phase::rest);
    value = loss.item();
    if (!std::isfinite(value)) {
      const Diagnosis found = find_non_finite(*setup_.net, batch.images, batch.labels, a.smoothing);
      diverged_ = text("the loss of step ", state_.step + 1, " is ", value, ": ", found.words);
      diagnosis_.set("module", found.module).set("operator", found.op).set("parameter", found.parameter);
      return End::diverged;
    }
    count_batch(logits.plain(), batch.labels, counted);
    enter(profile(), Phase::backward);
    backward(loss);
  }
  enter(profile(), Phase::optimiser);
  const double scale = a.clip_grad > 0 ? clip_scale(gradient_norm(optimizer_->parameters()), a.clip_grad) : 1;
  optimizer_->set_lr(schedule_.lr(state_.step));
  optimizer_->step(scale);
  if (ema_) ema_->update();
  enter(profile(), Phase::rest);

  ++state_.step;
  ++state_.batch;
  const auto images = static_cast<double>(counted.samples);
  state_.loss_sum += value * images;
  for (std::size_t i = 0; i < counted.confusion.counts().size(); ++i)
    state_.confusion.counts()[i] += counted.confusion.counts()[i];
  if (state_.step % a.log_interval == 0 || state_.step == total_steps_)
    report({.step = state_.step,
            .epoch = state_.epoch + 1,
            .loss = value,
            .top1 = counted.top1 / images,
            .lr = optimizer_->lr(),
            .images_per_second = step_seconds_ > 0 ? static_cast<double>(a.batch_size) / step_seconds_ : NAN,
            .seconds = elapsed()});
  return End::none;
}

Evaluation Trainer::validate() {
  const auto start = Clock::now();
  const Swapped average(ema_ ? &*ema_ : nullptr);
  const Evaluation result =
      evaluate(*setup_.net, setup_.val,
               {.batch_size = setup_.arguments.batch_size,
                .dtype = setup_.dtype,
                .normalisation = setup_.normalisation,
                .go_on = [&](Dim done) {
                  progress_.working(text("validating ", count_text(done), " of ", count_text(setup_.val->size())));
                  return !SignalScope::interrupted();
                }});
  validation_seconds_ = since(start);
  return result;
}

Trainer::End Trainer::end_epoch() {
  const auto seen = static_cast<double>(std::max(state_.confusion.total(), Dim{1}));
  MetricsRow row{.step = state_.step,
                 .epoch = state_.epoch + 1,
                 .train_loss = state_.loss_sum / seen,
                 .train_top1 = static_cast<double>(state_.confusion.correct()) / seen};
  bool best = false;
  const Best before = state_.best;
  if (setup_.val) {
    const Evaluation result = validate();
    if (SignalScope::interrupted()) return End::interrupted;
    row.val_loss = result.loss;
    row.val_top1 = result.top1;
    row.val_top5 = result.top5;
    schedule_.epoch_ended(result.loss);
    best = state_.best.note(state_.epoch, result.top1, result.loss);
    if (best) best_ = result;
  } else {
    schedule_.epoch_ended(row.train_loss);
  }
  row.seconds = elapsed();
  report(row);
  show_epoch(row, best);
  last_row_ = row;
  if (best || !setup_.val)
    best_error_ = attempt([&] {
      write_file(folder_.file("confusion.csv"),
                 confusion_csv(best ? best_->confusion : state_.confusion, setup_.train->info().classes));
      if (best) save_weights("best");
    });
  if (best && !best_error_.empty()) state_.best = before;  // what is best is what can be read
  if (state_.batch >= steps_per_epoch_) {
    ++state_.epoch;
    state_.batch = 0;
    state_.loss_sum = 0;
    state_.confusion = Confusion(setup_.train->classes());
  }
  state_.ended = state_.step;
  save();
  return End::none;
}

void Trainer::save() {
  save_error_ = attempt([&] {
    save_weights("last");
    TrainState now = state_;
    now.seconds = elapsed();
    save_checkpoint(folder_.file(RunFolder::checkpoint), now,
                    {*setup_.net, *optimizer_, schedule_, ema_ ? &*ema_ : nullptr});
    write_report(folder_.path());
  });
}

std::string Trainer::attempt(const std::function<void()>& write) {
  try {
    write();
    return {};
  } catch (const FileError& error) {
    progress_.clear();
    console_.warn(error.what(), "; the training goes on and will try again");
    return error.what();
  }
}

void Trainer::save_weights(const char* name) {
  setup_.info.step = text(state_.step);
  const Swapped average(ema_ ? &*ema_ : nullptr);
  fanin::save_weights(folder_.file(text("weights/", name, ".safetensors")), state_dict(*setup_.net), setup_.info);
}

void Trainer::report(const MetricsRow& row) {
  if (const std::string reason = metrics_->add(row); !reason.empty()) {
    progress_.clear();
    console_.warn(reason, "; the training goes on and will try again");
  }
}

}  // namespace fanin
