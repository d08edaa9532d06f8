#include "tools/setup.h"

#include <array>
#include <ctime>

#include "core/autocast.h"
#include "core/nearest.h"
#include "init/rules.h"
#include "tools/init_batch.h"
#include "tools/machine.h"
#include "tools/recipe.h"

namespace fanin {

namespace {

std::string now() {
  const std::time_t time = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 32> words{};
  std::strftime(words.data(), words.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return words.data();
}

void freeze(Module& net, const std::vector<std::string>& globs) {
  for (const std::string& glob : globs) {
    if (set_requires_grad(net, glob, false) > 0) continue;
    const auto parameters = named_parameters(net);
    std::vector<std::string_view> names;
    for (const NamedParameter& parameter : parameters) names.push_back(parameter.name);
    const std::string_view near = nearest(glob, names);
    fail<UsageError>("--freeze: no parameter is called '", glob, "'",
                     near.empty() ? "" : text("; did you mean '", near, "'?"));
  }
}

/// The parameters' first values; returns what they came from.
InitReport set_parameters(Module& net, const TrainArguments& a, std::uint64_t seed, std::string_view published,
                          const TrainData& data) {
  if (a.initial_weights.empty()) {
    Generator generator(seed);
    const Rules rules = parse_rules(a.init.empty() ? published : a.init);
    return initialise(net, rules, generator, init_batch(data.train, data.normalisation, seed));
  }
  const WeightsFile file = load_weights(a.initial_weights);
  refuse_folded(file);
  to(net, parse_precision(a.precision));  // before the values come: f64 ones keep all their digits
  fill(net, file);
  return {.rules = "file " + a.initial_weights};
}

}  // namespace

TrainData prepare_data(TrainArguments& arguments, Options& options) {
  TrainVal opened = open_train_val(arguments.data.data, arguments.data.options());
  const std::int64_t size_before = arguments.data.img_size;
  apply(find_recipe(arguments.recipe, opened.train->info().kind), options);
  if (arguments.data.img_size != size_before) opened = open_train_val(arguments.data.data, arguments.data.options());
  arguments.complete(options, opened.train->size(), opened.val != nullptr);
  const DatasetInfo& info = opened.train->info();
  return {opened.train, opened.val, arguments.data.normalisation(info.normalisation, info.channels)};
}

TrainSetup prepare_training(const TrainArguments& a, std::uint64_t seed, const TrainData& data,
                            const std::string& begun) {
  const DatasetInfo& info = data.train->info();
  const ModelChoice choice = choose_model(a.model.model, a.model.arguments(), suggested_arguments(info));
  check<UsageError>(choice.info->frames == 0, "--model ", choice.name(), " takes clips of ", choice.info->frames,
                    " frames, and train reads images; train it from C++, or choose a model for images");
  TrainSetup setup{.arguments = a,
                   .seed = seed,
                   .dtype = parse_precision(a.precision),
                   .train = data.train,
                   .val = data.val,
                   .normalisation = data.normalisation,
                   .net = choice.build()};
  InitReport report{.rules = begun};
  if (begun.empty())
    report = set_parameters(*setup.net, a, seed, choice.info->rules, data);
  else
    for (const NamedParameter& parameter : named_parameters(*setup.net)) parameter.tensor->fill_(0);
  setup.found = report.found();
  to(*setup.net, setup.dtype);
  freeze(*setup.net, a.freeze);
  setup.info = {.model = std::string(choice.name()),
                .arguments = choice.arguments,
                .classes = info.classes,
                .channels = info.channels,
                .image_size = info.height,
                .normalisation = data.normalisation,
                .data = a.data.data,
                .val_split = a.data.val_split,
                .val_fingerprint = data.val ? fingerprint_text(*data.val) : "",
                .seed = text(seed),
                .init = report.rules};
  return setup;
}

Json describe_run(const TrainSetup& setup, const Options& options) {
  Json run = Json::object();
  run.set("fanin", FANIN_VERSION).set("command", "train").set("started", now());
  run.set("model", setup.info.model).set("parameters", parameter_count(*setup.net));
  run.set("options", options.resolved().set("seed", setup.seed));
  Json data = Json::object();
  data.set("kind", setup.train->info().kind).set("training_images", setup.train->size());
  data.set("validation_images", setup.val ? setup.val->size() : Dim{0});
  data.set("classes", Json::list(setup.info.classes)).set("channels", setup.info.channels);
  data.set("image_size", setup.info.image_size);
  data.set("mean", Json::list(setup.normalisation.mean)).set("std", Json::list(setup.normalisation.std));
  Json arguments = Json::object();
  for (const auto& [key, value] : setup.info.arguments) arguments.set(key, value);
  run.set("model_arguments", arguments).set("init", setup.info.init);
  run.set("computed_in", autocast_enabled() ? "bf16" : std::string(name_of(setup.dtype)));  // what --precision became
  return run.set("data", data).set("machine", machine());
}

}  // namespace fanin
