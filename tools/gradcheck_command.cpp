#include <algorithm>
#include <memory>

#include "core/nearest.h"
#include "core/ops/check_gradients.h"
#include "core/ops/operators.h"
#include "tools/command.h"
#include "tools/progress.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin gradcheck                          every operator, with the reference kernels
  fanin gradcheck conv2d batch_norm2d      these two
  fanin gradcheck conv2d --backend blas    another backend's gradients
)";

constexpr double tolerance = 1e-6;

struct CardResult {
  double worst = 0;
  std::string where;
  int samples = 0;
};

CardResult check_card(const OpInfo& card, std::uint64_t seed) {
  CardResult result;
  for (const Sample& sample : card.samples) {
    const GradientCheck checked = check_gradients(card, sample, seed);
    ++result.samples;
    if (checked.worst <= result.worst && !result.where.empty()) continue;
    result.worst = checked.worst;
    result.where = text(sample.label, ", ", checked.where);
  }
  return result;
}

Outcome gradcheck(const std::vector<std::string>& wanted, const Common& common, Console& console) {
  const std::vector<OpInfo> cards = operators();
  std::vector<std::string_view> names;
  for (const OpInfo& card : cards) names.push_back(card.name);
  for (const std::string& name : wanted)
    check<UsageError>(std::ranges::find(names, name) != names.end(), "there is no operator '", name, "'",
                      did_you_mean(name, names));
  check<UsageError>(
      common.backend != "onednn",
      "--backend onednn: gradients are checked in f64, which oneDNN does not compute; reference and blas do");
  // Central differences in f64 say most about the kernels that do f64: the reference, unless another was named.
  Common chosen = common;
  if (chosen.backend == "auto") chosen.backend = "reference";
  const ComputeScope scope(chosen);
  Json results = Json::object();
  int failed = 0, checked = 0;
  for (const OpInfo& card : cards) {
    if (!wanted.empty() && std::ranges::find(wanted, card.name) == wanted.end()) continue;
    const CardResult result = check_card(card, common.seed);
    const bool good = result.worst <= tolerance;
    failed += good ? 0 : 1;
    ++checked;
    console.result(good ? "ok    " : "WRONG ", card.name,
                   std::string(24 - std::min<std::size_t>(card.name.size(), 23), ' '), result.samples,
                   " samples, largest difference ", brief(result.worst), good ? "" : " at " + result.where);
    Json entry = Json::object();
    entry.set("samples", result.samples).set("worst", result.worst).set("ok", good).set("where", result.where);
    results.set(card.name, entry);
  }
  console.result(checked - failed, " of ", checked, " operators agree with central differences to ", brief(tolerance));
  Outcome outcome{.code = failed > 0 ? Exit::failed : Exit::done};
  outcome.json.set("ok", failed == 0).set("tolerance", tolerance).set("operators", results);
  return outcome;
}

}  // namespace

Command gradcheck_command() {
  return {"gradcheck", "compares every operator's gradients with central differences in f64", examples,
          [](Options& options) {
            auto wanted = std::make_shared<std::vector<std::string>>();
            options.positional("OPERATOR …", *wanted, "those to check; else all");
            return Command::Body(
                [wanted](const Common& common, Console& console) { return gradcheck(*wanted, common, console); });
          }};
}

}  // namespace fanin
