#include <cmath>
#include <memory>
#include <set>

#include "core/autocast.h"
#include "core/io/atomic_file.h"
#include "tools/command.h"
#include "tools/recipe.h"
#include "tools/setup.h"
#include "tools/verification.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin train                                   a small ResNeXt on the built-in shapes
  fanin train --data ~/cifar-10-batches-bin --val-split 0.1 --output runs/cifar
  fanin train --data photos --model resnext29-8x64d --opt adamw --lr 1e-3 --epochs 30
  fanin train --resume --output runs/cifar      goes on where that run stopped
  fanin train --config runs/cifar/args.json --lr 0.05 --output runs/slower
  fanin train --val-split 0.1 --seeds 0..4      five trainings, mean and spread
)";

/// What a resumed run may be told anew; the rest must stay as it was.
const std::set<std::string, std::less<>> changeable{"epochs",       "max-steps", "threads",
                                                    "log-interval", "patience",  "data"};

RunFolder::Mode mode_of(const TrainArguments& a) {
  check<UsageError>(!a.resume || !a.overwrite, "--resume and --overwrite contradict each other");
  return a.resume ? RunFolder::Mode::resume : a.overwrite ? RunFolder::Mode::overwrite : RunFolder::Mode::fresh;
}

/// The options of the run in `folder`; refuses options typed with another value than it had.
void feed_resumed(const RunFolder& folder, Options& options) {
  const std::string path = folder.file("args.json");
  const Json recorded = Json::parse(read_file(path), path)["options"];
  const Json typed = options.resolved();
  for (const auto& [name, value] : *typed.as<Json::Object>())
    check<UsageError>(!options.typed(name) || changeable.contains(name) || value.text() == recorded[name].text(), "--",
                      name, " ", value.text(), ": --resume goes on with the run as it was, with ",
                      recorded[name].is_null() ? "none" : recorded[name].text());
  options.feed(recorded, path);
}

/// Makes the folder; a resumed run keeps what it had but for its options.
void write_arguments(RunFolder& folder, const Json& description) {
  const std::string path = folder.file("args.json");
  Json written = description;
  if (folder.mode() == RunFolder::Mode::resume) {
    written = Json::parse(read_file(path), path);
    written.set("options", description["options"]);
  } else {
    folder.create();
  }
  write_file(path, written.text(true) + "\n");
}

/// What may be meant, and may be an oversight.
void warn_of_gaps(const TrainSetup& setup, Console& console) {
  const std::vector<std::string>& classes = setup.train->info().classes;
  std::vector<Dim> images(classes.size());
  for (Dim i = 0; i < setup.train->size(); ++i) ++images[static_cast<std::size_t>(setup.train->label(i))];
  for (std::size_t c = 0; c < classes.size(); ++c)
    if (images[c] == 0) console.warn("class '", classes[c], "' has no training image");
  if (!setup.val) console.note("no validation: --val-split 0.1 would hold images out, as would a folder val/");
}

Outcome train_one(const TrainArguments& arguments, std::uint64_t seed, const TrainData& data, RunFolder folder,
                  const Options& options, Console& console) {
  const Autocast autocast(autocast_for(arguments.precision, console));
  std::string begun;
  if (folder.mode() == RunFolder::Mode::resume && folder.has(RunFolder::checkpoint)) {
    const Json recorded = Json::parse(read_file(folder.file("args.json")), folder.file("args.json"));
    begun = recorded["init"].string("unknown");
    const Json& classes = recorded["data"]["classes"];
    check<UsageError>(classes.text() == Json::list(data.train->info().classes).text(),
                      "--resume goes on with the classes ", classes.text(), "; ", arguments.data.data, " has others");
  }
  TrainSetup setup = prepare_training(arguments, seed, data, begun);
  const Json description = describe_run(setup, options);
  console.note(setup.info.model, " with ", count_text(parameter_count(*setup.net)), " parameters, ",
               count_text(setup.train->size()), " training and ", count_text(setup.val ? setup.val->size() : 0),
               " validation images of ", setup.train->info().classes.size(), " classes; recipe ",
               find_recipe(arguments.recipe, setup.train->info().kind).name);
  if (!setup.found.empty()) console.note(setup.found);
  warn_of_gaps(setup, console);
  Trainer trainer(std::move(setup), folder, console);
  console.note(trainer.plan());
  trainer.resume();
  write_arguments(folder, description);
  console.note("writing to ", folder.path());
  Outcome outcome;
  try {
    outcome = trainer.run();
  } catch (const FileError&) {
    if (!trainer.has_results()) folder.withdraw();  // an image that cannot be read leaves nothing behind
    throw;
  }
  if (outcome.code == Exit::done && !console.quiet()) {
    const Json& best = outcome.json["best_top1"];
    console.result(best.is_null() ? text("training loss ", fixed(outcome.json["loss"].number(), 4))
                                  : text("best validation accuracy ", fixed(100 * best.number(), 2), "% in epoch ",
                                         outcome.json["best_epoch"].text()),
                   ", run folder ", folder.path());
  }
  return outcome;
}

