#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/autograd.h"
#include "core/io/json.h"
#include "tools/chrome_trace.h"
#include "tools/machine_limits.h"

namespace fanin {

/// What a step is doing. `rest`: nothing that has a name here.
enum class Phase : unsigned char { rest, data, forward, backward, optimiser };

/// Where the time of steps goes: to operators, by kind and by module, and to what is none; the rows of either table sum
/// up to the step. Forward times reach from one operator's end to the next one's, and so include what the modules do
/// around them. Steps in warm-up are not counted.
class Profile final {
 public:
  explicit Profile(std::int64_t warm_up) : warm_up_(warm_up) {}

  void begin_step();
  /// The phase before ends. `forward` comes once a step: from there on operators are traced.
  void enter(Phase phase);
  void end_step();

  /// Steps counted.
  std::int64_t steps() const { return steps_; }
  /// Both tables, in milliseconds a step; rates also as shares of the machine's, where `limits` are known.
  std::string text(const MachineLimits* limits = nullptr) const;
  /// The same: {steps, step_ms, operators, modules, other_ms}.
  Json json() const;
  /// The first three steps counted.
  const ChromeTrace& trace() const { return trace_file_; }

 private:
  struct Row {
    std::string name, kernel = {};
    std::int64_t calls = 0;
    double forward = 0, backward = 0;  // seconds, of all steps together
    double flops = 0;                  // of matrix products and convolutions
    double bytes = 0;                  // that memory-bound operators moved at least
    double rated_seconds = 0;          // which these took
    DType dtype = DType::f32;          // of the products
    std::int64_t reorders = 0;
  };
  Row& operator_row(std::string_view name, std::string_view kernel);
  Row& module_row(const std::string& path);
  Json json_of(const std::vector<Row>& rows) const;
  void count(const TraceEntry& entry);
  void count(const TraceReorder& reorder);
  void draw(double step_end);

  std::int64_t warm_up_;
  std::int64_t steps_ = 0;
  std::optional<Trace> trace_;
  double step_start_ = 0;
  std::vector<std::pair<Phase, double>> phases_;  // of the step under way, with their starts
  double step_seconds_ = 0;
  std::array<double, 5> phase_seconds_{};
  std::vector<Row> operators_, modules_;
  double forward_ = 0, backward_ = 0;  // of all rows
  double gradient_sums_ = 0;
  ChromeTrace trace_file_;
};

/// For loops that may be profiled or not.
inline void enter(Profile* profile, Phase phase) {
  if (profile != nullptr) profile->enter(phase);
}

}  // namespace fanin
