#include <memory>

#include "core/io/safetensors.h"
#include "init/rules.h"
#include "tools/command.h"
#include "tools/flags.h"
#include "tools/init_batch.h"
#include "tools/progress.h"
#include "tools/weights_file.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin init --model resnext29-8x64d --init resnext --seed 1 --output w.safetensors
  fanin init --model resnet18 --init kaiming_normal:mode=fan_out --explain
  fanin init --model plain --init lsuv --data shapes --explain
  fanin init --model lenet --init '*.bias=0; classifier*=xavier_uniform; pytorch' --explain --json
)";

struct Arguments {
  std::string init;
  std::string output;
  bool explain = false;
  DataFlags data;
  ModelFlags model;
};

Outcome initialise_model(const Arguments& a, const Common& common, Console& console) {
  check<UsageError>(!a.model.model.empty(), "--model is needed");
  check<UsageError>(a.explain || !a.output.empty(), "--output FILE or --explain, or both, say what to do");
  ModelArguments suggested;
  BatchSource batch;
  WeightsInfo info;
  if (!a.data.data.empty()) {
    const auto train = open_train_val(a.data.data, a.data.options()).train;
    const DatasetInfo& data = train->info();
    suggested = suggested_arguments(data);
    info = {.classes = data.classes,
            .channels = data.channels,
            .image_size = data.height,
            .normalisation = a.data.normalisation(data.normalisation, data.channels)};
    batch = init_batch(train, info.normalisation, common.seed);
  }
  const ModelChoice choice = choose_model(a.model.model, a.model.arguments(), suggested);
  const Rules rules = parse_rules(a.init.empty() ? choice.info->rules : a.init);
  const auto net = choice.build();
  Generator generator(common.seed);
  const InitReport report = initialise(*net, rules, generator, batch);
  if (a.explain) console.result(report.text());
  Outcome outcome;
  outcome.json = Json::parse(report.json(), "report");
  outcome.json.set("model", choice.name());
  if (!a.output.empty()) {
    info.model = choice.name();
    info.arguments = choice.arguments;
    Metadata metadata = info.metadata();
    const StateDict state = state_dict(*net);
    metadata.merge(init_metadata(report, state));
    save_safetensors(a.output, state, metadata);
    outcome.json.set("output", a.output);
    console.note("wrote ", count_text(parameter_count(*net)), " parameters to ", a.output);
  }
  return outcome;
}

}  // namespace

Command init_command() {
  return {"init", "builds a model, applies initialiser rules, writes the weights", examples, [](Options& options) {
            auto a = std::make_shared<Arguments>();
            a->model.declare(options);
            a->data.data.clear();  // needed only by schemes that look at data
            a->data.declare(options);
            options.heading("Initialisation");
            options.add("init", &a->init,
                        "a rule set, a scheme for every weight, rules as text, or a JSON file; else the model's own",
                        "RULES");
            Options::Entries sets;
            for (const NamedRules& set : named_rules()) sets.emplace_back(set.name, set.description);
            options.appendix("Rule sets; init/README.md lists the schemes", std::move(sets));
            options.add("output", &a->output, "the safetensors file to write", "FILE");
            options.add("explain", &a->explain, "rule, fans, expected and drawn standard deviation of each parameter");
            return Command::Body(
                [a](const Common& common, Console& console) { return initialise_model(*a, common, console); });
          }};
}

}  // namespace fanin
