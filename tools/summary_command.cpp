#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "core/autocast.h"
#include "init/fan.h"
#include "tools/command.h"
#include "tools/estimate.h"
#include "tools/flags.h"
#include "tools/flops.h"
#include "tools/progress.h"
#include "tools/table.h"
#include "tools/weights_file.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin summary --model resnext29-8x64d
  fanin summary --model resnext50-32x4d --img-size 224 --batch-size 32
  fanin summary --weights runs/cifar --json
  fanin summary --model resnext50-32x4d --fans
  fanin summary --model c3d
)";

struct Arguments {
  std::string weights;
  std::int64_t img_size = 0;
  std::int64_t batch_size = 1;
  std::string precision = "f32";
  bool fans = false;
  ModelFlags model;
};

/// Values do not matter for a summary, but what is computed with must have some.
void fill_unset(Module& net, bool weights) {
  for (const NamedParameter& parameter : named_parameters(net))
    if (!parameter.tensor->is_set() && (weights || parameter.tensor->rank() == 1)) parameter.tensor->fill_(0);
}

struct Totals {
  double flops = 0;
  double activations = 0;  // bytes
};

Json row_of(const TraceEntry& entry, Dim parameters, Totals& totals, Table& table) {
  const double work = flops(entry);
  const double bytes =
      static_cast<double>(entry.output.shape.numel()) * static_cast<double>(size_of(entry.output.dtype));
  totals.flops += work;
  totals.activations += bytes;
  const std::string kernel = entry.op.kernel.empty() ? "-" : std::string(entry.op.kernel);
  table.add({entry.module.empty() ? "(top)" : entry.module, std::string(entry.op.name), text(entry.output.shape),
             parameters > 0 ? count_text(parameters) : "", work >= 1e4 ? fixed(work / 1e6, 2) : "0", bytes_text(bytes),
             kernel, text(entry.output.layout)});
  Json row = Json::object();
  row.set("module", entry.module).set("op", entry.op.name);
  row.set("shape", Json::list(std::vector<Dim>(entry.output.shape.begin(), entry.output.shape.end())));
  row.set("parameters", parameters).set("flops", work).set("activation_bytes", bytes).set("kernel", kernel);
  return row.set("layout", text(entry.output.layout));
}

/// Fans of every weight as PyTorch counts them, and by the group that an input really reaches.
Json list_fans(Module& net, Console& console) {
  Table table({"layer", "type", "weight", "fan_in", "fan_out", "aware fan_in", "aware fan_out"}, "lllrrrr");
  Json::Array rows;
  for (const LayerFans& one : layer_fans(net)) {
    table.add({one.path, std::string(one.type), text(one.weight), text(one.torch.in), text(one.torch.out),
               text(one.aware.in), text(one.aware.out)});
    Json row = Json::object();
    row.set("layer", one.path).set("fan_in", one.torch.in).set("fan_out", one.torch.out);
    rows.push_back(row.set("aware_fan_in", one.aware.in).set("aware_fan_out", one.aware.out));
  }
  console.result("\n", table.text());
  return rows;
}

/// Resident memory of training with SGD and momentum, in bytes; 0 if the model is no classifier of images.
double training_memory(Module& net, const Shape& images, DType dtype) {
  Shape one = images;
  one[0] = 1;
  Shape scores;
  {
    const NoGrad no_grad;
    const ShapesOnly no_values;
    scores = net(Tensor::zeros(one, dtype)).shape();
  }
  if (scores.rank() != 2) return 0;
  net.train();
  const double process = predict_memory(net, images, scores[1], dtype).process;
  net.eval();
  return process + static_cast<double>(parameter_count(net)) * static_cast<double>(size_of(dtype));
}

Outcome summarise(const Arguments& a, Console& console) {
  check<UsageError>(a.model.model.empty() != a.weights.empty(), "either --model or --weights says what to look at");
  check<UsageError>(a.img_size >= 0 && a.batch_size > 0, "--img-size and --batch-size: expected 1 or more");
  const DType dtype = parse_precision(a.precision);
  const Autocast autocast(autocast_for(a.precision, console));
  WeightsInfo info;
  if (!a.weights.empty()) info = load_weights(a.weights).info;
  check<UsageError>(a.weights.empty() || !info.model.empty(), a.weights, " does not say which model it belongs to");
  ModelArguments given = info.arguments;
  for (const auto& [key, value] : a.model.arguments()) given[key] = value;
  const ModelChoice choice = choose_model(a.weights.empty() ? a.model.model : info.model, given);
  const auto net = choice.build();
  const bool trains = a.batch_size > 1;
  fill_unset(*net, trains);
  to(*net, dtype);
  net->eval();

  const Shape input = choice.usual_input(a.batch_size, a.img_size > 0 ? a.img_size : info.image_size);
  std::map<std::string, Dim> left;  // parameters of each module, until its first operator has listed them
  for (const NamedParameter& parameter : named_parameters(*net)) {
    const std::size_t dot = parameter.name.rfind('.');
    left[dot == std::string::npos ? "" : parameter.name.substr(0, dot)] += parameter.tensor->numel();
  }
  const double training = trains ? training_memory(*net, input, dtype) : 0;
  const NoGrad no_grad;
  const ShapesOnly no_values;
  const Trace trace;
  (*net)(Tensor::zeros(input, dtype));

  Table table({"module", "operator", "output", "parameters", "MFLOP", "memory", "kernel", "layout"}, "llrrrrll");
  Totals totals;
  Json::Array rows;
  for (const TraceEntry& entry : trace.entries()) {
    const auto own = left.find(entry.module);
    rows.push_back(row_of(entry, own == left.end() ? 0 : own->second, totals, table));
    if (own != left.end()) left.erase(own);
  }
  const Dim parameters = parameter_count(*net);
  console.result(choice.name(), " (", key_value_text(choice.arguments), "), input ", input, " ",
                 autocast_enabled() ? "bf16" : name_of(dtype), "\n\n", table.text(), "\n", count_text(parameters),
                 " parameters (", bytes_text(static_cast<double>(parameters) * static_cast<double>(size_of(dtype))),
                 "), ", brief(totals.flops / 1e9), " GFLOP forward, activations ", bytes_text(totals.activations));
  if (training > 0)
    console.result("training at this batch size, with SGD and momentum: about ", bytes_text(training), " of memory");
  Outcome outcome;
  if (training > 0) outcome.json.set("training_bytes", training);
  if (a.fans) outcome.json.set("fans", list_fans(*net, console));
  outcome.json.set("model", choice.name()).set("parameters", parameters).set("flops", totals.flops);
  outcome.json.set("activation_bytes", totals.activations).set("layers", std::move(rows));
  return outcome;
}

}  // namespace

Command summary_command() {
  return {
      "summary", "lists a model's operators: shape, parameters, work, memory, kernel", examples, [](Options& options) {
        auto a = std::make_shared<Arguments>();
        a->model.declare(options);
        options.add("fans", &a->fans, "fan_in and fan_out of every layer, by PyTorch's count and by groups");
        options.add("weights", &a->weights, "a weights file or a run folder, in place of --model", "FILE");
        options.heading("Input");
        options.add("img-size", &a->img_size, "side of the square images; 0: the model's usual");
        options.add("batch-size", &a->batch_size, "images, or clips, at a time; above 1 also says what training takes");
        options.shorten("batch-size", 'b');
        options.add("precision", &a->precision, "f32, bf16 or f64", "TYPE");
        return Command::Body([a](const Common&, Console& console) { return summarise(*a, console); });
      }};
}

}  // namespace fanin
