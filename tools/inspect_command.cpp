#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "core/io/atomic_file.h"
#include "core/io/npy.h"
#include "core/io/safetensors.h"
#include "tools/command.h"
#include "tools/metrics.h"
#include "tools/progress.h"
#include "tools/table.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin inspect runs/cifar                          a run: options, best result
  fanin inspect runs/cifar/weights/best.safetensors its tensors and what the file says of itself
  fanin inspect logits.npy --json
)";

struct Moments {
  double mean = 0, std = 0, low = 0, high = 0;
  Dim not_finite = 0;
};

Moments moments_of(const Tensor& tensor) {
  const std::vector<double> values = tensor.values();
  Moments m{.low = INFINITY, .high = -INFINITY};
  double sum = 0, squares = 0, count = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      ++m.not_finite;
      continue;
    }
    sum += value;
    ++count;
    m.low = std::min(m.low, value);
    m.high = std::max(m.high, value);
  }
  m.mean = count > 0 ? sum / count : 0;
  for (const double value : values)
    if (std::isfinite(value)) squares += (value - m.mean) * (value - m.mean);
  m.std = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
  return m;
}

Json describe(const StateDict& tensors, Console& console) {
  Table table({"name", "dtype", "shape", "mean", "std", "min", "max", ""}, "llrrrrrl");
  Json list = Json::object();
  Dim elements = 0;
  for (const auto& [name, tensor] : tensors) {
    const Moments m = moments_of(tensor);
    elements += tensor.numel();
    table.add({name, text(tensor.dtype()), text(tensor.shape()), brief(m.mean), brief(m.std), brief(m.low),
               brief(m.high), m.not_finite > 0 ? count_text(m.not_finite) + " not finite" : ""});
    Json entry = Json::object();
    entry.set("dtype", name_of(tensor.dtype()));
    entry.set("shape", Json::list(std::vector<Dim>(tensor.shape().begin(), tensor.shape().end())));
    entry.set("mean", m.mean).set("std", m.std).set("min", m.low).set("max", m.high).set("not_finite", m.not_finite);
    list.set(name, entry);
  }
  console.result(table.text(), tensors.size(), " tensors, ", count_text(elements), " elements");
  return list;
}

Outcome inspect_tensors(const std::string& path, Console& console) {
  Outcome outcome;
  if (path.ends_with(".npy")) {
    outcome.json.set("tensors", describe({{"array", load_npy(path)}}, console));
    return outcome;
  }
  const SafetensorsFile file = load_safetensors(path);
  Json metadata = Json::object();
  for (const auto& [key, value] : file.metadata) {
    metadata.set(key, value);
    if (!key.starts_with("sha256.")) console.result(key, ": ", value);
  }
  outcome.json.set("metadata", metadata).set("tensors", describe(file.tensors, console));
  return outcome;
}

Outcome inspect_run(const std::string& path, Console& console) {
  const auto file = [&](std::string_view name) { return (std::filesystem::path(path) / name).string(); };
  std::error_code ignored;
  check<FileError>(std::filesystem::exists(file("args.json"), ignored), path, ": no run folder: it has no args.json");
  const Json arguments = Json::parse(read_file(file("args.json")), file("args.json"));
  const std::vector<MetricsRow> rows = read_metrics(file("metrics.jsonl"));
  Best best;
  std::int64_t step = 0;
  for (const MetricsRow& row : rows) {
    step = std::max(step, row.step);
    best.note(row.epoch, row.val_top1, row.val_loss);
  }
  console.result(path, ": ", arguments["model"].string("?"), " on ", arguments["options"]["data"].string("?"),
                 ", started ", arguments["started"].string("?"));
  console.result(count_text(step), " steps, ",
                 best.epoch >= 0
                     ? text("best validation accuracy ", fixed(100 * best.top1, 2), "% in epoch ", best.epoch)
                     : std::string("no validation"));
  if (const auto* options = arguments["options"].as<Json::Object>())
    for (const auto& [name, value] : *options) console.result("  ", name, " = ", value.shown());
  Outcome outcome;
  outcome.json.set("run", path).set("steps", step).set("arguments", arguments);
  if (best.epoch >= 0) outcome.json.set("best_top1", best.top1).set("best_epoch", best.epoch);
  return outcome;
}

}  // namespace

Command inspect_command() {
  return {"inspect", "looks into a weights file, an array or a run folder", examples, [](Options& options) {
            auto paths = std::make_shared<std::vector<std::string>>();
            options.positional("PATH", *paths, "a .safetensors or .npy file, or a run folder");
            return Command::Body([paths](const Common&, Console& console) {
              check<UsageError>(paths->size() == 1, "name one file or run folder");
              std::error_code ignored;
              const std::string& path = paths->front();
              return std::filesystem::is_directory(path, ignored) ? inspect_run(path, console)
                                                                  : inspect_tensors(path, console);
            });
          }};
}

}  // namespace fanin