/// Mean and standard deviation (n − 1) of one number of every run.
Json spread(const std::vector<Outcome>& runs, std::string_view name) {
  double sum = 0, squares = 0;
  for (const Outcome& run : runs) sum += run.json[name].number();
  const auto n = static_cast<double>(runs.size());
  for (const Outcome& run : runs) squares += std::pow(run.json[name].number() - sum / n, 2);
  Json result = Json::object();
  return result.set("mean", sum / n).set("std", runs.size() > 1 ? std::sqrt(squares / (n - 1)) : 0.0);
}

Outcome train_several(const TrainArguments& arguments, const std::vector<std::uint64_t>& seeds, const TrainData& data,
                      const std::string& base, const Options& options, Console& console) {
  std::vector<Outcome> runs;
  Json list = Json(Json::Array{});
  Outcome total;
  for (const std::uint64_t seed : seeds) RunFolder(text(base, "/seed-", seed), mode_of(arguments));
  for (const std::uint64_t seed : seeds) {
    console.note("seed ", seed);
    const RunFolder folder(text(base, "/seed-", seed), mode_of(arguments));
    runs.push_back(train_one(arguments, seed, data, folder, options, console));
    total.code = runs.back().code;
    if (total.code != Exit::done) break;
  }
  Json::Array documents;
  for (const Outcome& run : runs) documents.push_back(run.json);
  total.json.set("runs", std::move(documents));
  const char* name = runs.front().json["best_top1"].is_null() ? "loss" : "best_top1";
  if (total.code != Exit::done) return total;
  const Json summary = spread(runs, name);
  total.json.set(name, summary);
  const double scale = std::string_view(name) == "loss" ? 1 : 100;
  console.result(scale == 1 ? "training loss " : "best validation accuracy ",
                 fixed(scale * summary["mean"].number(), 4), " ± ", fixed(scale * summary["std"].number(), 4),
                 scale == 1 ? "" : " %", " over ", runs.size(), " seeds");
  return total;
}

Outcome train(TrainArguments& a, Options& options, const Common& common, Console& console) {
  if (!a.config.empty()) {
    const Json file = Json::parse(read_file(a.config), a.config);
    options.feed(file["options"].is_null() ? file : file["options"], a.config);
  }
  const RunFolder::Mode mode = mode_of(a);
  const bool named = !a.output.empty() || !a.experiment.empty();
  check<UsageError>(named || mode == RunFolder::Mode::fresh,
                    "--resume and --overwrite need --output or --experiment: which run?");
  check<UsageError>(a.seeds.empty() || !a.resume, "--resume goes on with one run; name it without --seeds");
  std::string path = named ? RunFolder::choose(a.output, a.experiment, "") : "";
  if (named && a.seeds.empty()) {
    const RunFolder folder(path, mode);  // before anything that takes long
    if (mode == RunFolder::Mode::resume) feed_resumed(folder, options);
  }
  const std::vector<std::uint64_t> seeds =
      a.seeds.empty() ? std::vector<std::uint64_t>{common.seed} : parse_seeds(a.seeds);
  const ComputeScope scope(common);
  const TrainData data = prepare_data(a, options);
  if (!named) path = RunFolder::choose("", "", text(a.model.model, "-", data.train->info().kind));
  const VerificationScope verification(a.verify, common);
  Outcome outcome = a.seeds.empty() ? train_one(a, seeds[0], data, {path, mode}, options, console)
                                    : train_several(a, seeds, data, path, options, console);
  verification.report(outcome, console);
  return outcome;
}

}  // namespace

Command train_command() {
  return {"train", "trains a network on images and writes a run folder", examples, [](Options& options) {
            auto arguments = std::make_shared<TrainArguments>();
            arguments->declare(options);
            return Command::Body([arguments, &options](const Common& common, Console& console) {
              return train(*arguments, options, common, console);
            });
          }};
}

}  // namespace fanin
