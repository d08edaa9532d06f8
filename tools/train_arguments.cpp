#include "tools/train_arguments.h"

#include <algorithm>

#include "tools/recipe.h"
#include "tools/verification.h"

namespace fanin {

namespace {

void one_of(std::string_view option, std::string_view word, std::initializer_list<std::string_view> words) {
  std::string list;
  for (const std::string_view known : words) {
    if (word == known) return;
    list += (list.empty() ? "" : ", ") + std::string(known);
  }
  fail<UsageError>("--", option, ": expected one of ", list, ", got '", word, "'");
}

/// An option typed where it would do nothing is a misunderstanding.
void only_with(const Options& options, std::string_view option, bool applies, std::string_view reason) {
  check<UsageError>(applies || !options.typed(option), "--", option, " does nothing here: ", reason);
}

void at_least(std::string_view option, double value, double least) {
  check<UsageError>(value >= least, "--", option, ": expected ", least, " or more, got ", value);
}

}  // namespace

void TrainArguments::declare(Options& options) {
  data.declare(options);
  options.add("augment", &augment, "comma list of crop, flip, cutout, jitter, resized-crop; or none", "LIST");
  options.add("no-shuffle", &no_shuffle, "take the images in data-set order and keep the last, smaller batch");
  model.declare(options);
  options.add("init", &init,
              "initialiser rules: a set (resnext, pytorch), a scheme for every weight "
              "(kaiming_normal:mode=fan_out), rules as text, or a JSON file; else the model's published rules",
              "RULES");
  options.add("initial-weights", &initial_weights, "start from a safetensors file; names and shapes must all fit",
              "FILE");
  options.add("freeze", &freeze, "parameters that stay as they are: stage_1.* conv_1*", "GLOB …");
  options.heading("Training");
  options.add("recipe", &recipe, "values for this data for every option not given (auto), none, or one by name",
              "NAME");
  options.add("epochs", &epochs, "passes over the training images; else the recipe's, or 10");
  options.add("max-steps", &max_steps, "optimiser steps, in place of epochs");
  options.add("batch-size", &batch_size, "images a step; else the recipe's, or 128");
  options.shorten("batch-size", 'b');
  options.add("precision", &precision,
              "f32, bf16 (mixed, where the machine multiplies it), f64 (reference and OpenBLAS)", "TYPE");
  options.add("opt", &opt, "sgd, adam or adamw", "NAME");
  options.add("lr", &lr,
              "learning rate, the highest one of a schedule; else the recipe's, or 0.1 for sgd and 0.001 for adam");
  options.add("momentum", &momentum, "of sgd");
  options.add("nesterov", &nesterov, "Nesterov's momentum");
  options.add("weight-decay", &weight_decay, "on every parameter");
  options.add("sched", &sched, "constant, step, multistep, cosine, onecycle or plateau", "NAME");
  options.add("warmup-epochs", &warmup_epochs, "epochs in which the rate climbs a line");
  options.add("step-size", &step_size, "step: epochs between two falls of the rate");
  options.add("milestones", &milestones, "multistep: epochs after which the rate falls; else at 1/2 and 3/4", "N,…");
  options.add("gamma", &gamma, "step, multistep and plateau: factor of each fall");
  options.add("min-lr", &min_lr, "cosine and plateau: lowest rate");
  options.add("plateau-patience", &plateau_patience, "plateau: epochs without a lower loss before the rate falls");
  options.add("smoothing", &smoothing, "label smoothing");
  options.add("clip-grad", &clip_grad, "largest norm of all gradients together; 0: any");
  options.add("ema-decay", &ema_decay, "average the weights with this decay and evaluate the average; 0: no");
  options.add("patience", &patience, "stop after so many epochs without better validation accuracy; 0: never");
  options.heading("Run");
  options.add("output", &output, "the run folder; with --experiment, the folder it lies in", "DIR");
  options.add("experiment", &experiment, "the run folder's name, in --output or in runs", "NAME");
  options.add("resume", &resume, "go on with the run in that folder");
  options.add("overwrite", &overwrite, "replace the run in that folder");
  options.add("seeds", &seeds, "train once for each: 0..4 or 0,3,7; reports mean and spread", "LIST");
  options.add("config", &config, "options from an args.json; those typed here count more", "FILE");
  options.shorten("config", 'c');
  options.add("log-interval", &log_interval, "steps between two lines of metrics");
  options.add("profile", &profile,
              "where the time of a step goes, on stderr at the end, and trace.json in the run folder, for "
              "chrome://tracing and Perfetto");
  declare_verify(&verify, options);
  options.appendix("Recipes, of which auto takes the one for the kind of data", recipe_list());
  for (const auto* where : {"output", "experiment", "resume", "overwrite", "seeds", "config", "profile"})
    options.keep_out(where);
}

void TrainArguments::complete(const Options& options, Dim samples, bool has_validation) {
  one_of("opt", opt, {"sgd", "adam", "adamw"});
  check<UsageError>(decay_from(sched).has_value(),
                    "--sched: expected one of constant, step, multistep, cosine, onecycle, plateau, got '", sched, "'");
  if (std::isnan(lr)) lr = opt == "sgd" ? 0.1 : 1e-3;
  for (const auto& [option, value] :
       {std::pair("batch-size", batch_size), {"epochs", epochs}, {"max-steps", max_steps}})
    if (options.typed(option)) at_least(option, static_cast<double>(value), 1);
  if (batch_size == 0) batch_size = 128;
  if (!options.given("batch-size")) batch_size = std::min<std::int64_t>(batch_size, samples);
  check<UsageError>(!(options.typed("epochs") && options.typed("max-steps")),
                    "--epochs and --max-steps both say when to end; give one");
  if (options.typed("epochs")) max_steps = 0;
  if (max_steps > 0) epochs = 0;
  if (epochs == 0 && max_steps == 0) epochs = 10;
  at_least("batch-size", static_cast<double>(batch_size), 1);
  check<UsageError>(batch_size <= samples, "--batch-size ", batch_size, " is more than the ", samples,
                    " training images there are");
  at_least("lr", lr, 0);
  at_least("momentum", momentum, 0);
  at_least("weight-decay", weight_decay, 0);
  at_least("warmup-epochs", warmup_epochs, 0);
  at_least("clip-grad", clip_grad, 0);
  at_least("patience", static_cast<double>(patience), 0);
  at_least("log-interval", static_cast<double>(log_interval), 1);
  at_least("epochs", static_cast<double>(epochs), 0);
  at_least("max-steps", static_cast<double>(max_steps), 0);
  Augment::parse(augment);
  check<UsageError>(gamma > 0, "--gamma: expected a factor above 0, got ", gamma);
  for (const double epoch : milestones)
    check<UsageError>(epoch >= 1 && epoch == std::floor(epoch), "--milestones: expected whole epochs, got ", epoch);
  check<UsageError>(smoothing >= 0 && smoothing < 1, "--smoothing: expected 0 to below 1, got ", smoothing);
  check<UsageError>(ema_decay >= 0 && ema_decay < 1, "--ema-decay: expected 0 to below 1, got ", ema_decay);
  check<UsageError>(patience == 0 || has_validation,
                    "--patience needs validation images: add --val-split 0.1, or a val folder");
  only_with(options, "momentum", opt == "sgd", "it belongs to --opt sgd");
  only_with(options, "nesterov", opt == "sgd", "it belongs to --opt sgd");
  if (momentum == 0 && !options.typed("nesterov")) nesterov = false;  // a recipe's
  check<UsageError>(!nesterov || opt != "sgd" || momentum > 0, "--nesterov needs --momentum above 0");
  only_with(options, "step-size", sched == "step", "it belongs to --sched step");
  only_with(options, "milestones", sched == "multistep", "it belongs to --sched multistep");
  only_with(options, "min-lr", sched == "cosine" || sched == "plateau", "it belongs to --sched cosine and plateau");
  only_with(options, "plateau-patience", sched == "plateau", "it belongs to --sched plateau");
  only_with(options, "gamma", sched == "step" || sched == "multistep" || sched == "plateau",
            "it belongs to --sched step, multistep and plateau");
  check<UsageError>(initial_weights.empty() || init.empty(), "--init and --initial-weights both set the parameters");
  Schedule{schedule(samples)};
}

Dim TrainArguments::steps_per_epoch(Dim samples) const {
  return no_shuffle ? (samples + batch_size - 1) / batch_size : samples / batch_size;
}

std::int64_t TrainArguments::total_steps(Dim samples) const {
  return max_steps > 0 ? max_steps : epochs * steps_per_epoch(samples);
}

ScheduleOptions TrainArguments::schedule(Dim samples) const {
  ScheduleOptions chosen{.decay = *decay_from(sched),
                         .lr = lr,
                         .total_steps = total_steps(samples),
                         .steps_per_epoch = steps_per_epoch(samples),
                         .warmup_epochs = warmup_epochs,
                         .gamma = gamma,
                         .step_epochs = step_size,
                         .min_lr = min_lr,
                         .patience = static_cast<int>(plateau_patience)};
  for (const double epoch : milestones) chosen.milestones.push_back(static_cast<std::int64_t>(epoch));
  if (chosen.decay == Decay::multistep && milestones.empty()) {
    const std::int64_t all = (chosen.total_steps + chosen.steps_per_epoch - 1) / chosen.steps_per_epoch;
    chosen.milestones = {all / 2, all * 3 / 4};
  }
  return chosen;
}

std::vector<std::uint64_t> parse_seeds(std::string_view word) {
  const auto seed = [](std::string_view part) { return parse_whole("seeds", part); };
  std::vector<std::uint64_t> seeds;
  if (const std::size_t dots = word.find(".."); dots != std::string_view::npos) {
    const std::uint64_t first = seed(word.substr(0, dots));
    const std::uint64_t last = seed(word.substr(dots + 2));
    check<UsageError>(first <= last && last - first < 1000, "--seeds: '", word, "' is no range");
    for (std::uint64_t s = first; s <= last; ++s) seeds.push_back(s);
    return seeds;
  }
  for (std::size_t begin = 0; begin <= word.size();) {
    const std::size_t end = std::min(word.find(',', begin), word.size());
    seeds.push_back(seed(word.substr(begin, end - begin)));
    begin = end + 1;
  }
  return seeds;
}

}  // namespace fanin
